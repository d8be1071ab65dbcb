/** Rolls a Deployment's pod template out over ReplicaSets, one for each revision. Kubernetes: pkg/controller/deployment. */
import type { Deployment, ReplicaSet } from 'kubernetes-types/apps/v1.d.ts';
import { isAlreadyExists, isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { Deployments, Pods, ReplicaSets } from '../../../kube/resource.ts';
import { isoTime } from '../controller.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { deepEqual } from '../equal.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { ObjectCache } from '../object-cache.ts';
import { claim, controllerOf, followChildren } from '../ownership.ts';
import { isPodFinished } from '../pods.ts';
import { createReconciler } from '../reconciler.ts';
import type { Again, Reconciler } from '../reconciler.ts';
import { deadlineInMs, deploymentStatus, hasDeadline } from './deployment-status.ts';
import { buildReplicaSet, currentSetAnnotations, DESIRED_REPLICAS, MAX_REPLICAS, nextRevision, REVISION, revisionOf, sizeAnnotations } from './revision.ts';
import { newSetSize, proportionalSteps, rollingSteps, rolloutLimits } from './rollout-plan.ts';
import type { RolloutLimits, ScaleStep, SetSize } from './rollout-plan.ts';
import { canonicalJson, sameTemplate } from './template-hash.ts';

/** The ReplicaSets of one Deployment as one pass sees them. */
interface Family {
  deployment: Stored<Deployment>;
  current: Stored<ReplicaSet> | undefined;
  /** Oldest first. */
  old: Stored<ReplicaSet>[];
  limits: RolloutLimits;
}

export function createDeploymentController(context: ControllerContext): Controller {
  const worker = new DeploymentWorker(context);
  return worker.queue;
}

class DeploymentWorker {
  readonly queue: Reconciler;
  readonly #context: ControllerContext;
  readonly #deployments: ObjectCache<Deployment>;
  readonly #sets: ObjectCache<ReplicaSet>;
  readonly #events: EventRecorder;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.caches.of(Deployments);
    this.#sets = context.caches.of(ReplicaSets);
    this.#events = context.events('deployment-controller');
    this.queue = createReconciler({ name: 'deployment', clock: context.clock, log: context.log, reconcile: (key) => this.#reconcile(key) });
    this.#deployments.subscribe(({ object }) => this.queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
    followChildren(this.#sets, this.#deployments, { selectorOf: (deployment) => deployment.spec?.selector, enqueue: (key) => this.queue.enqueue(key) });
    // Recreate waits for the last old pod to be gone, which changes no ReplicaSet.
    context.caches.of(Pods).subscribe((change) => {
      if (change.type !== 'deleted') return;
      const set = this.#sets.byUid(controllerOf(change.object)?.uid ?? '');
      const owner = set && controllerOf(set);
      if (owner?.kind === 'Deployment') this.queue.enqueue(`${change.object.metadata.namespace}/${owner.name}`);
    });
  }

  async #reconcile(key: string): Promise<Again | void> {
    const deployment = this.#deployments.get(key);
    if (!deployment) return;
    const family = await this.#family(deployment);
    if (deployment.metadata.deletionTimestamp) return this.#finish(family, { isNew: false, isScaling: true });
    if (deployment.spec?.paused || needsScaling(family)) {
      await this.#scaleInProportion(family);
      return this.#finish(family, { isNew: false, isScaling: true });
    }
    const isRecreate = deployment.spec?.strategy?.type === 'Recreate';
    if (isRecreate && (await this.#emptyOldSets(family))) return this.#finish(family, { isNew: false, isScaling: false });
    const isNew = await this.#ensureCurrent(family);
    if (isRecreate) await this.#apply(family, growTo(family, family.limits.replicas));
    else await this.#apply(family, rollingSteps(family.limits, size(family.current), family.old.map(size)));
    if (isRolledOut(family)) await this.#forgetOldRevisions(family);
    return this.#finish(family, { isNew, isScaling: false });
  }

  async #family(deployment: Stored<Deployment>): Promise<Family> {
    const { caches } = this.#context;
    const claimed = await claim(caches, this.#sets, { resource: Deployments, object: deployment, selector: deployment.spec?.selector });
    claimed.sort((a, b) => byAge(a, b));
    const current = claimed.find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
    return { deployment, current, old: claimed.filter((set) => set !== current), limits: rolloutLimits(deployment) };
  }

  /** Makes the ReplicaSet of the template, or brings its annotations up to date. True when it was made now. */
  async #ensureCurrent(family: Family): Promise<boolean> {
    const { deployment, current, old, limits } = family;
    const revision = nextRevision(old);
    if (current) {
      const annotations = currentSetAnnotations(deployment, current, revision);
      const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
      if (!deepEqual(annotations, current.metadata.annotations) || (current.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
        family.current = await this.#update(current, { annotations, spec: { minReadySeconds } });
      }
    } else {
      const replicas = deployment.spec?.strategy?.type === 'Recreate' ? limits.replicas : newSetSize(limits, 0, old.map(size));
      const made = await this.#create(family, buildReplicaSet(deployment, revision, replicas, limits));
      family.current = made;
      if (replicas > 0) this.#events.event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${made.metadata.name} from 0 to ${replicas}`);
    }
    await this.#writeRevision(family);
    return !current;
  }

  async #create(family: Family, set: ReplicaSet): Promise<Stored<ReplicaSet>> {
    const { deployment } = family;
    const namespace = deployment.metadata.namespace ?? '';
    try {
      const stored = await this.#context.client.create(ReplicaSets, set, { namespace });
      this.#sets.remember(stored);
      return stored;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const taken = await this.#context.client.get(ReplicaSets, { namespace, name: set.metadata?.name ?? '' });
      this.#sets.remember(taken);
      if (controllerOf(taken)?.uid === deployment.metadata.uid && sameTemplate(taken.spec?.template, set.spec?.template)) return taken;
      // The name belongs to another template: count the collision, which changes the hash, and go round again.
      const status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
      this.#deployments.remember(await this.#context.client.update(Deployments, { ...deployment, status }, { subresource: 'status' }));
      throw error;
    }
  }

  async #writeRevision(family: Family): Promise<void> {
    const { deployment, current } = family;
    const revision = current?.metadata.annotations?.[REVISION];
    if (!revision || deployment.metadata.annotations?.[REVISION] === revision) return;
    const stored = await this.#context.client.update(Deployments, {
      ...deployment,
      metadata: { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: revision } },
    });
    this.#deployments.remember(stored);
    family.deployment = stored;
  }

  /** True while old pods are left. */
  async #emptyOldSets(family: Family): Promise<boolean> {
    const steps = family.old.filter((set) => wanted(set) > 0).map((set) => ({ name: set.metadata.name, from: wanted(set), to: 0 }));
    await this.#apply(family, steps);
    if (steps.length > 0) return true;
    const pods = this.#context.caches.of(Pods);
    return family.old.some((set) => pods.ownedBy(set.metadata.uid).some((pod) => !isPodFinished(pod)));
  }

  async #scaleInProportion(family: Family): Promise<void> {
    const { current, old, limits } = family;
    const all = current ? [...old, current] : old;
    const active = all.filter((set) => wanted(set) > 0);
    const only = active.length <= 1 ? (active[0] ?? current ?? old.at(-1)) : undefined;
    if (only) return this.#apply(family, [{ name: only.metadata.name, from: wanted(only), to: limits.replicas }]);
    if (current && current.status?.availableReplicas === limits.replicas && wanted(current) === limits.replicas) {
      return this.#apply(family, old.filter((set) => wanted(set) > 0).map((set) => ({ name: set.metadata.name, from: wanted(set), to: 0 })));
    }
    if (family.deployment.spec?.strategy?.type === 'Recreate') return;
    const sized = active.map((set) => ({ ...size(set), full: Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) }));
    await this.#apply(family, proportionalSteps(limits, sized));
  }

  async #apply(family: Family, steps: readonly ScaleStep[]): Promise<void> {
    for (const step of steps) {
      const set = [family.current, ...family.old].find((each) => each?.metadata.name === step.name);
      const annotations = { ...set?.metadata.annotations, ...sizeAnnotations(family.limits) };
      if (!set || (step.from === step.to && deepEqual(annotations, set.metadata.annotations))) continue;
      const stored = await this.#update(set, { annotations, spec: { replicas: step.to } });
      if (family.current === set) family.current = stored;
      else family.old = family.old.map((each) => (each === set ? stored : each));
      if (step.from === step.to) continue;
      const direction = step.to > step.from ? 'up' : 'down';
      this.#events.event(family.deployment, 'Normal', 'ScalingReplicaSet', `Scaled ${direction} replica set ${step.name} from ${step.from} to ${step.to}`);
    }
  }

  async #update(set: Stored<ReplicaSet>, change: { annotations: Record<string, string>; spec: { replicas?: number; minReadySeconds?: number } }): Promise<Stored<ReplicaSet>> {
    const next = { ...set, metadata: { ...set.metadata, annotations: change.annotations } };
    if (set.spec) next.spec = { ...set.spec, ...change.spec };
    const stored = await this.#context.client.update(ReplicaSets, next);
    this.#sets.remember(stored);
    return stored;
  }

  async #forgetOldRevisions(family: Family): Promise<void> {
    const keep = family.deployment.spec?.revisionHistoryLimit ?? 10;
    const idle = family.old.filter((set) => wanted(set) === 0 && !set.status?.replicas && !set.metadata.deletionTimestamp);
    idle.sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of idle.slice(0, Math.max(0, idle.length - keep))) {
      try {
        await this.#context.client.delete(ReplicaSets, { namespace: set.metadata.namespace ?? '', name: set.metadata.name }, { preconditions: { uid: set.metadata.uid } });
        this.#sets.rememberDeleted(set);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  async #finish(family: Family, how: { isNew: boolean; isScaling: boolean }): Promise<Again | void> {
    const { clock, client } = this.#context;
    const { deployment, current, old } = family;
    const status = deploymentStatus({ deployment, current, old, ...how, nowMs: clock.now(), time: isoTime(clock) });
    if (canonicalJson(status) !== canonicalJson(deployment.status ?? {})) {
      this.#deployments.remember(await client.update(Deployments, { ...deployment, status }, { subresource: 'status' }));
    }
    const held = status.conditions?.find((condition) => condition.type === 'Progressing');
    const isOver = held?.reason === 'NewReplicaSetAvailable' || held?.reason === 'ProgressDeadlineExceeded' || deployment.spec?.paused;
    if (!held || isOver || !hasDeadline(deployment)) return;
    return { afterMs: Math.max(1000, deadlineInMs(deployment, held, clock.now()) + 1000) };
  }
}

/** True when `replicas` of the Deployment changed since its active sets got their size. */
function needsScaling(family: Family): boolean {
  const all = family.current ? [...family.old, family.current] : family.old;
  return all.some((set) => {
    const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
    return wanted(set) > 0 && desired !== undefined && Number(desired) !== family.limits.replicas;
  });
}

const isRolledOut = (family: Family): boolean =>
  family.old.every((set) => wanted(set) === 0) && (family.current?.status?.availableReplicas ?? 0) === family.limits.replicas;

function growTo(family: Family, replicas: number): ScaleStep[] {
  const { current } = family;
  return current && wanted(current) !== replicas ? [{ name: current.metadata.name, from: wanted(current), to: replicas }] : [];
}

const wanted = (set: ReplicaSet): number => set.spec?.replicas ?? 1;

const size = (set: Stored<ReplicaSet> | undefined): SetSize => ({
  name: set?.metadata.name ?? '',
  wanted: set ? wanted(set) : 0,
  available: set?.status?.availableReplicas ?? 0,
});

function byAge(a: Stored<ReplicaSet>, b: Stored<ReplicaSet>): number {
  return Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1);
}
