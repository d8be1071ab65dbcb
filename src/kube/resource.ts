/** Which resource of the API a call is about, and with which TypeScript type. */
import type { ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service, ServiceAccount } from 'kubernetes-types/core/v1.d.ts';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts';
import type { CustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Ingress, IngressClass } from 'kubernetes-types/networking/v1.d.ts';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import type { KubeObject } from './object.ts';

export interface Resource<T extends KubeObject = KubeObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, as in the URL. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set; carries the type. */
  readonly type?: T;
}

export function resource<T extends KubeObject = KubeObject>(apiVersion: string, plural: string, kind: string, namespaced = true): Resource<T> {
  const slash = apiVersion.indexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), plural, kind, namespaced };
}

/** `v1`, `apps/v1`. */
export const apiVersionOf = (r: Resource): string => (r.group === '' ? r.version : `${r.group}/${r.version}`);

/** `/api/v1/namespaces/default/pods/x/status`. */
export function resourcePath(r: Resource, at: { namespace?: string; name?: string; subresource?: string } = {}): string {
  const root = r.group === '' ? `/api/${r.version}` : `/apis/${r.group}/${r.version}`;
  const scope = r.namespaced && at.namespace ? `/namespaces/${encodeURIComponent(at.namespace)}` : '';
  const name = at.name ? `/${encodeURIComponent(at.name)}` : '';
  return `${root}${scope}/${r.plural}${name}${at.subresource ? `/${at.subresource}` : ''}`;
}

export const Pods = resource<Pod>('v1', 'pods', 'Pod');
export const Services = resource<Service>('v1', 'services', 'Service');
export const EndpointsLegacy = resource<Endpoints>('v1', 'endpoints', 'Endpoints');
export const ConfigMaps = resource<ConfigMap>('v1', 'configmaps', 'ConfigMap');
export const Secrets = resource<Secret>('v1', 'secrets', 'Secret');
export const ServiceAccounts = resource<ServiceAccount>('v1', 'serviceaccounts', 'ServiceAccount');
export const Namespaces = resource<Namespace>('v1', 'namespaces', 'Namespace', false);
export const Nodes = resource<Node>('v1', 'nodes', 'Node', false);
export const Events = resource<Event>('v1', 'events', 'Event');
export const PersistentVolumes = resource<PersistentVolume>('v1', 'persistentvolumes', 'PersistentVolume', false);
export const PersistentVolumeClaims = resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const ResourceQuotas = resource<ResourceQuota>('v1', 'resourcequotas', 'ResourceQuota');
export const LimitRanges = resource<LimitRange>('v1', 'limitranges', 'LimitRange');
export const Deployments = resource<Deployment>('apps/v1', 'deployments', 'Deployment');
export const ReplicaSets = resource<ReplicaSet>('apps/v1', 'replicasets', 'ReplicaSet');
export const StatefulSets = resource<StatefulSet>('apps/v1', 'statefulsets', 'StatefulSet');
export const DaemonSets = resource<DaemonSet>('apps/v1', 'daemonsets', 'DaemonSet');
export const Jobs = resource<Job>('batch/v1', 'jobs', 'Job');
export const CronJobs = resource<CronJob>('batch/v1', 'cronjobs', 'CronJob');
export const EndpointSlices = resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice');
export const Leases = resource<Lease>('coordination.k8s.io/v1', 'leases', 'Lease');
export const StorageClasses = resource<StorageClass>('storage.k8s.io/v1', 'storageclasses', 'StorageClass', false);
export const Ingresses = resource<Ingress>('networking.k8s.io/v1', 'ingresses', 'Ingress');
export const IngressClasses = resource<IngressClass>('networking.k8s.io/v1', 'ingressclasses', 'IngressClass', false);
export const Roles = resource<Role>('rbac.authorization.k8s.io/v1', 'roles', 'Role');
export const RoleBindings = resource<RoleBinding>('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding');
export const ClusterRoles = resource<ClusterRole>('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', false);
export const ClusterRoleBindings = resource<ClusterRoleBinding>('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', false);
export const MutatingWebhooks = resource<MutatingWebhookConfiguration>('admissionregistration.k8s.io/v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', false);
export const ValidatingWebhooks = resource<ValidatingWebhookConfiguration>('admissionregistration.k8s.io/v1', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', false);
export const CustomResourceDefinitions = resource<CustomResourceDefinition>('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
