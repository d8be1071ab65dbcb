/** Defaults of configuration, storage, access and registration kinds. */
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { CustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { Endpoints, LimitRange, LimitRangeItem, Namespace, PersistentVolume, PersistentVolumeClaim, Secret } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import type { ClusterRoleBinding, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import { child, fill } from './fill.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** A field of rules that the declarations lack. */
interface Scoped {
  scope?: string;
}

export function defaultNamespace(namespace: Namespace): void {
  const { name } = namespace.metadata ?? {};
  if (name) child(child(namespace, 'metadata', {}), 'labels', {})['kubernetes.io/metadata.name'] = name;
}

/** `stringData` is write-only: it moves into `data`. */
export function defaultSecret(secret: Secret): void {
  fill(secret, { type: 'Opaque' });
  if (!secret.stringData) return;
  const data = child(secret, 'data', {});
  for (const [key, value] of Object.entries(secret.stringData)) data[key] = Buffer.from(value).toString('base64');
  delete secret.stringData;
}

export function defaultClaim({ spec }: PersistentVolumeClaim): void {
  if (spec) fill(spec, { volumeMode: 'Filesystem' });
}

export function defaultVolume({ spec }: PersistentVolume): void {
  if (spec) fill(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
}

export function defaultStorageClass(storage: StorageClass): void {
  fill(storage, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
}

export function defaultEndpoints(endpoints: Endpoints): void {
  for (const subset of endpoints.subsets ?? []) for (const port of subset.ports ?? []) fill(port, { protocol: 'TCP' });
}

export function defaultEndpointSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) fill(port, { name: '', protocol: 'TCP' });
}

export function defaultLimitRange({ spec }: LimitRange): void {
  for (const limit of spec?.limits ?? []) if (limit.type === 'Container') defaultContainerLimits(limit);
}

function defaultContainerLimits(limit: LimitRangeItem): void {
  const limits = { ...limit.max, ...limit.default };
  const requests = { ...limit.min, ...limits, ...limit.defaultRequest };
  if (Object.keys(limits).length > 0) limit.default = limits;
  if (Object.keys(requests).length > 0) limit.defaultRequest = requests;
}

export function defaultBinding(binding: RoleBinding | ClusterRoleBinding): void {
  if (binding.roleRef && !binding.roleRef.apiGroup) binding.roleRef.apiGroup = RBAC;
  for (const subject of binding.subjects ?? []) if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = RBAC;
}

/** Kubernetes: pkg/apis/admissionregistration/v1/defaults.go. */
export function defaultWebhooks(configuration: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): void {
  for (const hook of configuration.webhooks ?? []) {
    fill(hook, { failurePolicy: 'Fail', matchPolicy: 'Equivalent', timeoutSeconds: 10, namespaceSelector: {}, objectSelector: {} });
    if (configuration.kind === 'MutatingWebhookConfiguration') fill(hook as MutatingWebhook, { reinvocationPolicy: 'Never' });
    for (const rule of hook.rules ?? []) fill(rule as Scoped, { scope: '*' });
    if (hook.clientConfig?.service) fill(hook.clientConfig.service, { port: 443 });
  }
}

export function defaultAdmissionPolicy({ spec }: ValidatingAdmissionPolicy): void {
  if (!spec) return;
  fill(spec, { failurePolicy: 'Fail' });
  if (!spec.matchConstraints) return;
  fill(spec.matchConstraints, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} });
  for (const rule of spec.matchConstraints.resourceRules ?? []) fill(rule as Scoped, { scope: '*' });
}

export function defaultNetworkPolicy({ spec }: NetworkPolicy): void {
  for (const rule of [...(spec?.ingress ?? []), ...(spec?.egress ?? [])]) for (const port of rule.ports ?? []) fill(port, { protocol: 'TCP' });
  if (spec && !spec.policyTypes) spec.policyTypes = ['Ingress', ...(spec.egress && spec.egress.length > 0 ? ['Egress'] : [])];
}

export function defaultAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  if (!spec) return;
  fill(spec, { minReplicas: 1 });
  if (!spec.metrics || spec.metrics.length === 0) spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
}

/** Kubernetes: apiextensions v1 defaults.go. */
export function defaultDefinition({ spec }: CustomResourceDefinition): void {
  if (!spec?.names) return;
  fill(spec.names, { singular: spec.names.kind?.toLowerCase(), listKind: `${spec.names.kind}List` });
  fill(child(spec, 'conversion', { strategy: 'None' }), { strategy: 'None' });
  for (const version of spec.versions ?? []) {
    for (const column of version.additionalPrinterColumns ?? []) if (column.priority === 0) delete column.priority;
  }
}
