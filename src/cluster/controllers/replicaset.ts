/** Keeps as many pods of a ReplicaSet's template alive as it asks for. Kubernetes: pkg/controller/replicaset. */
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from 'kubernetes-types/apps/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { errorText } from '../../base/errors.ts';
import type { Stored } from '../../kube/object.ts';
import { Pods, ReplicaSets } from '../../kube/resource.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';
import { isoTime } from './controller.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { deepEqual } from './equal.ts';
import { claim, followChildren } from './ownership.ts';
import { createPodControl, inGrowingBatches, isNamespaceTerminating } from './pod-control.ts';
import type { PodControl } from './pod-control.ts';
import { availableInMs, deletionOrder, isPodActive } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import type { Again } from './reconciler.ts';

/** Most pods made or ended in one go. Kubernetes: replicaset.BurstReplicas */
const BURST = 500;

export function createReplicaSetController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const sets = caches.of(ReplicaSets);
  const pods = caches.of(Pods);
  const podControl = createPodControl(context, ReplicaSets, context.events('replicaset-controller'));

  const reconcile = async (key: string): Promise<Again | void> => {
    const set = sets.get(key);
    if (!set) return;
    const owned = await claim(caches, pods, { resource: ReplicaSets, object: set, selector: set.spec?.selector });
    const active = owned.filter(isPodActive);
    const failure = set.metadata.deletionTimestamp ? undefined : await scale(podControl, set, active);
    // The pods as they are after scaling.
    const now = pods.ownedBy(set.metadata.uid).filter(isPodActive);
    const status = replicaSetStatus(set, now, { nowMs: clock.now(), time: isoTime(clock), failure });
    await writeStatus(context, set, status);
    if (failure && !isNamespaceTerminating(failure.error)) throw failure.error;
    return againWhenAvailable(set, now, clock.now());
  };

  const queue = createReconciler({ name: 'replicaset', clock, log, reconcile });
  sets.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  followChildren(pods, sets, { selectorOf: (set) => set.spec?.selector, enqueue: (key) => queue.enqueue(key) });
  return queue;
}

interface ScaleFailure {
  reason: 'FailedCreate' | 'FailedDelete';
  error: unknown;
}

async function scale(podControl: PodControl, set: Stored<ReplicaSet>, active: Stored<Pod>[]): Promise<ScaleFailure | undefined> {
  const missing = (set.spec?.replicas ?? 1) - active.length;
  const template = set.spec?.template;
  try {
    if (missing > 0 && template) await inGrowingBatches(Math.min(BURST, missing), () => podControl.create(set, template));
    else if (missing < 0) {
      // The order is one of Pods, which are the Stored ones that were put in.
      const surplus = (deletionOrder(active) as Stored<Pod>[]).slice(0, Math.min(BURST, -missing));
      await Promise.all(surplus.map((pod) => podControl.delete(set, pod)));
    }
    return undefined;
  } catch (error) {
    return { reason: missing > 0 ? 'FailedCreate' : 'FailedDelete', error };
  }
}

export function replicaSetStatus(
  set: Stored<ReplicaSet>,
  active: readonly Pod[],
  at: { nowMs: number; time: string; failure?: ScaleFailure | undefined },
): ReplicaSetStatus {
  const templateLabels = set.spec?.template?.metadata?.labels ?? {};
  const waits = active.map((pod) => availableInMs(pod, set.spec?.minReadySeconds, at.nowMs));
  const status: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => matchesLabelSelector({ matchLabels: templateLabels }, pod.metadata?.labels)).length,
    readyReplicas: waits.filter((wait) => wait !== undefined).length,
    availableReplicas: waits.filter((wait) => wait === 0).length,
    observedGeneration: set.metadata.generation ?? 0,
  };
  // As Go's `omitempty` has it.
  for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) if (!status[field]) delete status[field];
  const conditions = conditionsAfter(set.status?.conditions ?? [], at);
  return conditions.length > 0 ? { ...status, conditions } : status;
}

function conditionsAfter(before: readonly ReplicaSetCondition[], at: { time: string; failure?: ScaleFailure | undefined }): ReplicaSetCondition[] {
  const others = before.filter((condition) => condition.type !== 'ReplicaFailure');
  if (!at.failure) return others;
  // The first failure stays until it is over: the next has another pod's name in it, and each write would be followed
  // by another try.
  if (others.length < before.length) return [...before];
  const message = errorText(at.failure.error);
  return [...others, { type: 'ReplicaFailure', status: 'True', reason: at.failure.reason, message, lastTransitionTime: at.time }];
}

async function writeStatus(context: ControllerContext, set: Stored<ReplicaSet>, status: ReplicaSetStatus): Promise<void> {
  if (deepEqual(set.status, status)) return;
  const stored = await context.client.update(ReplicaSets, { ...set, status }, { subresource: 'status' });
  context.caches.of(ReplicaSets).remember(stored);
}

function againWhenAvailable(set: Stored<ReplicaSet>, active: readonly Pod[], nowMs: number): Again | undefined {
  const waits = active.map((pod) => availableInMs(pod, set.spec?.minReadySeconds, nowMs)).filter((wait) => wait !== undefined && wait > 0);
  return waits.length > 0 ? { afterMs: Math.min(...(waits as number[])) } : undefined;
}
