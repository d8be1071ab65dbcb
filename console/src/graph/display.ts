/** What the reader wants to see in the graph; in the address bar like every setting. */
import { setParams, usePlace } from '../route/route.ts';

export const EDGE_LABELS = [
  ['rate', 'Rate'],
  ['share', 'Traffic share'],
  ['p50', 'Response time p50'],
  ['p95', 'Response time p95'],
  ['p99', 'Response time p99'],
  ['none', 'No labels'],
] as const;
export type EdgeLabel = (typeof EDGE_LABELS)[number][0];

export interface Display {
  readonly label: EdgeLabel;
  readonly serviceNodes: boolean;
  readonly animate: boolean;
  readonly security: boolean;
}

export function useDisplay(): Display {
  const { params } = usePlace();
  const label = EDGE_LABELS.find(([id]) => id === params.get('label'))?.[0] ?? 'share';
  return { label, serviceNodes: params.get('services') !== 'off', animate: params.get('animate') !== 'off', security: params.get('security') !== 'off' };
}

export const setLabel = (label: string): void => setParams({ label: label === 'share' ? undefined : label });
export const setFlag = (name: 'services' | 'animate' | 'security', on: boolean): void => setParams({ [name]: on ? undefined : 'off' });
