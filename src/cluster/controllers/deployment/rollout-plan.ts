/** How many pods the old and the new ReplicaSets of a Deployment may have next. Pure arithmetic.
 *
 * Two promises hold at every step of a rolling update: never more pods than `replicas + maxSurge`, never fewer
 * available ones than `replicas − maxUnavailable`. Old pods that do not work go first: they hold a place and give
 * nothing. Kubernetes: pkg/controller/deployment/rolling.go, util.ResolveFenceposts. */
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';

/** What the plan needs to know of one ReplicaSet. */
export interface SetSize {
  readonly name: string;
  /** spec.replicas */
  readonly wanted: number;
  /** status.availableReplicas */
  readonly available: number;
}

export interface RolloutLimits {
  replicas: number;
  maxSurge: number;
  maxUnavailable: number;
}

export interface ScaleStep {
  name: string;
  from: number;
  to: number;
}

type IntOrPercent = number | string | undefined;

/** maxSurge rounds up, maxUnavailable down; both 0 would never move, so one pod may then be unavailable.
 * Recreate allows no surge and no promise of availability. */
export function rolloutLimits(deployment: Deployment): RolloutLimits {
  const replicas = deployment.spec?.replicas ?? 1;
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  if (deployment.spec?.strategy?.type === 'Recreate') return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = scaled(rolling?.maxSurge ?? '25%', replicas, Math.ceil);
  const maxUnavailable = scaled(rolling?.maxUnavailable ?? '25%', replicas, Math.floor);
  const least = maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable;
  return { replicas, maxSurge, maxUnavailable: Math.min(least, replicas) };
}

/** `"25%"` of `total`, or the number as it is. */
export function scaled(value: IntOrPercent, total: number, round: (n: number) => number): number {
  if (typeof value !== 'string') return value ?? 0;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? Number(value) || 0 : round((Number(percent) * total) / 100);
}

const sum = (sets: readonly SetSize[], of: (set: SetSize) => number): number => sets.reduce((total, set) => total + of(set), 0);

/** The size the new ReplicaSet may grow to now; also the size it is made with. */
export function newSetSize(limits: RolloutLimits, wantedOfNew: number, all: readonly SetSize[]): number {
  const room = limits.replicas + limits.maxSurge - sum(all, (set) => set.wanted);
  if (room <= 0) return wantedOfNew;
  return wantedOfNew + Math.max(0, Math.min(room, limits.replicas - wantedOfNew));
}

/** The next step of a rolling update: grow the new set, or else shrink old ones; empty when nothing may move yet.
 * @param old oldest first */
export function rollingSteps(limits: RolloutLimits, fresh: SetSize, old: readonly SetSize[]): ScaleStep[] {
  if (fresh.wanted > limits.replicas) return [{ name: fresh.name, from: fresh.wanted, to: limits.replicas }];
  const grown = newSetSize(limits, fresh.wanted, [fresh, ...old]);
  if (grown > fresh.wanted) return [{ name: fresh.name, from: fresh.wanted, to: grown }];
  return shrinkOld(limits, fresh, old);
}

function shrinkOld(limits: RolloutLimits, fresh: SetSize, old: readonly SetSize[]): ScaleStep[] {
  const least = limits.replicas - limits.maxUnavailable;
  const total = sum([fresh, ...old], (set) => set.wanted);
  // Pods of the new set that do not serve yet must not make us end old ones that do.
  const mayGo = total - least - (fresh.wanted - fresh.available);
  if (mayGo <= 0) return [];
  const sizes = new Map(old.map((set) => [set.name, set.wanted]));
  let gone = 0;
  for (const set of old) {
    const unhealthy = Math.min(mayGo - gone, Math.max(0, set.wanted - set.available));
    sizes.set(set.name, set.wanted - unhealthy);
    gone += unhealthy;
  }
  // Pods that a set still has but was told to give up are as good as gone. Differs from Kubernetes, which counts them
  // and can end one pod too many when a ReplicaSet's status is late.
  let spare = sum([fresh, ...old], (set) => Math.min(set.available, set.wanted)) - least;
  for (const set of old) {
    const left = sizes.get(set.name) ?? 0;
    const step = Math.max(0, Math.min(left, spare));
    sizes.set(set.name, left - step);
    spare -= step;
  }
  return old.flatMap((set) => {
    const to = sizes.get(set.name) ?? set.wanted;
    return to === set.wanted ? [] : [{ name: set.name, from: set.wanted, to }];
  });
}

/** Shares a change of `replicas` in the middle of a rollout among the sets in proportion to their size, so that
 * scaling does not undo the progress made. Kubernetes: deployment.scale, "proportional scaling".
 * @param sets active ones; `full` is the `max-replicas` that held when they got their size */
export function proportionalSteps(limits: RolloutLimits, sets: readonly (SetSize & { full: number })[]): ScaleStep[] {
  const allowed = limits.replicas > 0 ? limits.replicas + limits.maxSurge : 0;
  const toShare = allowed - sum(sets, (set) => set.wanted);
  const order = [...sets].sort((a, b) => (toShare > 0 ? b.wanted - a.wanted : a.wanted - b.wanted));
  const steps: ScaleStep[] = [];
  let shared = 0;
  for (const set of order) {
    const fair = set.full > 0 ? Math.round((set.wanted * allowed) / set.full) - set.wanted : toShare;
    const left = toShare - shared;
    const part = toShare > 0 ? Math.max(0, Math.min(fair, left)) : Math.min(0, Math.max(fair, left));
    steps.push({ name: set.name, from: set.wanted, to: set.wanted + part });
    shared += part;
  }
  // Rounding leaves a rest; the largest takes it.
  const first = steps[0];
  if (first) first.to = Math.max(0, first.to + toShare - shared);
  return steps;
}
