/** Role-based access control, evaluated from the stored roles and bindings. Kubernetes: plugin/pkg/auth/authorizer/rbac. */
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from 'kubernetes-types/rbac/v1.d.ts';
import type { UserInfo } from '../admission.ts';
import type { Store } from '../storage/store.ts';

export interface Attributes {
  user: UserInfo;
  verb: string;
  /** A resource request, else one for a path. */
  resource?: { group: string; plural: string; subresource?: string; namespace?: string; name?: string; version?: string };
  path?: string;
}

export interface Authorizer {
  allows(attributes: Attributes): boolean;
  /** All rules that hold for a user in a namespace. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[];
}

const ROLES = 'rbac.authorization.k8s.io/roles';
const ROLE_BINDINGS = 'rbac.authorization.k8s.io/rolebindings';
const CLUSTER_ROLES = 'rbac.authorization.k8s.io/clusterroles';
const CLUSTER_ROLE_BINDINGS = 'rbac.authorization.k8s.io/clusterrolebindings';

/** What everyone may do without a stored role: discovery, health, asking about oneself. Kubernetes: system:discovery, system:basic-user. */
const PUBLIC_PATHS = ['/healthz', '/livez', '/readyz', '/version', '/version/', '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/openid/v1/jwks', '/.well-known/openid-configuration'];
const SELF_REVIEWS = new Set(['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews']);

export const allowEverything: Authorizer = {
  allows: () => true,
  rulesFor: () => [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }],
};

export function createRbac(store: Store): Authorizer {
  const objects = <T>(collection: string) => [...store.entries(collection)].map(({ object }) => object as unknown as T);
  const rulesOf = (binding: RoleBinding): readonly PolicyRule[] => {
    const { kind, name } = binding.roleRef;
    const entry = kind === 'ClusterRole' ? store.get(CLUSTER_ROLES, name) : store.get(ROLES, `${binding.metadata?.namespace}/${name}`);
    return entry ? aggregated(entry.object as unknown as ClusterRole, () => objects<ClusterRole>(CLUSTER_ROLES)) : [];
  };
  const bound = function* (user: UserInfo, namespace: string | undefined): Generator<PolicyRule> {
    for (const binding of objects<RoleBinding>(CLUSTER_ROLE_BINDINGS)) if (isBound(binding.subjects, user, undefined)) yield* rulesOf(binding);
    if (namespace === undefined) return;
    for (const binding of objects<RoleBinding>(ROLE_BINDINGS)) {
      if (binding.metadata?.namespace === namespace && isBound(binding.subjects, user, namespace)) yield* rulesOf(binding);
    }
  };
  return {
    allows(attributes) {
      const { user, resource, path } = attributes;
      if (user.groups.includes('system:masters')) return true;
      if (path !== undefined && attributes.verb === 'get' && PUBLIC_PATHS.some((pattern) => pathMatches(pattern, path))) return true;
      if (resource && attributes.verb === 'create' && SELF_REVIEWS.has(resource.plural) && user.groups.includes('system:authenticated')) return true;
      for (const rule of bound(user, resource?.namespace)) if (ruleAllows(rule, attributes)) return true;
      return false;
    },
    rulesFor(user, namespace) {
      if (user.groups.includes('system:masters')) return allowEverything.rulesFor(user, namespace);
      return [...bound(user, namespace), { verbs: ['create'], apiGroups: ['authorization.k8s.io', 'authentication.k8s.io'], resources: [...SELF_REVIEWS] }, { verbs: ['get'], nonResourceURLs: PUBLIC_PATHS }];
    },
  };
}

function aggregated(role: ClusterRole, all: () => readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (!selectors) return role.rules ?? [];
  const isSelected = (other: ClusterRole) => selectors.some(({ matchLabels }) => matchLabels && Object.entries(matchLabels).every(([key, value]) => other.metadata?.labels?.[key] === value));
  return [...(role.rules ?? []), ...all().filter((other) => other !== role && isSelected(other)).flatMap((other) => aggregated(other, all))];
}

function isBound(subjects: readonly Subject[] | undefined, user: UserInfo, namespace: string | undefined): boolean {
  return (subjects ?? []).some((subject) => {
    switch (subject.kind) {
      case 'User': return subject.name === user.username;
      case 'Group': return user.groups.includes(subject.name);
      case 'ServiceAccount': return user.username === `system:serviceaccount:${subject.namespace ?? namespace ?? ''}:${subject.name}`;
      default: return false;
    }
  });
}

export function ruleAllows(rule: PolicyRule, { verb, resource, path }: Attributes): boolean {
  const has = (list: readonly string[] | undefined, value: string) => list?.includes('*') || list?.includes(value) || false;
  if (!has(rule.verbs, verb)) return false;
  if (!resource) return path !== undefined && (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path));
  if (!has(rule.apiGroups, resource.group)) return false;
  const full = resource.subresource ? `${resource.plural}/${resource.subresource}` : resource.plural;
  const matches = has(rule.resources, full) || (resource.subresource !== undefined && (rule.resources ?? []).includes(`*/${resource.subresource}`));
  if (!matches) return false;
  return !rule.resourceNames?.length || (resource.name !== undefined && rule.resourceNames.includes(resource.name));
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/** `User "x" cannot list resource "pods" in API group "" in the namespace "default"` */
export function denialText({ user, verb, resource, path }: Attributes): string {
  const who = `User ${JSON.stringify(user.username)} cannot ${verb}`;
  if (!resource) return `${who} path ${JSON.stringify(path)}`;
  const what = resource.subresource ? `${resource.plural}/${resource.subresource}` : resource.plural;
  const where = resource.namespace ? `in the namespace ${JSON.stringify(resource.namespace)}` : 'at the cluster scope';
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(resource.group)} ${where}`;
}
