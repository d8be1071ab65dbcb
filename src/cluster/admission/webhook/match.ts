/** Whether a webhook wants a request. Pure but for the match conditions' own file.
 * Kubernetes: apiserver/pkg/admission/plugin/webhook/predicates. */
import { matchesLabelSelector } from '../../../kube/selectors.ts';
import type { AdmissionRequest } from '../../apiserver/admission.ts';
import type { Hook } from './hook.ts';

/** Webhook configurations are never sent to webhooks: a broken one could not be mended otherwise. */
const EXEMPT: ReadonlySet<string> = new Set([
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

export function isExempt(request: AdmissionRequest): boolean {
  return request.resource.group === 'admissionregistration.k8s.io' && EXEMPT.has(request.resource.plural);
}

/** @param namespaceLabels of the request's namespace; undefined for a cluster-scoped object */
export function matchesHook(hook: Hook, request: AdmissionRequest, namespaceLabels: Readonly<Record<string, string>> | undefined): boolean {
  return (
    (hook.spec.rules ?? []).some((rule) => matchesRule(rule, request)) &&
    matchesNamespace(hook, namespaceLabels) &&
    matchesObject(hook, request)
  );
}

/** Kubernetes: admissionregistration RuleWithOperations */
export interface HookRule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  scope?: string;
}

export function matchesRule(rule: HookRule, request: AdmissionRequest): boolean {
  const { group, version, plural, namespaced } = request.resource;
  return (
    has(rule.operations, request.operation) &&
    has(rule.apiGroups, group) &&
    has(rule.apiVersions, version) &&
    (rule.resources ?? []).some((pattern) => matchesResource(pattern, plural, request.subresource)) &&
    (rule.scope === undefined || rule.scope === '*' || (rule.scope === 'Namespaced') === isNamespaced(request, namespaced))
  );
}

const has = (list: readonly string[] | undefined, item: string): boolean => list?.some((each) => each === '*' || each === item) ?? false;

/** A Namespace object counts as cluster-scoped. */
const isNamespaced = (request: AdmissionRequest, namespaced: boolean): boolean => namespaced && request.namespace !== undefined;

function matchesResource(pattern: string, plural: string, subresource: string | undefined): boolean {
  const [resource = '', sub = ''] = pattern.split('/');
  const matchesSub = sub === '*' || sub === (subresource ?? '');
  return (resource === '*' || resource === plural) && matchesSub;
}

function matchesNamespace(hook: Hook, labels: Readonly<Record<string, string>> | undefined): boolean {
  const selector = hook.spec.namespaceSelector;
  return !selector || labels === undefined || matchesLabelSelector(selector, labels);
}

function matchesObject(hook: Hook, request: AdmissionRequest): boolean {
  const selector = hook.spec.objectSelector;
  if (!selector || (!selector.matchLabels && !selector.matchExpressions?.length)) return true;
  return [request.object, request.oldObject].some((object) => object !== undefined && matchesLabelSelector(selector, object.metadata?.labels));
}
