/** Gives every new pod its node. With one node this is a check and a binding, done on the pod's first event. */
import type { Pod, PodCondition } from 'kubernetes-types/core/v1.d.ts';
import { isConflict, isNotFound } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { Nodes, PersistentVolumeClaims, Pods, StorageClasses } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import { isoTime } from './controller.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { misfit } from './node-fit.ts';
import { podCondition } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import { isBoundClaim, waitsForConsumer } from './storage/claims.ts';

export function createScheduler(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const pods = caches.of(Pods);
  const nodes = caches.of(Nodes);
  const claims = caches.of(PersistentVolumeClaims);
  caches.of(StorageClasses);
  const events = context.events('default-scheduler');
  /** Pods that could not be placed; looked at again when a node or a claim changes. */
  const waiting = new Set<string>();

  const reconcile = async (key: string): Promise<void> => {
    const pod = pods.get(key);
    waiting.delete(key);
    if (!pod || !isPending(pod)) return;
    const refusal = refusalOf(context, pod);
    if (refusal === undefined) {
      const [node] = nodes.list().filter((each) => misfit(pod, each) === undefined);
      if (node && (await bind(context, pod, node.metadata.name))) {
        events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node.metadata.name}`);
      }
      return;
    }
    waiting.add(key);
    const held = podCondition(pod, 'PodScheduled');
    if (held?.message === refusal) return;
    events.event(pod, 'Warning', 'FailedScheduling', refusal);
    const condition: PodCondition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: refusal, lastTransitionTime: isoTime(clock) };
    const conditions = [...(pod.status?.conditions ?? []).filter((each) => each.type !== 'PodScheduled'), condition];
    pods.remember(await context.client.update(Pods, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status' }));
  };

  const queue = createReconciler({ name: 'scheduler', clock, log, reconcile, workers: 16 });
  const retryWaiting = () => {
    for (const key of waiting) queue.enqueue(key);
  };
  pods.subscribe(({ object }) => {
    if (isPending(object)) queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`);
  });
  nodes.subscribe(({ type }) => {
    // Heartbeats change nodes too, but a pod that waits is cheap to look at.
    if (type !== 'deleted') retryWaiting();
  });
  claims.subscribe(retryWaiting);
  return queue;
}

const isPending = (pod: Pod): boolean => !pod.spec?.nodeName && !pod.metadata?.deletionTimestamp && !pod.spec?.schedulingGates?.length;

/** Why the pod cannot be placed, in the scheduler's words; undefined when it can. */
function refusalOf(context: ControllerContext, pod: Stored<Pod>): string | undefined {
  const nodes = context.caches.of(Nodes).list();
  if (nodes.length === 0) return 'no nodes available to schedule pods';
  const preemption = `preemption: 0/${nodes.length} nodes are available: ${nodes.length} Preemption is not helpful for scheduling.`;
  const claim = claimProblem(context, pod);
  if (claim) return `0/${nodes.length} nodes are available: ${claim}. ${preemption}`;
  const reasons = nodes.map((node) => misfit(pod, node));
  if (reasons.some((reason) => reason === undefined)) return undefined;
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason ?? '', (counts.get(reason ?? '') ?? 0) + 1);
  const listed = [...counts].map(([reason, count]) => `${count} ${reason}`).sort().join(', ');
  return `0/${nodes.length} nodes are available: ${listed}. ${preemption}`;
}

function claimProblem(context: ControllerContext, pod: Stored<Pod>): string | undefined {
  const claims = context.caches.of(PersistentVolumeClaims);
  for (const volume of pod.spec?.volumes ?? []) {
    const name = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined);
    if (name === undefined) continue;
    const claim = claims.get(`${pod.metadata.namespace}/${name}`);
    if (!claim) return volume.ephemeral ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"` : `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (!isBoundClaim(claim) && !waitsForConsumer(context.caches.of(StorageClasses), claim)) return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

async function bind(context: ControllerContext, pod: Stored<Pod>, node: string): Promise<boolean> {
  const { namespace = '', name, uid } = pod.metadata;
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
  try {
    // The subresource takes another kind than the pod it belongs to.
    await context.client.create(Pods as Resource<KubeObject>, binding, { namespace, name, subresource: 'binding' });
    return true;
  } catch (error) {
    // Bound already or gone: the next event tells.
    if (isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}
