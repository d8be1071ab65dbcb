import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import type { Stored } from '../../kube/object.ts';
import { byAge } from './by-age.ts';
import { isForGateway } from './gateway-refs.ts';
import type { Subject } from './policies.ts';
import { labelsMatch } from './visibility.ts';

/** By namespace, in the order in which they are applied. */
export type EnvoyFilterIndex = ReadonlyMap<string, readonly Stored<EnvoyFilter>[]>;

/** Istio: lower priority first, then older, then by name. */
export function indexEnvoyFilters(objects: readonly Stored<EnvoyFilter>[]): EnvoyFilterIndex {
  return Map.groupBy(objects.toSorted((a, b) => (a.spec?.priority ?? 0) - (b.spec?.priority ?? 0) || byAge(a, b)), (o) => o.metadata.namespace ?? '');
}

/** Those for a workload: of the root namespace, then of its own. */
export function envoyFiltersFor(index: EnvoyFilterIndex, subject: Subject, rootNamespace: string): Stored<EnvoyFilter>[] {
  if (index.size === 0) return [];
  return [...new Set([rootNamespace, subject.namespace])].flatMap((namespace) => (index.get(namespace) ?? []).filter((filter) => selects(filter, subject)));
}

function selects({ metadata, spec }: Stored<EnvoyFilter>, { namespace, labels }: Subject): boolean {
  const { targetRefs = [], workloadSelector } = spec ?? {};
  if (targetRefs.length === 0) return labelsMatch(workloadSelector?.labels, labels);
  return metadata.namespace === namespace && targetRefs.some((ref) => isForGateway(ref, labels));
}
