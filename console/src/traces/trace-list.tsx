import { formatAge, formatMicros } from '../model/format.ts';
import { hueOf, type TraceView } from '../model/trace.ts';
import { Link } from '../route/link.tsx';
import { Badge } from '../ui/badges.tsx';

export function TraceList({ traces }: { traces: readonly TraceView[] }) {
  const longest = Math.max(...traces.map((trace) => trace.durationUs), 1);
  return (
    <ul className="trace-list" data-testid="trace-list">
      {traces.map((trace) => (
        <li key={trace.id}>
          <Link to={`/traces/${trace.id}`} className="trace-item" data-testid="trace-item" data-spans={trace.rows.length}>
            <span className="trace-bar" style={{ width: `${(trace.durationUs / longest) * 100}%` }} />
            <span className="spread">
              <strong>{trace.title}</strong>
              <span>{formatMicros(trace.durationUs)}</span>
            </span>
            <span className="spread">
              <span className="row-wrap">
                <Badge>{trace.rows.length} spans</Badge>
                {trace.errors > 0 && <Badge tone="bad">{trace.errors} errors</Badge>}
                {trace.services.map((service) => (
                  <span key={service} className="service-chip" style={{ ['--hue' as string]: hueOf(service) }}>
                    {service}
                  </span>
                ))}
              </span>
              <span className="muted nowrap">
                <span className="mono">{trace.id.slice(0, 8)}</span> · {formatAge(new Date(trace.startUs / 1000).toISOString(), Date.now())} ago
              </span>
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
