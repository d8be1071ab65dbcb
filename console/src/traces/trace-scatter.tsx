import { formatMicros } from '../model/format.ts';
import type { TraceView } from '../model/trace.ts';
import { hrefTo, navigate } from '../route/route.ts';
import { Card } from '../ui/card.tsx';

const WIDTH = 1000;
const HEIGHT = 130;
const LEFT = 64;
const BOTTOM = 22;

/** Every trace by when it started and how long it took. */
export function TraceScatter({ traces }: { traces: readonly TraceView[] }) {
  const starts = traces.map((trace) => trace.startUs);
  const [first, last] = [Math.min(...starts), Math.max(...starts)];
  const top = Math.max(...traces.map((trace) => trace.durationUs)) * 1.1;
  const x = (us: number) => LEFT + ((us - first) / Math.max(1, last - first)) * (WIDTH - LEFT - 20);
  const y = (us: number) => HEIGHT - BOTTOM - (us / top) * (HEIGHT - BOTTOM - 12);
  const clock = (us: number) => new Date(us / 1000).toLocaleTimeString([], { hour12: false });
  return (
    <Card className="scatter-card">
      <svg className="scatter" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${traces.length} traces by time and duration`}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={LEFT} x2={WIDTH} y1={y(top * share * 0.9)} y2={y(top * share * 0.9)} />
            <text x={LEFT - 8} y={y(top * share * 0.9) + 4} textAnchor="end">
              {formatMicros(top * share * 0.9)}
            </text>
          </g>
        ))}
        <text x={LEFT} y={HEIGHT - 4}>
          {clock(first)}
        </text>
        <text x={WIDTH - 4} y={HEIGHT - 4} textAnchor="end">
          {clock(last)}
        </text>
        {traces.map((trace) => (
          <circle key={trace.id} cx={x(trace.startUs)} cy={y(trace.durationUs)} r={3.5 + Math.min(5, trace.rows.length / 4)} className={trace.errors > 0 ? 'is-error' : ''} onClick={() => navigate(hrefTo(`/traces/${trace.id}`))}>
            <title>{`${trace.title}\n${formatMicros(trace.durationUs)}, ${trace.rows.length} spans`}</title>
          </circle>
        ))}
      </svg>
    </Card>
  );
}
