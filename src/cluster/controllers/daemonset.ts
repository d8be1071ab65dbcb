/** Keeps one pod of every DaemonSet on every node that takes it. Kubernetes: pkg/controller/daemon. */
import type { DaemonSet, DaemonSetStatus } from 'kubernetes-types/apps/v1.d.ts';
import type { Node, Pod, PodTemplateSpec, Toleration } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import { DaemonSets, Nodes, Pods } from '../../kube/resource.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { createRevisions, REVISION_HASH } from './controller-revisions.ts';
import { scaled } from './deployment/rollout-plan.ts';
import { deepEqual } from './equal.ts';
import { misfit } from './node-fit.ts';
import { claim, followChildren } from './ownership.ts';
import { createPodControl } from './pod-control.ts';
import type { PodControl, PodShape } from './pod-control.ts';
import { availableInMs, isPodFinished, isPodReady } from './pods.ts';
import { createReconciler } from './reconciler.ts';

const ALWAYS_TOLERATED: readonly Toleration[] = [
  ...['not-ready', 'unreachable'].map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoExecute' })),
  ...['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoSchedule' })),
];

export function createDaemonSetController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const sets = caches.of(DaemonSets);
  const pods = caches.of(Pods);
  const nodes = caches.of(Nodes);
  const podControl = createPodControl(context, DaemonSets, context.events('daemonset-controller'));
  const revisions = createRevisions(context, DaemonSets);

  const reconcile = async (key: string): Promise<void> => {
    const set = sets.get(key);
    if (!set || set.metadata.deletionTimestamp || !set.spec?.template) return;
    const { template } = set.spec;
    const hash = (await revisions.ensure(set, template)).slice(set.metadata.name.length + 1);
    const owned = await claim(caches, pods, { resource: DaemonSets, object: set, selector: set.spec.selector });
    const suitable = nodes.list().filter((node) => misfit(daemonPod(template), node) === undefined);
    await placePods({ podControl, set, template, hash }, owned, suitable);
    await replaceOld(podControl, set, { hash, nodes: suitable.length, nowMs: clock.now() }, pods.ownedBy(set.metadata.uid));
    const status = statusOf(set, pods.ownedBy(set.metadata.uid), { nodes: suitable, hash, nowMs: clock.now() });
    if (!deepEqual(set.status, status)) sets.remember(await context.client.update(DaemonSets, { ...set, status }, { subresource: 'status' }));
    await revisions.trim(set, new Set([`${set.metadata.name}-${hash}`]), set.spec.revisionHistoryLimit ?? 10);
  };

  const queue = createReconciler({ name: 'daemonset', clock, log, reconcile });
  sets.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  followChildren(pods, sets, { selectorOf: (set) => set.spec?.selector, enqueue: (key) => queue.enqueue(key) });
  nodes.subscribe(({ type, object, old }) => {
    if (type === 'updated' && old && deepEqual([old.spec, old.metadata.labels], [object.spec, object.metadata.labels])) return;
    for (const set of sets.list()) queue.enqueue(`${set.metadata.namespace}/${set.metadata.name}`);
  });
  return queue;
}

interface Placing {
  podControl: PodControl;
  set: Stored<DaemonSet>;
  template: PodTemplateSpec;
  hash: string;
}

/** The node that a pod is on, or is made for and not bound to yet. */
function nodeOf(pod: Pod): string | undefined {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return pod.spec?.nodeName ?? terms?.[0]?.matchFields?.find((field) => field.key === 'metadata.name')?.values?.[0];
}

async function placePods({ podControl, set, template, hash }: Placing, owned: readonly Stored<Pod>[], nodes: readonly Stored<Node>[]): Promise<void> {
  const names = new Set(nodes.map((node) => node.metadata.name));
  for (const pod of owned) {
    const isMisplaced = !names.has(nodeOf(pod) ?? '');
    if (!pod.metadata.deletionTimestamp && (isMisplaced || isPodFinished(pod))) await podControl.delete(set, pod);
  }
  const taken = new Set(owned.filter((pod) => !isPodFinished(pod)).map(nodeOf));
  for (const name of names) if (!taken.has(name)) await podControl.create(set, template, daemonShape(name, hash));
}

function daemonShape(node: string, hash: string): PodShape {
  return {
    labels: { [REVISION_HASH]: hash },
    adjust(spec) {
      const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] } };
      spec.affinity = { ...spec.affinity, nodeAffinity };
      spec.tolerations = [...(spec.tolerations ?? []), ...ALWAYS_TOLERATED];
    },
  };
}

/** The pod as it would be, for asking whether the node takes it. */
function daemonPod(template: PodTemplateSpec): Pod {
  const { containers = [], ...rest } = template.spec ?? { containers: [] };
  return { spec: { ...rest, containers, tolerations: [...(rest.tolerations ?? []), ...ALWAYS_TOLERATED] } };
}

/** Ends pods of older revisions, as many as may be unavailable at one time. */
async function replaceOld(podControl: PodControl, set: Stored<DaemonSet>, at: { hash: string; nodes: number; nowMs: number }, owned: readonly Stored<Pod>[]): Promise<void> {
  const strategy = set.spec?.updateStrategy;
  if (strategy?.type === 'OnDelete') return;
  const most = Math.max(1, scaled(strategy?.rollingUpdate?.maxUnavailable ?? 1, at.nodes, Math.ceil));
  const isAvailable = (pod: Stored<Pod>) => !pod.metadata.deletionTimestamp && availableInMs(pod, set.spec?.minReadySeconds, at.nowMs) === 0;
  const old = owned.filter((pod) => !pod.metadata.deletionTimestamp && pod.metadata.labels?.[REVISION_HASH] !== at.hash);
  // Old pods that do not serve cost nothing; the others share what is left.
  const useless = old.filter((pod) => !isAvailable(pod));
  const left = Math.max(0, most - (at.nodes - owned.filter(isAvailable).length));
  for (const pod of [...useless, ...old.filter(isAvailable).slice(0, left)]) await podControl.delete(set, pod);
}

function statusOf(set: Stored<DaemonSet>, pods: readonly Stored<Pod>[], at: { nodes: readonly Stored<Node>[]; hash: string; nowMs: number }): DaemonSetStatus {
  const names = new Set(at.nodes.map((node) => node.metadata.name));
  const placed = pods.filter((pod) => names.has(nodeOf(pod) ?? '') && !pod.metadata.deletionTimestamp);
  const available = placed.filter((pod) => availableInMs(pod, set.spec?.minReadySeconds, at.nowMs) === 0).length;
  const updated = placed.filter((pod) => pod.metadata.labels?.[REVISION_HASH] === at.hash).length;
  const unavailable = at.nodes.length - available;
  return {
    currentNumberScheduled: placed.length,
    numberMisscheduled: pods.filter((pod) => !names.has(nodeOf(pod) ?? '')).length,
    desiredNumberScheduled: at.nodes.length,
    numberReady: placed.filter(isPodReady).length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
  };
}
