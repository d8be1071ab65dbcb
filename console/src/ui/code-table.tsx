import { formatPercent, formatRate } from '../model/format.ts';

/** What Envoy's short flags mean, for those that people meet. */
const FLAGS: Readonly<Record<string, string>> = {
  UH: 'no healthy upstream',
  UF: 'connection to the upstream failed',
  UO: 'circuit breaker: too many requests',
  NR: 'no route matched',
  NC: 'the cluster does not exist',
  URX: 'all retries failed',
  UT: 'upstream timed out',
  UC: 'upstream closed the connection',
  UR: 'upstream reset the stream',
  LR: 'reset by the proxy',
  DC: 'the caller went away',
  DI: 'delay injected',
  FI: 'fault injected',
  RL: 'rate limited',
  UAEX: 'refused by the external authorizer',
};

const toneOf = (code: string): string => (/^5|^0$|^-$/.test(code) ? 'bad' : code.startsWith('4') ? 'warn' : 'good');

export function CodeTable({ codes, flags, total }: { codes: ReadonlyMap<string, number>; flags?: ReadonlyMap<string, number>; total: number }) {
  if (codes.size === 0) return null;
  const rows = [...codes].sort((a, b) => b[1] - a[1]);
  return (
    <div className="codes">
      <div className="bar" aria-hidden="true">
        {rows.map(([code, rate]) => (
          <span key={code} style={{ width: `${(rate / total) * 100}%`, background: `var(--${toneOf(code)})` }} />
        ))}
      </div>
      <table aria-label="Response codes">
        <tbody>
          {rows.map(([code, rate]) => (
            <tr key={code}>
              <td>
                <span className={`badge badge-${toneOf(code)}`}>{code === '0' ? 'no answer' : code}</span>
              </td>
              <td className="right">{formatRate(rate)}</td>
              <td className="right muted">{formatPercent(rate / total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {flags && flags.size > 0 && (
        <p className="hint muted">
          {[...flags.keys()].map((flag) => (
            <span key={flag} className="flag">
              <code>{flag}</code> {FLAGS[flag] ?? ''}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
