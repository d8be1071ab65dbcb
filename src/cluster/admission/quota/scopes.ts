/** Which pods a quota with scopes counts. Other objects are never counted by such a quota.
 * Kubernetes: pkg/quota/v1/evaluator/core/pods.go, podMatchesScopeFunc. */
import type { Pod, ResourceQuota } from 'kubernetes-types/core/v1.d.ts';
import type { KubeObject } from '../../../kube/object.ts';

interface ScopeTerm {
  scopeName: string;
  operator: string;
  values?: string[];
}

export function matchesScopes(quota: ResourceQuota, object: KubeObject, isPod: boolean): boolean {
  const terms: ScopeTerm[] = [
    ...(quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(quota.spec?.scopeSelector?.matchExpressions ?? []),
  ];
  return terms.length === 0 || (isPod && terms.every((term) => matches(term, object as Pod)));
}

function matches(term: ScopeTerm, pod: Pod): boolean {
  const has = hasScope(term, pod);
  return term.operator === 'DoesNotExist' || term.operator === 'NotIn' ? !has : has;
}

function hasScope(term: ScopeTerm, pod: Pod): boolean {
  const isTerminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
  switch (term.scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return inValues(term, pod.spec?.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function inValues(term: ScopeTerm, name: string): boolean {
  return term.operator === 'In' || term.operator === 'NotIn' ? (term.values ?? []).includes(name) : name !== '';
}

function isBestEffort(pod: Pod): boolean {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return all.every(({ resources }) => ![resources?.requests, resources?.limits].some((list) => list?.['cpu'] !== undefined || list?.['memory'] !== undefined));
}

function crossesNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined);
}
