/** The status of a Deployment from its ReplicaSets, with the conditions that `kubectl rollout status` and
 * `kubectl wait` read. Pure. Kubernetes: deployment/progress.go, calculateStatus. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from 'kubernetes-types/apps/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { rolloutLimits } from './rollout-plan.ts';

export interface StatusInput {
  deployment: Stored<Deployment>;
  current: Stored<ReplicaSet> | undefined;
  old: readonly Stored<ReplicaSet>[];
  /** True when the current ReplicaSet was made just now. */
  isNew: boolean;
  /** True when only sizes changed or the Deployment is paused: no progress is judged then. */
  isScaling: boolean;
  nowMs: number;
  time: string;
}

type Kind = 'Available' | 'Progressing' | 'ReplicaFailure';
type Value = 'True' | 'False' | 'Unknown';

/** Kubernetes stores the largest int32 for "no deadline". */
const NO_DEADLINE = 2_147_483_647;

export function deploymentStatus(input: StatusInput): DeploymentStatus {
  const { deployment, current, old } = input;
  const all = current ? [...old, current] : [...old];
  const total = (of: (set: ReplicaSet) => number | undefined) => all.reduce((sum, set) => sum + (of(set) ?? 0), 0);
  const available = total((set) => set.status?.availableReplicas);
  const counts = {
    replicas: total((set) => set.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total((set) => set.status?.readyReplicas),
    availableReplicas: available,
    // Pods asked for that do not serve; a surge beyond what is wanted makes none.
    unavailableReplicas: Math.max(0, total((set) => set.spec?.replicas) - available),
  };
  const status: DeploymentStatus = { observedGeneration: deployment.metadata.generation ?? 0 };
  for (const [name, count] of Object.entries(counts)) if (count > 0) Object.assign(status, { [name]: count });
  if (deployment.status?.collisionCount) status.collisionCount = deployment.status.collisionCount;
  status.conditions = conditions(input, { ...counts });
  if (status.conditions.length === 0) delete status.conditions;
  return status;
}

interface Counts {
  replicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  availableReplicas: number;
}

function conditions(input: StatusInput, counts: Counts): DeploymentCondition[] {
  const { deployment, time } = input;
  const list = new ConditionList(deployment.status?.conditions ?? [], time);
  const limits = rolloutLimits(deployment);
  if (counts.availableReplicas >= limits.replicas - limits.maxUnavailable) {
    list.set('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.');
  } else {
    list.set('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.');
  }
  if (!hasDeadline(deployment)) list.remove('Progressing');
  else progress(input, counts, list);
  const failure = [input.current, ...input.old].flatMap((set) => set?.status?.conditions ?? []).find((condition) => condition.type === 'ReplicaFailure');
  if (failure) list.set('ReplicaFailure', failure.status as Value, failure.reason ?? '', failure.message ?? '');
  else list.remove('ReplicaFailure');
  return list.items;
}

export const hasDeadline = (deployment: Deployment): boolean => (deployment.spec?.progressDeadlineSeconds ?? 600) < NO_DEADLINE;

function progress(input: StatusInput, counts: Counts, list: ConditionList): void {
  const { deployment, current } = input;
  const held = list.get('Progressing');
  if (deployment.spec?.paused) {
    if (held?.reason !== 'ProgressDeadlineExceeded') list.set('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused');
    return;
  }
  if (held?.reason === 'DeploymentPaused') return list.set('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed');
  if (input.isNew && current) return list.set('Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${current.metadata.name}"`);
  if (input.isScaling) return;
  const finished = held?.reason === 'NewReplicaSetAvailable' && counts.replicas === counts.updatedReplicas;
  if (finished) return;
  const subject = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, counts)) return list.set('Progressing', 'True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
  if (hasProgressed(deployment, counts)) return list.renew('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`);
  if (!held) return list.set('Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set "${current?.metadata.name ?? ''}"`);
  if (isTimedOut(deployment, held, input.nowMs)) list.set('Progressing', 'False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
}

function isComplete(deployment: Stored<Deployment>, counts: Counts): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas === wanted;
}

function hasProgressed(deployment: Stored<Deployment>, counts: Counts): boolean {
  const before = deployment.status ?? {};
  const oldNow = counts.replicas - counts.updatedReplicas;
  const oldBefore = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  return (
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    oldNow < oldBefore ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0)
  );
}

function isTimedOut(deployment: Stored<Deployment>, held: DeploymentCondition, nowMs: number): boolean {
  if (held.reason === 'NewReplicaSetAvailable') return false;
  if (held.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineInMs(deployment, held, nowMs) <= 0;
}

/** Milliseconds until the rollout counts as stuck. */
export function deadlineInMs(deployment: Deployment, held: DeploymentCondition, nowMs: number): number {
  return Date.parse(String(held.lastUpdateTime)) + (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000 - nowMs;
}

/** Sets conditions as Kubernetes does: the same status and reason change nothing, the same status keeps its time. */
class ConditionList {
  items: DeploymentCondition[];
  readonly #time: string;

  constructor(before: readonly DeploymentCondition[], time: string) {
    this.items = [...before];
    this.#time = time;
  }

  get(type: Kind): DeploymentCondition | undefined {
    return this.items.find((condition) => condition.type === type);
  }

  remove(type: Kind): void {
    this.items = this.items.filter((condition) => condition.type !== type);
  }

  set(type: Kind, status: Value, reason: string, message: string): void {
    const held = this.get(type);
    if (held?.status !== status || held.reason !== reason) this.renew(type, status, reason, message);
  }

  /** Also notes the time when nothing but the time is new: a sign of progress. */
  renew(type: Kind, status: Value, reason: string, message: string): void {
    const held = this.get(type);
    const lastTransitionTime = held?.status === status && held.lastTransitionTime ? held.lastTransitionTime : this.#time;
    this.remove(type);
    this.items.push({ type, status, lastUpdateTime: this.#time, lastTransitionTime, reason, message });
  }
}
