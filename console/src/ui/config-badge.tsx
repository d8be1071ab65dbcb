import type { IstioObject } from '../api/kube.ts';
import { configState } from '../model/config-state.ts';
import { Badge } from './badges.tsx';

export function ConfigBadge({ object }: { object: IstioObject }) {
  const { state, messages } = configState(object);
  if (state === 'error') return <Badge tone="bad" title={messages.join('\n')}>error</Badge>;
  if (state === 'warning') return <Badge tone="warn" title={messages.join('\n')}>warning</Badge>;
  if (state === 'valid') return <Badge tone="good">accepted</Badge>;
  return <Badge title="The admission webhook let it in; the control plane has written no status">admitted</Badge>;
}
