import type { IstioObject } from '../api/kube.ts';
import { configState, type State } from '../model/config-state.ts';
import { Badge } from './badges.tsx';

const LOOKS: Readonly<Record<State, readonly [tone: 'good' | 'warn' | 'bad' | 'info' | 'plain', text: string, title: string]>> = {
  error: ['bad', 'error', ''],
  pending: ['info', 'pending', ''],
  warning: ['warn', 'warning', ''],
  unknown: ['plain', 'admitted', 'The admission webhook let it in; the control plane does not say whether it is used'],
  unused: ['plain', 'unused', 'It is good, and no connected proxy has a use for it'],
  valid: ['good', 'in force', 'Every proxy that it concerns has acknowledged it'],
};

export function ConfigBadge({ object }: { object: IstioObject }) {
  const { state, messages } = configState(object);
  const [tone, text, title] = LOOKS[state];
  return <Badge tone={tone} title={messages.join('\n') || title}>{text}</Badge>;
}

/** The badge, with the worst of what is wrong beside it on one line. */
export function ConfigStateCell({ object }: { object: IstioObject }) {
  const { headline, messages } = configState(object);
  return (
    <span className="config-state">
      <ConfigBadge object={object} />
      {headline !== undefined && <span className="config-state-text" title={messages.join('\n')}>{headline}</span>}
    </span>
  );
}
