/** Which policies of a namespace select a workload, without asking all of them: thousands may select others. */
import type { KubeObject, Stored } from '../../kube/object.ts';
import { byAge } from './by-age.ts';
import { labelsMatch } from './visibility.ts';

/** By namespace. */
export type PolicyIndex<T extends KubeObject> = ReadonlyMap<string, NamespacePolicies<T>>;

export interface Selecting extends KubeObject {
  spec?: { selector?: { matchLabels?: Record<string, string> }; targetRef?: unknown; targetRefs?: readonly unknown[] };
}

export interface NamespacePolicies<T extends KubeObject> {
  /** Those without a selector, oldest first. */
  readonly unselective: readonly Stored<T>[];
  /** Those without a selector and those whose selector holds, oldest first. */
  selecting(labels: Readonly<Record<string, string>>): readonly Stored<T>[];
}

/** Without those attached to another object by targetRef, which are not the workloads'. */
export function indexPolicies<T extends Selecting>(objects: readonly Stored<T>[]): PolicyIndex<T> {
  const byNamespace = Map.groupBy(objects.filter(isForWorkloads).toSorted(byAge), (o) => o.metadata.namespace ?? '');
  return new Map(Array.from(byNamespace, ([namespace, policies]) => [namespace, indexNamespace(policies)]));
}

function isForWorkloads({ spec }: Selecting): boolean {
  return spec?.targetRef === undefined && (spec?.targetRefs?.length ?? 0) === 0;
}

const wantedLabels = (policy: Selecting): [key: string, value: string][] => Object.entries(policy.spec?.selector?.matchLabels ?? {});

export const hasSelector = (policy: Selecting): boolean => wantedLabels(policy).length > 0;

interface Ranked<T extends KubeObject> {
  readonly policy: Stored<T>;
  /** By age. */
  readonly rank: number;
}

/** A selector is filed under the one of its labels that the fewest others want: who lacks that label is not selected. */
function indexNamespace<T extends Selecting>(policies: readonly Stored<T>[]): NamespacePolicies<T> {
  const wanted = policies.map((policy) => wantedLabels(policy).map(labelKey));
  const demand = new Map<string, number>();
  for (const keys of wanted) for (const key of keys) demand.set(key, (demand.get(key) ?? 0) + 1);
  const unselective: Ranked<T>[] = [];
  const byLabel = new Map<string, Ranked<T>[]>();
  for (const [rank, policy] of policies.entries()) {
    const [rarest] = (wanted[rank] ?? []).toSorted((a, b) => (demand.get(a) ?? 0) - (demand.get(b) ?? 0));
    if (rarest === undefined) unselective.push({ policy, rank });
    else byLabel.getOrInsertComputed(rarest, () => []).push({ policy, rank });
  }
  const forAll = unselective.map(({ policy }) => policy);
  return {
    unselective: forAll,
    selecting(labels) {
      if (byLabel.size === 0) return forAll;
      const filed = Object.entries(labels).flatMap((label) => byLabel.get(labelKey(label)) ?? []);
      const selected = filed.filter(({ policy }) => labelsMatch(policy.spec?.selector?.matchLabels, labels));
      return [...unselective, ...selected].sort((a, b) => a.rank - b.rank).map(({ policy }) => policy);
    },
  };
}

/** No label's key has an equals sign. */
const labelKey = ([key, value]: readonly [string, string]): string => `${key}=${value}`;
