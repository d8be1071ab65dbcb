import { formatPercent, formatRate } from '../model/format.ts';
import { errorShare, healthOf, totalsOf } from '../model/health.ts';
import type { Call } from '../model/traffic.ts';
import { Link } from '../route/link.tsx';
import { HealthDot } from '../ui/badges.tsx';
import { Card } from '../ui/card.tsx';
import { servicePath } from './pages.ts';

const SHOWN = 7;

/** Where the traffic goes, and where it fails. */
export function BusiestServices({ calls }: { calls: readonly Call[] }) {
  const groups = Map.groupBy(calls.filter((call) => call.protocol !== 'tcp'), (call) => `${call.service.namespace}/${call.service.name}`);
  const rows = [...groups.entries()].map(([key, own]) => ({ key, service: own[0]?.service, totals: totalsOf(own) })).sort((a, b) => b.totals.rate - a.totals.rate).slice(0, SHOWN);
  const top = rows[0]?.totals.rate ?? 1;
  return (
    <Card title="Busiest services">
      {rows.length === 0 && <p className="muted">No requests in this window.</p>}
      <ul className="ranking">
        {rows.map(({ key, service, totals }) => (
          <li key={key}>
            <span className="spread">
              <span className="row">
                <HealthDot health={healthOf(totals)} />
                {service && <Link to={servicePath(service.namespace, service.name)}>{service.name}</Link>}
                <span className="muted">{service?.namespace}</span>
              </span>
              <span>
                {errorShare(totals) > 0 && <span className="tone-bad ranking-errors">{formatPercent(errorShare(totals))}</span>}
                {formatRate(totals.rate)}
              </span>
            </span>
            <span className="bar">
              <span style={{ width: `${(totals.rate / top) * (1 - errorShare(totals)) * 100}%`, background: 'var(--accent)' }} />
              <span style={{ width: `${(totals.rate / top) * errorShare(totals) * 100}%`, background: 'var(--bad)' }} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
