import { formatPercent } from '../model/format.ts';
import type { WorkloadRow } from '../model/inventory.ts';

const COLORS = ['--accent', '--info', '--violet', '--warn', '--good'] as const;

/** How an application's traffic is split over its versions. */
export function VersionShares({ rows }: { rows: readonly WorkloadRow[] }) {
  const total = rows.reduce((sum, row) => sum + row.traffic.inbound.rate, 0);
  if (total === 0) return <span className="muted">–</span>;
  const text = rows.map((row) => `${row.version || row.name} ${formatPercent(row.traffic.inbound.rate / total)}`).join(', ');
  return (
    <span className="shares" title={text}>
      <span className="bar">
        {rows.map((row, i) => (
          <span key={row.name} style={{ width: `${(row.traffic.inbound.rate / total) * 100}%`, background: `var(${COLORS[i % COLORS.length]})` }} />
        ))}
      </span>
      <span className="muted shares-text">{text}</span>
    </span>
  );
}
