/** What to do next for a StatefulSet. Pure. Ordered sets move one pod at a time and wait for it; parallel ones make and
 * end all at once, and only updates go one by one. Kubernetes: pkg/controller/statefulset/stateful_set_control.go. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { REVISION_HASH } from '../controller-revisions.ts';
import { availableInMs, isPodFinished, isPodReady } from '../pods.ts';

export type SetStep = { t: 'create'; ordinal: number } | { t: 'delete'; pod: Stored<Pod> };

export interface SetView {
  set: Stored<StatefulSet>;
  pods: readonly Stored<Pod>[];
  /** Name of the revision that pods should have. */
  updateRevision: string;
  nowMs: number;
}

/** The ordinal in a pod's name; undefined when the name is not one of this set. */
export function ordinalOf(set: Stored<StatefulSet>, pod: Stored<Pod>): number | undefined {
  const match = /^(.+)-(\d+)$/.exec(pod.metadata.name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

export const isOnRevision = (pod: Stored<Pod>, revision: string): boolean => pod.metadata.labels?.[REVISION_HASH] === revision;

export function nextSteps(view: SetView): SetStep[] {
  const { set } = view;
  const first = set.spec?.ordinals?.start ?? 0;
  const end = first + (set.spec?.replicas ?? 1);
  const isParallel = set.spec?.podManagementPolicy === 'Parallel';
  const byOrdinal = new Map<number, Stored<Pod>>();
  for (const pod of view.pods) byOrdinal.set(ordinalOf(set, pod) ?? -1, pod);
  const steps: SetStep[] = [];
  let isSettled = true;
  for (let ordinal = first; ordinal < end; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod && isHealthy(view, pod)) continue;
    isSettled = false;
    if (!pod) steps.push({ t: 'create', ordinal });
    else if (isPodFinished(pod) && !pod.metadata.deletionTimestamp) steps.push({ t: 'delete', pod });
    if (!isParallel) return steps;
  }
  const surplus = [...byOrdinal].filter(([ordinal]) => ordinal >= end || (ordinal >= 0 && ordinal < first)).sort(([a], [b]) => b - a).map(([, pod]) => pod);
  if (surplus.length > 0) {
    const leaving = surplus.some((pod) => pod.metadata.deletionTimestamp);
    const going = surplus.filter((pod) => !pod.metadata.deletionTimestamp).map((pod): SetStep => ({ t: 'delete', pod }));
    return [...steps, ...(isParallel ? going : leaving ? [] : going.slice(0, 1))];
  }
  return isSettled || isParallel ? [...steps, ...updateStep(view, byOrdinal, first, end)] : steps;
}

/** From the highest ordinal down to the partition, the first pod that is not on the revision goes; one that is not
 * healthy holds the rest. */
function updateStep(view: SetView, byOrdinal: ReadonlyMap<number, Stored<Pod>>, first: number, end: number): SetStep[] {
  const { set } = view;
  if (set.spec?.updateStrategy?.type === 'OnDelete') return [];
  const partition = Math.max(first, set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0);
  for (let ordinal = end - 1; ordinal >= partition; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (!pod || pod.metadata.deletionTimestamp) return [];
    if (!isOnRevision(pod, revisionHash(view))) return [{ t: 'delete', pod }];
    if (!isHealthy(view, pod)) return [];
  }
  return [];
}

const revisionHash = (view: SetView): string => view.updateRevision.slice(view.set.metadata.name.length + 1);

function isHealthy(view: SetView, pod: Stored<Pod>): boolean {
  return !pod.metadata.deletionTimestamp && isPodReady(pod) && availableInMs(pod, view.set.spec?.minReadySeconds, view.nowMs) === 0;
}
