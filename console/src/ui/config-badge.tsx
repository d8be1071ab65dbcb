import type { IstioObject } from '../api/kube.ts';
import { configState } from '../model/config-state.ts';
import { Badge } from './badges.tsx';

export function ConfigBadge({ object, leftOut }: { object: IstioObject; leftOut?: string | null }) {
  const { state, messages } = configState(object, leftOut);
  if (state === 'error') return <Badge tone="bad" title={messages.join('\n')}>error</Badge>;
  if (state === 'warning') return <Badge tone="warn" title={messages.join('\n')}>warning</Badge>;
  if (state === 'valid') return <Badge tone="good" title="The control plane uses it">in force</Badge>;
  return <Badge title="The admission webhook let it in; the control plane does not say whether it is used">admitted</Badge>;
}
