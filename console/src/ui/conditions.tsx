import { formatAge } from '../model/format.ts';
import type { ConditionView, Progress, Tone } from '../model/condition.ts';
import { Icon, type IconName } from './icon.tsx';

const ICONS: Readonly<Record<Tone, IconName>> = { good: 'check', plain: 'check', warn: 'alert', pending: 'clock', bad: 'alert' };
const ORDER: readonly Tone[] = ['bad', 'pending', 'warn', 'plain', 'good'];

/** What the control plane and the proxies say of an object, the worst first. */
export function Conditions({ conditions }: { conditions: readonly ConditionView[] }) {
  const sorted = [...conditions].sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone));
  return (
    <ul className="conditions" data-testid="conditions">
      {sorted.map(({ type, tone, reason, points, since, progress }) => (
        <li key={type} className={`condition condition-${tone}`} data-condition={type}>
          <span className="condition-icon">
            <Icon name={ICONS[tone]} size={16} />
          </span>
          <div className="condition-body">
            <div className="spread">
              <span className="row-wrap">
                <strong>{type}</strong>
                {reason !== '' && reason !== type && <span className="condition-reason">{reason}</span>}
              </span>
              <span className="muted" title={since}>{since === undefined ? '' : `for ${formatAge(since, Date.now())}`}</span>
            </div>
            {progress && <ProgressBar progress={progress} />}
            {points.map((point) => (
              <p key={point} className="condition-point">{point}</p>
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}

function ProgressBar({ progress: { acknowledged, interested } }: { progress: Progress }) {
  return (
    <div className="condition-bar" role="meter" aria-label="Proxies that have acknowledged it" aria-valuemin={0} aria-valuemax={interested} aria-valuenow={acknowledged}>
      <span style={{ width: `${interested === 0 ? 0 : (acknowledged / interested) * 100}%` }} />
    </div>
  );
}
