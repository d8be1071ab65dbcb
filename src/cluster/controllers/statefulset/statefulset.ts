/** Keeps the numbered pods of StatefulSets. Differs from Kubernetes: `persistentVolumeClaimRetentionPolicy` is not
 * acted on; claims stay. */
import type { StatefulSet, StatefulSetStatus } from 'kubernetes-types/apps/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { isAlreadyExists } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../../../kube/resource.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { createRevisions } from '../controller-revisions.ts';
import type { Revisions } from '../controller-revisions.ts';
import { deepEqual } from '../equal.ts';
import { claim, followChildren } from '../ownership.ts';
import { createPodControl } from '../pod-control.ts';
import type { PodControl } from '../pod-control.ts';
import { availableInMs, isPodReady } from '../pods.ts';
import { createReconciler } from '../reconciler.ts';
import type { Again } from '../reconciler.ts';
import { isOnRevision, nextSteps, ordinalOf } from './set-plan.ts';
import type { SetStep } from './set-plan.ts';
import { statefulClaims, statefulPodShape } from './stateful-pod.ts';

export function createStatefulSetController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const sets = caches.of(StatefulSets);
  const pods = caches.of(Pods);
  caches.of(PersistentVolumeClaims);
  const tools = { podControl: createPodControl(context, StatefulSets, context.events('statefulset-controller')), revisions: createRevisions(context, StatefulSets) };

  const reconcile = async (key: string): Promise<Again | void> => {
    const set = sets.get(key);
    if (!set || set.metadata.deletionTimestamp || !set.spec?.template) return;
    const updateRevision = await tools.revisions.ensure(set, set.spec.template);
    const currentRevision = set.status?.currentRevision || updateRevision;
    const owned = (await claim(caches, pods, { resource: StatefulSets, object: set, selector: set.spec.selector })).filter((pod) => ordinalOf(set, pod) !== undefined);
    const steps = nextSteps({ set, pods: owned, updateRevision, nowMs: clock.now() });
    let failure: unknown;
    try {
      for (const step of steps) await take(context, tools, set, { step, updateRevision, currentRevision });
    } catch (error) {
      failure = error;
    }
    const now = pods.ownedBy(set.metadata.uid);
    await writeStatus(context, set, statusOf(set, now, { updateRevision, currentRevision, nowMs: clock.now() }));
    await tools.revisions.trim(set, new Set([updateRevision, currentRevision]), set.spec.revisionHistoryLimit ?? 10);
    if (failure) throw failure;
    const waits = now.map((pod) => availableInMs(pod, set.spec?.minReadySeconds, clock.now())).filter((wait) => wait !== undefined && wait > 0);
    if (waits.length > 0) return { afterMs: Math.min(...(waits as number[])) };
  };

  const queue = createReconciler({ name: 'statefulset', clock, log, reconcile });
  sets.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  followChildren(pods, sets, { selectorOf: (set) => set.spec?.selector, enqueue: (key) => queue.enqueue(key) });
  return queue;
}

interface Tools {
  podControl: PodControl;
  revisions: Revisions;
}

async function take(context: ControllerContext, tools: Tools, set: Stored<StatefulSet>, what: { step: SetStep; updateRevision: string; currentRevision: string }): Promise<void> {
  const { step, updateRevision, currentRevision } = what;
  if (step.t === 'delete') return tools.podControl.delete(set, step.pod);
  await ensureClaims(context, set, step.ordinal);
  // Below the partition a pod that was lost comes back as it was.
  const isHeldBack = step.ordinal < (set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0);
  const old = isHeldBack ? tools.revisions.template(set, currentRevision) : undefined;
  const template = old ?? set.spec?.template;
  if (template) await tools.podControl.create(set, template, statefulPodShape(set, step.ordinal, old ? currentRevision : updateRevision));
}

async function ensureClaims(context: ControllerContext, set: Stored<StatefulSet>, ordinal: number): Promise<void> {
  const cache = context.caches.of(PersistentVolumeClaims);
  for (const { claim } of statefulClaims(set, ordinal)) {
    const { namespace = '', name } = claim.metadata ?? {};
    if (cache.get(`${namespace}/${name}`)) continue;
    try {
      cache.remember(await context.client.create(PersistentVolumeClaims, claim, { namespace }));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

function statusOf(set: Stored<StatefulSet>, pods: readonly Stored<Pod>[], at: { updateRevision: string; currentRevision: string; nowMs: number }): StatefulSetStatus {
  const living = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  const hash = (revision: string) => revision.slice(set.metadata.name.length + 1);
  const updated = living.filter((pod) => isOnRevision(pod, hash(at.updateRevision)));
  const ready = living.filter(isPodReady);
  const wanted = set.spec?.replicas ?? 1;
  const isRolledOut = updated.length === wanted && ready.length === wanted && pods.length === wanted;
  const currentRevision = isRolledOut ? at.updateRevision : at.currentRevision;
  const current = living.filter((pod) => isOnRevision(pod, hash(currentRevision))).length;
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
    availableReplicas: living.filter((pod) => availableInMs(pod, set.spec?.minReadySeconds, at.nowMs) === 0).length,
    ...(current > 0 ? { currentReplicas: current } : {}),
    ...(updated.length > 0 ? { updatedReplicas: updated.length } : {}),
    currentRevision,
    updateRevision: at.updateRevision,
    collisionCount: set.status?.collisionCount ?? 0,
  };
}

async function writeStatus(context: ControllerContext, set: Stored<StatefulSet>, status: StatefulSetStatus): Promise<void> {
  if (deepEqual(set.status, status)) return;
  context.caches.of(StatefulSets).remember(await context.client.update(StatefulSets, { ...set, status }, { subresource: 'status' }));
}
