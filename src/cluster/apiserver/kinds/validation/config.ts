/** Services, configuration, storage, access and registration. Kubernetes: pkg/apis/<group>/validation. */
import { isDeepStrictEqual } from 'node:util';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { ConfigMap, LimitRange, PersistentVolumeClaim, ResourceQuota, Secret, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Ingress } from 'kubernetes-types/networking/v1.d.ts';
import type { PolicyRule, Role, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import { cloneJson } from '../../../../base/clone.ts';
import { configKeyError, labelNameError, portNameError, qualifiedNameError } from '../../../../kube/names.ts';
import { duplicate, forbiddenField, invalid, required, type FieldError } from '../../status.ts';
import { Findings, IMMUTABLE } from './checks.ts';

const MAX_DATA_BYTES = 1024 * 1024;

export function serviceErrors({ spec }: Service): FieldError[] {
  if (!spec) return [required('spec')];
  const found = new Findings();
  found.oneOf('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']);
  found.oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const ports = spec.ports ?? [];
  const isHeadless = spec.clusterIP === 'None';
  if (ports.length === 0 && !isHeadless && spec.type !== 'ExternalName') found.add(required('spec.ports'));
  if (spec.type === 'ExternalName') found.required('spec.externalName', spec.externalName);
  if (isHeadless && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')) found.add(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  const [names, numbers] = [new Set<string>(), new Set<string>()];
  for (const [i, port] of ports.entries()) {
    const at = `spec.ports[${i}]`;
    if (port.name) {
      found.named(`${at}.name`, port.name, labelNameError);
      if (names.has(port.name)) found.add(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    } else if (ports.length > 1) found.add(required(`${at}.name`));
    found.port(`${at}.port`, port.port);
    found.oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']);
    if (typeof port.targetPort === 'number') found.port(`${at}.targetPort`, port.targetPort);
    else if (port.targetPort !== undefined) found.named(`${at}.targetPort`, port.targetPort, portNameError);
    const id = `${port.protocol}:${port.port}`;
    if (numbers.has(id)) found.add(duplicate(at, { port: port.port, protocol: port.protocol }));
    numbers.add(id);
  }
  return found.errors;
}

export function serviceUpdateErrors({ spec }: Service, { spec: old }: Service): FieldError[] {
  const wasFixed = old?.clusterIP && old.type !== 'ExternalName' && spec?.type !== 'ExternalName';
  return wasFixed && spec?.clusterIP !== old.clusterIP ? [invalid('spec.clusterIPs[0]', spec?.clusterIPs ?? [spec?.clusterIP], 'may not change once set')] : [];
}

/** The address stays when an update does not mention it. Kubernetes: registry/core/service patchAllocatedValues. */
export function keepServiceAddress(service: Service, old: Service): void {
  const { spec } = service;
  if (!spec || !old.spec || spec.type === 'ExternalName' || old.spec.type === 'ExternalName') return;
  if (!spec.clusterIP && !spec.clusterIPs?.length) {
    spec.clusterIP = old.spec.clusterIP;
    spec.clusterIPs = cloneJson(old.spec.clusterIPs);
  }
}

function keyErrors(maps: Readonly<Record<string, Record<string, string> | undefined>>): FieldError[] {
  const found = new Findings();
  let size = 0;
  for (const [field, map] of Object.entries(maps)) {
    for (const [key, value] of Object.entries(map ?? {})) {
      const wrong = configKeyError(key);
      if (wrong) found.add(invalid(`${field}[${key}]`, key, wrong));
      size += value.length;
    }
  }
  if (size > MAX_DATA_BYTES * 1.34) found.add({ field: '', type: 'FieldValueTooLong', message: `Too long: may not be more than ${MAX_DATA_BYTES} bytes` });
  return found.errors;
}

export const configMapErrors = ({ data, binaryData }: ConfigMap): FieldError[] => keyErrors({ data, binaryData });

function frozenErrors(object: ConfigMap | Secret, old: ConfigMap | Secret): FieldError[] {
  if (!old.immutable) return [];
  const errors: FieldError[] = [];
  if (!object.immutable) errors.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
  if (!isDeepStrictEqual(object.data, old.data)) errors.push(forbiddenField('data', 'field is immutable when `immutable` is set'));
  return errors;
}

export const configMapUpdateErrors = (object: ConfigMap, old: ConfigMap): FieldError[] => frozenErrors(object, old);

const SECRET_KEYS: Readonly<Record<string, readonly string[]>> = { 'kubernetes.io/tls': ['tls.crt', 'tls.key'], 'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'], 'kubernetes.io/dockercfg': ['.dockercfg'] };

export function secretErrors({ data, type = 'Opaque' }: Secret): FieldError[] {
  const missing = (SECRET_KEYS[type] ?? []).filter((key) => data?.[key] === undefined).map((key) => required(`data[${key}]`));
  return [...keyErrors({ data }), ...missing];
}

export function secretUpdateErrors(object: Secret, old: Secret): FieldError[] {
  return [...(object.type === old.type ? [] : [invalid('type', object.type, IMMUTABLE)]), ...frozenErrors(object, old)];
}

export function claimErrors({ spec }: PersistentVolumeClaim): FieldError[] {
  if (!spec) return [required('spec')];
  const found = new Findings();
  if (found.required('spec.accessModes', spec.accessModes, 'at least 1 access mode is required')) {
    for (const mode of spec.accessModes ?? []) found.oneOf('spec.accessModes', mode, ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']);
  }
  found.required('spec.resources[storage]', spec.resources?.requests?.['storage']);
  return found.errors;
}

export function claimUpdateErrors({ spec }: PersistentVolumeClaim, { spec: old }: PersistentVolumeClaim): FieldError[] {
  const fixed = (s: PersistentVolumeClaim['spec']) => s && { ...s, resources: undefined, volumeName: old?.volumeName ? s.volumeName : undefined, storageClassName: old?.storageClassName === undefined ? undefined : s.storageClassName, volumeAttributesClassName: undefined };
  return isDeepStrictEqual(fixed(spec), fixed(old)) ? [] : [forbiddenField('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims')];
}

export function quotaErrors({ spec }: ResourceQuota): FieldError[] {
  const found = new Findings();
  found.quantities('spec.hard', spec?.hard);
  for (const name of Object.keys(spec?.hard ?? {})) {
    const wrong = qualifiedNameError(name.replace(/^count\//, '').replace(/^(requests|limits)\./, ''));
    if (wrong) found.add(invalid(`spec.hard[${name}]`, name, wrong));
  }
  return found.errors;
}

export function limitRangeErrors({ spec }: LimitRange): FieldError[] {
  const found = new Findings();
  for (const [i, limit] of (spec?.limits ?? []).entries()) found.required(`spec.limits[${i}].type`, limit.type);
  return found.errors;
}

function ruleErrors(rules: readonly PolicyRule[] | undefined): FieldError[] {
  const found = new Findings();
  for (const [i, rule] of (rules ?? []).entries()) {
    found.required(`rules[${i}].verbs`, rule.verbs, 'verbs must contain at least one value');
    if (rule.nonResourceURLs?.length) continue;
    if (!rule.apiGroups?.length) found.add(required(`rules[${i}].apiGroups`, 'resource rules must supply at least one api group'));
    if (!rule.resources?.length) found.add(required(`rules[${i}].resources`, 'resource rules must supply at least one resource'));
  }
  return found.errors;
}

export const roleErrors = ({ rules }: Role): FieldError[] => ruleErrors(rules);

export function bindingErrors({ roleRef, subjects }: RoleBinding): FieldError[] {
  const found = new Findings();
  found.oneOf('roleRef.kind', roleRef?.kind ?? '', ['ClusterRole', 'Role']);
  found.required('roleRef.name', roleRef?.name);
  for (const [i, subject] of (subjects ?? []).entries()) {
    found.required(`subjects[${i}].name`, subject.name);
    found.oneOf(`subjects[${i}].kind`, subject.kind, ['Group', 'ServiceAccount', 'User']);
  }
  return found.errors;
}

export function bindingUpdateErrors({ roleRef }: RoleBinding, { roleRef: old }: RoleBinding): FieldError[] {
  return isDeepStrictEqual(roleRef, old) ? [] : [invalid('roleRef', roleRef, 'cannot change roleRef')];
}

export function webhookErrors({ webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): FieldError[] {
  const found = new Findings();
  const names = new Set<string>();
  for (const [i, hook] of (webhooks ?? []).entries()) {
    const at = `webhooks[${i}]`;
    if (names.has(hook.name)) found.add(duplicate(`${at}.name`, hook.name));
    names.add(hook.name);
    if (found.required(`${at}.name`, hook.name) && hook.name.split('.').length < 3) found.add(invalid(`${at}.name`, hook.name, 'should be a domain with at least three segments separated by dots'));
    found.required(`${at}.sideEffects`, hook.sideEffects, 'must specify one of None, NoneOnDryRun');
    found.oneOf(`${at}.sideEffects`, hook.sideEffects, ['None', 'NoneOnDryRun']);
    found.required(`${at}.admissionReviewVersions`, hook.admissionReviewVersions, 'must specify one of v1, v1beta1');
    found.oneOf(`${at}.failurePolicy`, hook.failurePolicy, ['Fail', 'Ignore']);
    found.oneOf(`${at}.matchPolicy`, hook.matchPolicy, ['Equivalent', 'Exact']);
    if (hook.timeoutSeconds !== undefined && (hook.timeoutSeconds < 1 || hook.timeoutSeconds > 30)) found.add(invalid(`${at}.timeoutSeconds`, hook.timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'));
    const { url, service } = hook.clientConfig ?? {};
    if ((url === undefined) === (service === undefined)) found.add(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
    found.selector(`${at}.namespaceSelector`, hook.namespaceSelector);
    found.selector(`${at}.objectSelector`, hook.objectSelector);
  }
  return found.errors;
}

export function storageClassErrors({ provisioner }: StorageClass): FieldError[] {
  return provisioner ? [] : [required('provisioner')];
}

export function endpointSliceErrors({ addressType }: EndpointSlice): FieldError[] {
  const found = new Findings();
  if (found.required('addressType', addressType)) found.oneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']);
  return found.errors;
}

export function ingressErrors({ spec }: Ingress): FieldError[] {
  const found = new Findings();
  if (!spec?.rules?.length && !spec?.defaultBackend) found.add(invalid('spec', spec?.rules ?? [], 'either `defaultBackend` or `rules` must be specified'));
  for (const [i, rule] of (spec?.rules ?? []).entries()) {
    for (const [j, path] of (rule.http?.paths ?? []).entries()) {
      const at = `spec.rules[${i}].http.paths[${j}]`;
      if (found.required(`${at}.pathType`, path.pathType, 'pathType must be specified')) found.oneOf(`${at}.pathType`, path.pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
      if (path.pathType !== 'ImplementationSpecific' && !path.path?.startsWith('/')) found.add(invalid(`${at}.path`, path.path ?? '', 'must be an absolute path'));
      if (path.backend?.service) found.required(`${at}.backend.service.name`, path.backend.service.name);
    }
  }
  return found.errors;
}

export function autoscalerErrors({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const found = new Findings();
  if (!spec || spec.maxReplicas < 1) found.add(invalid('spec.maxReplicas', spec?.maxReplicas ?? 0, 'must be greater than 0'));
  else if ((spec.minReplicas ?? 1) > spec.maxReplicas) found.add(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'));
  return found.errors;
}
