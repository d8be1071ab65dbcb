/** A cluster tells an application of its end at the time at which it tells the callers. Until they have heard, their requests meet an
 * application that closes its connections, and nobody can say whether it has read them. So its proxy is asked first. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import type { PodSettings } from '../../api/proxy-pod/pod-settings.ts';

const DEFAULT_GRACE_SECONDS = 30;
const MOST_SECONDS = 5;

/** Gives a preStop hook to the containers that have none; it takes at most a third of the pod's grace. */
export function holdUntilQuiet(pod: Pod, config: InjectConfig, { native, statusPort }: Pick<PodSettings, 'native' | 'statusPort'>): void {
  // A classic sidecar is told of the end when the application is.
  if (!config.values.holdApplicationUntilQuiet || !native || statusPort === 0) return;
  const seconds = Math.min(MOST_SECONDS, (pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) / 3);
  for (const container of pod.spec?.containers ?? []) {
    if (container.lifecycle?.preStop) continue;
    container.lifecycle = { ...container.lifecycle, preStop: { httpGet: { path: `/quiet?seconds=${seconds.toFixed(1)}`, port: statusPort } } };
  }
}
