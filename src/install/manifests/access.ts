/** Service accounts and what each may do. */
import type { PolicyRule } from 'kubernetes-types/rbac/v1.d.ts';
import { KINDS } from '../../api/kinds.ts';
import type { KubeObject } from '../../kube/object.ts';
import { componentLabels, type Component } from './labels.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete'];
const OUR_GROUPS = [...new Set(KINDS.map((kind) => kind.group))];

const rule = (apiGroups: string[], resources: string[], verbs: string[]): PolicyRule => ({ apiGroups, resources, verbs });

/** What the control plane does in the whole cluster. */
export const ISTIOD_RULES: readonly PolicyRule[] = [
  rule(OUR_GROUPS, ['*'], READ),
  rule(OUR_GROUPS, KINDS.map((kind) => `${kind.plural}/status`), ['get', 'update', 'patch']),
  // Asked as a dry run, to see whether the validating webhook answers.
  rule(['networking.istio.io'], ['gateways'], ['create']),
  rule(['networking.istio.io'], ['workloadentries'], WRITE),
  rule(['admissionregistration.k8s.io'], ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'], [...READ, 'update', 'patch']),
  rule(['apiextensions.k8s.io'], ['customresourcedefinitions'], READ),
  rule([''], ['pods', 'nodes', 'services', 'namespaces', 'endpoints', 'serviceaccounts'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
  rule(['networking.k8s.io'], ['ingresses', 'ingressclasses'], READ),
  rule(['networking.k8s.io'], ['ingresses/status'], ['update', 'patch']),
  rule(['gateway.networking.k8s.io', 'gateway.networking.x-k8s.io'], ['*'], [...READ, 'update', 'patch']),
  // The root certificate is published in every namespace.
  rule([''], ['configmaps'], [...READ, 'create', 'update', 'patch']),
  // Credentials of gateways.
  rule([''], ['secrets'], READ),
  rule([''], ['events'], ['create', 'patch']),
  rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
];

/** What the control plane does in its own namespace only: its authority's key and its leases. */
export const ISTIOD_LOCAL_RULES: readonly PolicyRule[] = [
  rule([''], ['secrets', 'configmaps'], [...READ, ...WRITE]),
  rule(['coordination.k8s.io'], ['leases'], [...READ, ...WRITE]),
];

/** Finding what to scrape. */
export const OBSERVE_RULES: readonly PolicyRule[] = [rule([''], ['pods', 'services', 'endpoints', 'nodes', 'namespaces'], READ)];

/** Looking at everything but secrets. */
export const CONSOLE_RULES: readonly PolicyRule[] = [
  rule([''], ['pods', 'pods/log', 'services', 'endpoints', 'nodes', 'namespaces', 'configmaps', 'serviceaccounts', 'events', 'resourcequotas', 'replicationcontrollers'], READ),
  rule(['apps'], ['deployments', 'replicasets', 'statefulsets', 'daemonsets'], READ),
  rule(['batch'], ['jobs', 'cronjobs'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
  rule(['networking.k8s.io'], ['ingresses'], READ),
  rule(['admissionregistration.k8s.io'], ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'], READ),
  rule([...OUR_GROUPS, 'gateway.networking.k8s.io'], ['*'], READ),
];

/** What a gateway does in its namespace. */
export const GATEWAY_RULES: readonly PolicyRule[] = [rule([''], ['secrets'], READ)];

export interface Account {
  readonly name: string;
  readonly namespace: string;
  readonly component: Component;
  readonly version: string;
  readonly clusterRules?: readonly PolicyRule[];
  readonly localRules?: readonly PolicyRule[];
  /** Of the roles; default: the account's name. */
  readonly roleName?: string;
}

/** The account with its roles and their bindings. */
export function renderAccount(account: Account): KubeObject[] {
  const { name, namespace, clusterRules, localRules } = account;
  const labels = componentLabels(account.component, account.version);
  const roleName = account.roleName ?? name;
  const clusterName = `${roleName}-${namespace}`;
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const objects: object[] = [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } }];
  if (clusterRules) {
    objects.push(
      { apiVersion, kind: 'ClusterRole', metadata: { name: clusterName, labels }, rules: clusterRules },
      { apiVersion, kind: 'ClusterRoleBinding', metadata: { name: clusterName, labels }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterName }, subjects },
    );
  }
  if (localRules) {
    objects.push(
      { apiVersion, kind: 'Role', metadata: { name: roleName, namespace, labels }, rules: localRules },
      { apiVersion, kind: 'RoleBinding', metadata: { name: roleName, namespace, labels }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: roleName }, subjects },
    );
  }
  return objects as KubeObject[];
}
