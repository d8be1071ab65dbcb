import { formatBytes, formatPercent, formatRate } from '../model/format.ts';
import { errorShare, type TrafficTotals } from '../model/health.ts';

export function RateCell({ totals }: { totals: TrafficTotals }) {
  if (totals.rate > 0) return <>{formatRate(totals.rate)}</>;
  return totals.bytes > 0 ? <>{formatBytes(totals.bytes)}</> : <span className="muted">–</span>;
}

export function ErrorCell({ totals }: { totals: TrafficTotals }) {
  if (totals.rate === 0) return <span className="muted">–</span>;
  const share = errorShare(totals);
  return <span className={share === 0 ? 'muted' : share >= 0.1 ? 'tone-bad' : 'tone-warn'}>{formatPercent(share)}</span>;
}
