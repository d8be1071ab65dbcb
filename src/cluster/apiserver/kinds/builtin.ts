/** The built-in kinds: one line each. */
import { builtinSchemas, definitionName, refTo } from '../../../kube/schema/builtin.ts';
import { decodeBuiltin } from '../../../kube/schema/decode.ts';
import { resource } from '../../../kube/resource.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { ALL_VERBS, type Kind, type ScaleSpec, type Strategy } from './kind.ts';

interface Row {
  api: string;
  plural: string;
  kind: string;
  singular?: string;
  short?: string[];
  categories?: string[];
  /** Of the cluster, not of a namespace. */
  cluster?: boolean;
  sub?: string[];
  generation?: boolean;
  scale?: ScaleSpec;
  verbs?: readonly string[];
  collection?: string;
  convert?: Kind['convert'];
  preferred?: boolean;
  deprecation?: string;
}

const SCALE: ScaleSpec = { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' };
const REVIEW = ['create'];

const ROWS: readonly Row[] = [
  { api: 'v1', plural: 'pods', kind: 'Pod', short: ['po'], categories: ['all'], generation: true, sub: ['status', 'log', 'exec', 'attach', 'portforward', 'binding', 'eviction', 'ephemeralcontainers', 'resize'] },
  { api: 'v1', plural: 'services', kind: 'Service', short: ['svc'], categories: ['all'], sub: ['status'] },
  { api: 'v1', plural: 'endpoints', kind: 'Endpoints', singular: 'endpoints', short: ['ep'], deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice' },
  { api: 'v1', plural: 'configmaps', kind: 'ConfigMap', short: ['cm'] },
  { api: 'v1', plural: 'secrets', kind: 'Secret' },
  { api: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', short: ['sa'], sub: ['token'] },
  { api: 'v1', plural: 'namespaces', kind: 'Namespace', short: ['ns'], cluster: true, sub: ['status', 'finalize'], verbs: ALL_VERBS.filter((v) => v !== 'deletecollection') },
  { api: 'v1', plural: 'nodes', kind: 'Node', short: ['no'], cluster: true, sub: ['status'] },
  { api: 'v1', plural: 'events', kind: 'Event', short: ['ev'] },
  { api: 'v1', plural: 'persistentvolumes', kind: 'PersistentVolume', short: ['pv'], cluster: true, sub: ['status'] },
  { api: 'v1', plural: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim', short: ['pvc'], sub: ['status'] },
  { api: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota', short: ['quota'], sub: ['status'] },
  { api: 'v1', plural: 'limitranges', kind: 'LimitRange', short: ['limits'] },
  { api: 'v1', plural: 'podtemplates', kind: 'PodTemplate' },
  { api: 'v1', plural: 'replicationcontrollers', kind: 'ReplicationController', short: ['rc'], categories: ['all'], sub: ['status', 'scale'], generation: true, scale: SCALE },
  { api: 'apps/v1', plural: 'deployments', kind: 'Deployment', short: ['deploy'], categories: ['all'], sub: ['status', 'scale'], generation: true, scale: SCALE },
  { api: 'apps/v1', plural: 'replicasets', kind: 'ReplicaSet', short: ['rs'], categories: ['all'], sub: ['status', 'scale'], generation: true, scale: SCALE },
  { api: 'apps/v1', plural: 'statefulsets', kind: 'StatefulSet', short: ['sts'], categories: ['all'], sub: ['status', 'scale'], generation: true, scale: SCALE },
  { api: 'apps/v1', plural: 'daemonsets', kind: 'DaemonSet', short: ['ds'], categories: ['all'], sub: ['status'], generation: true },
  { api: 'apps/v1', plural: 'controllerrevisions', kind: 'ControllerRevision' },
  { api: 'batch/v1', plural: 'jobs', kind: 'Job', categories: ['all'], sub: ['status'], generation: true },
  { api: 'batch/v1', plural: 'cronjobs', kind: 'CronJob', short: ['cj'], categories: ['all'], sub: ['status'], generation: true },
  { api: 'autoscaling/v2', plural: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', short: ['hpa'], categories: ['all'], sub: ['status'] },
  { api: 'policy/v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', short: ['pdb'], sub: ['status'], generation: true },
  { api: 'networking.k8s.io/v1', plural: 'ingresses', kind: 'Ingress', short: ['ing'], sub: ['status'], generation: true },
  { api: 'networking.k8s.io/v1', plural: 'ingressclasses', kind: 'IngressClass', cluster: true, generation: true },
  { api: 'networking.k8s.io/v1', plural: 'networkpolicies', kind: 'NetworkPolicy', short: ['netpol'], generation: true },
  { api: 'rbac.authorization.k8s.io/v1', plural: 'roles', kind: 'Role' },
  { api: 'rbac.authorization.k8s.io/v1', plural: 'rolebindings', kind: 'RoleBinding' },
  { api: 'rbac.authorization.k8s.io/v1', plural: 'clusterroles', kind: 'ClusterRole', cluster: true },
  { api: 'rbac.authorization.k8s.io/v1', plural: 'clusterrolebindings', kind: 'ClusterRoleBinding', cluster: true },
  { api: 'storage.k8s.io/v1', plural: 'storageclasses', kind: 'StorageClass', short: ['sc'], cluster: true },
  { api: 'storage.k8s.io/v1', plural: 'csidrivers', kind: 'CSIDriver', cluster: true },
  { api: 'storage.k8s.io/v1', plural: 'csinodes', kind: 'CSINode', cluster: true },
  { api: 'scheduling.k8s.io/v1', plural: 'priorityclasses', kind: 'PriorityClass', short: ['pc'], cluster: true },
  { api: 'coordination.k8s.io/v1', plural: 'leases', kind: 'Lease' },
  { api: 'discovery.k8s.io/v1', plural: 'endpointslices', kind: 'EndpointSlice' },
  { api: 'events.k8s.io/v1', plural: 'events', kind: 'Event', short: ['ev'], collection: '/events', convert: { toStorage: eventToCore, fromStorage: eventFromCore } },
  { api: 'certificates.k8s.io/v1', plural: 'certificatesigningrequests', kind: 'CertificateSigningRequest', short: ['csr'], cluster: true, sub: ['status', 'approval'] },
  { api: 'node.k8s.io/v1', plural: 'runtimeclasses', kind: 'RuntimeClass', cluster: true },
  { api: 'admissionregistration.k8s.io/v1', plural: 'mutatingwebhookconfigurations', kind: 'MutatingWebhookConfiguration', categories: ['api-extensions'], cluster: true, generation: true },
  { api: 'admissionregistration.k8s.io/v1', plural: 'validatingwebhookconfigurations', kind: 'ValidatingWebhookConfiguration', categories: ['api-extensions'], cluster: true, generation: true },
  { api: 'admissionregistration.k8s.io/v1', plural: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy', singular: 'validatingadmissionpolicy', categories: ['api-extensions'], cluster: true, generation: true, sub: ['status'] },
  { api: 'admissionregistration.k8s.io/v1', plural: 'validatingadmissionpolicybindings', kind: 'ValidatingAdmissionPolicyBinding', categories: ['api-extensions'], cluster: true, generation: true },
  { api: 'apiextensions.k8s.io/v1', plural: 'customresourcedefinitions', kind: 'CustomResourceDefinition', short: ['crd', 'crds'], categories: ['api-extensions'], cluster: true, sub: ['status'], generation: true },
  { api: 'authentication.k8s.io/v1', plural: 'tokenreviews', kind: 'TokenReview', cluster: true, verbs: REVIEW },
  { api: 'authentication.k8s.io/v1', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview', cluster: true, verbs: REVIEW },
  { api: 'authorization.k8s.io/v1', plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview', cluster: true, verbs: REVIEW },
  { api: 'authorization.k8s.io/v1', plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview', cluster: true, verbs: REVIEW },
  { api: 'authorization.k8s.io/v1', plural: 'subjectaccessreviews', kind: 'SubjectAccessReview', cluster: true, verbs: REVIEW },
  { api: 'authorization.k8s.io/v1', plural: 'localsubjectaccessreviews', kind: 'LocalSubjectAccessReview', verbs: REVIEW },
];

/** @param strategies by `group/plural` */
export function builtinKinds(strategies: ReadonlyMap<string, Strategy>): Kind[] {
  return ROWS.map((row) => {
    const r = resource(row.api, row.plural, row.kind, row.cluster !== true);
    const definition = definitionName(row.api, row.kind);
    const schema = () => builtinSchemas.definition(definition) ?? refTo(definition);
    return {
      resource: r,
      singular: row.singular ?? row.kind.toLowerCase(),
      shortNames: row.short ?? [],
      categories: row.categories ?? [],
      listKind: `${row.kind}List`,
      collection: row.collection ?? `${r.group}/${r.plural}`,
      verbs: row.verbs ?? ALL_VERBS,
      subresources: row.sub ?? [],
      hasGeneration: row.generation ?? false,
      strategy: strategies.get(`${r.group}/${r.plural}`) ?? {},
      schema,
      decode: (value) => decodeBuiltin(value, schema(), builtinSchemas),
      definition,
      isCustom: false,
      scale: row.scale,
      convert: row.convert,
      preferred: row.preferred ?? true,
      deprecation: row.deprecation,
    };
  });
}

/** Fields of events.k8s.io/v1 and what core/v1 calls them. */
const EVENT_FIELDS = [
  ['regarding', 'involvedObject'], ['note', 'message'], ['reportingController', 'reportingComponent'], ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'], ['deprecatedLastTimestamp', 'lastTimestamp'], ['deprecatedCount', 'count'],
] as const;

function renamed(object: KubeObject, names: readonly (readonly [string, string])[], apiVersion: string): KubeObject {
  const map = new Map(names);
  return Object.fromEntries([...Object.entries(object).map(([key, value]) => [map.get(key) ?? key, value]), ['apiVersion', apiVersion]]) as KubeObject;
}

function eventToCore(event: KubeObject): KubeObject {
  return renamed(event, EVENT_FIELDS, 'v1');
}

function eventFromCore(event: KubeObject): KubeObject {
  return renamed(event, EVENT_FIELDS.map(([a, b]) => [b, a] as const), 'events.k8s.io/v1');
}
