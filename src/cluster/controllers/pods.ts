/** What controllers ask of a pod. */
import type { Pod, PodCondition } from 'kubernetes-types/core/v1.d.ts';

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True';

export const isPodFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Not finished and not being deleted: what counts towards `replicas`. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !pod.metadata?.deletionTimestamp;

/** Milliseconds until a ready pod counts as available; 0 when it does now, undefined when it is not ready.
 * @param minReadySeconds default 0 */
export function availableInMs(pod: Pod, minReadySeconds: number | undefined, nowMs: number): number | undefined {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (!minReadySeconds) return 0;
  const since = Date.parse(String(ready.lastTransitionTime ?? ''));
  return Number.isNaN(since) ? minReadySeconds * 1000 : Math.max(0, since + minReadySeconds * 1000 - nowMs);
}

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** The order in which a ReplicaSet gives pods up: the least useful first. Kubernetes: controller.ActivePodsWithRanks. */
export function deletionOrder(pods: readonly Pod[]): Pod[] {
  return [...pods].sort((a, b) => {
    return (
      Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName)) ||
      (PHASE_RANK[a.status?.phase ?? 'Pending'] ?? 1) - (PHASE_RANK[b.status?.phase ?? 'Pending'] ?? 1) ||
      Number(isPodReady(a)) - Number(isPodReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      readySince(b) - readySince(a) ||
      restarts(b) - restarts(a) ||
      Date.parse(String(b.metadata?.creationTimestamp)) - Date.parse(String(a.metadata?.creationTimestamp)) ||
      (String(a.metadata?.name) < String(b.metadata?.name) ? -1 : 1)
    );
  });
}

const deletionCost = (pod: Pod): number => Number(pod.metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
const readySince = (pod: Pod): number => Date.parse(String(podCondition(pod, 'Ready')?.lastTransitionTime ?? '')) || 0;
const restarts = (pod: Pod): number => Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
