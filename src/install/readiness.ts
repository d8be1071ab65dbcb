/** Waits for Deployments, and tells what holds them up when they do not come. */
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../base/clock.ts';
import { createInformer } from '../kube/informer.ts';
import type { KubeClient } from '../kube/client.ts';
import { objectKey, type KubeObject } from '../kube/object.ts';
import { Deployments, Pods } from '../kube/resource.ts';
import { InstallError } from './errors.ts';

export interface WaitOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** That all of them have; default: all Deployments are watched. */
  readonly labelSelector?: string;
  readonly signal?: AbortSignal;
  /** Called once for each Deployment, with its key, when it is ready. */
  onReady?(key: string): void;
}

/** @throws InstallError INSTALL_TIMEOUT that names what is not ready and why */
export async function waitForDeployments(expected: readonly KubeObject[], options: WaitOptions): Promise<void> {
  const { client, clock, signal } = options;
  const pending = new Set(expected.map(objectKey));
  if (pending.size === 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const informer = createInformer(Deployments, { client, clock, ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }) });
  const timer = clock.after(options.timeoutMs, () => void explain(client, expected, pending).then((text) => reject(new InstallError('INSTALL_TIMEOUT', text)), reject));
  const onAbort = () => reject(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([informer.start(), promise]);
    informer.subscribe(({ type, object }) => {
      const key = objectKey(object);
      if (type === 'deleted' || !isReady(object) || !pending.delete(key)) return;
      options.onReady?.(key);
      if (pending.size === 0) resolve();
    });
    await promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    await informer.close();
  }
}

/** As `kubectl rollout status` decides. */
export function isReady(deployment: Deployment): boolean {
  const { metadata, spec, status } = deployment;
  const wanted = spec?.replicas ?? 1;
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1);
  return isSeen && (status?.updatedReplicas ?? 0) >= wanted && (status?.availableReplicas ?? 0) >= wanted && (status?.replicas ?? 0) <= (status?.updatedReplicas ?? 0);
}

async function explain(client: KubeClient, expected: readonly KubeObject[], pending: ReadonlySet<string>): Promise<string> {
  const late = expected.filter((object) => pending.has(objectKey(object))) as Deployment[];
  const reasons = await Promise.all(
    late.map(async (deployment) => {
      const namespace = deployment.metadata?.namespace ?? '';
      const labelSelector = Object.entries(deployment.spec?.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`).join(',');
      const { items } = await client.list(Pods, { namespace, labelSelector });
      const why = items.length === 0 ? `no pod was created; see: kubectl describe replicaset -n ${namespace}` : items.flatMap(podProblems).join(', ') || 'its pods are not ready';
      return `${objectKey(deployment)} (${why})`;
    }),
  );
  return `not ready in time: ${reasons.join('; ')}. See: kubectl describe pod -n ${late[0]?.metadata?.namespace ?? 'istio-system'}`;
}

function podProblems(pod: Pod): string[] {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const problems = statuses.flatMap((status) => {
    const { waiting, terminated } = status.state ?? {};
    const problem = waiting ?? terminated ?? status.lastState?.terminated;
    return problem && !status.ready ? [`container ${status.name}: ${problem.reason ?? ''}${problem.message ? ` ${problem.message}` : ''}`.trim()] : [];
  });
  const unscheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled' && condition.status === 'False');
  return unscheduled ? [`not scheduled: ${unscheduled.message ?? unscheduled.reason ?? ''}`] : problems;
}
