/** The rules of the built-in kinds: defaults, what the server sets itself, what may not change, what fields can be selected by. */
import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import type { Event, Namespace, Node, Pod, Secret, Service } from 'kubernetes-types/core/v1.d.ts';
import { cloneJson } from '../../../base/clone.ts';
import type { KubeObject } from '../../../kube/object.ts';
import * as config from './defaults/config.ts';
import { defaultPod, defaultTemplate } from './defaults/pod.ts';
import { defaultService } from './defaults/service.ts';
import * as workloads from './defaults/workloads.ts';
import { qosClass } from './qos.ts';
import type { Strategy } from './kind.ts';
import { keepServiceAddress } from './validation/config.ts';
import { builtinValidation } from './validation/table.ts';

/** Strategies are written for the type of their kind; the registry hands each only objects of that kind, decoded by its schema. */
const typed = <T extends object>(run: (object: T) => void) => (object: KubeObject): void => run(object as T);

export function builtinStrategies(): Map<string, Strategy> {
  const result = new Map<string, Strategy>();
  for (const [key, strategy] of Object.entries({ ...RULES })) result.set(key, { ...strategy, ...builtinValidation.get(key) });
  for (const [key, validation] of builtinValidation) if (!result.has(key)) result.set(key, validation);
  return result;
}

const RULES: Readonly<Record<string, Strategy>> = {
  '/pods': {
    default: typed<Pod>((pod) => pod.spec && defaultPod(pod.spec)),
    prepareCreate: typed<Pod>((pod) => void Object.assign(pod, { status: { phase: 'Pending', qosClass: qosClass(pod.spec) } })),
    fields: (object) => {
      const { spec, status } = object as Pod;
      return {
        'spec.nodeName': spec?.nodeName ?? '', 'spec.restartPolicy': spec?.restartPolicy ?? '', 'spec.schedulerName': spec?.schedulerName ?? '',
        'spec.serviceAccountName': spec?.serviceAccountName ?? '', 'spec.hostNetwork': String(spec?.hostNetwork ?? false),
        'status.phase': status?.phase ?? '', 'status.podIP': status?.podIP ?? '', 'status.nominatedNodeName': status?.nominatedNodeName ?? '',
      };
    },
    selectable: ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork', 'status.phase', 'status.podIP', 'status.podIPs', 'status.nominatedNodeName'],
  },
  '/podtemplates': { default: typed<{ template?: object }>(({ template }) => defaultTemplate(template)) },
  '/replicationcontrollers': { default: typed(workloads.defaultReplicationController), ...replicaFields() },
  '/services': {
    default: typed(defaultService),
    prepareCreate: typed<Service>((service) => void Object.assign(service, { status: { loadBalancer: {} } })),
    prepareUpdate: (object, old) => keepServiceAddress(object as Service, old as Service),
    fields: (object) => ({ 'spec.clusterIP': (object as Service).spec?.clusterIP ?? '', 'spec.type': (object as Service).spec?.type ?? '' }),
    selectable: ['spec.clusterIP', 'spec.type'],
  },
  '/endpoints': { default: typed(config.defaultEndpoints) },
  '/namespaces': {
    default: typed(config.defaultNamespace),
    prepareCreate: typed<Namespace>((namespace) => void Object.assign(namespace, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })),
    prepareUpdate: (object, old) => void Object.assign(object, { spec: cloneJson((old as Namespace).spec) }),
    fields: (object) => ({ 'status.phase': (object as Namespace).status?.phase ?? '' }),
    selectable: ['status.phase', 'name'],
  },
  '/nodes': { fields: (object) => ({ 'spec.unschedulable': String((object as Node).spec?.unschedulable ?? false) }), selectable: ['spec.unschedulable'] },
  '/secrets': { default: typed(config.defaultSecret), fields: (object) => ({ type: (object as Secret).type ?? '' }), selectable: ['type'] },
  '/events': eventStrategy(),
  'events.k8s.io/events': eventStrategy(),
  '/persistentvolumes': { default: typed(config.defaultVolume), prepareCreate: (object) => void Object.assign(object, { status: { phase: 'Pending' } }) },
  '/persistentvolumeclaims': { default: typed(config.defaultClaim), prepareCreate: (object) => void Object.assign(object, { status: { phase: 'Pending' } }) },
  '/limitranges': { default: typed(config.defaultLimitRange) },
  'apps/deployments': { default: typed(workloads.defaultDeployment) },
  'apps/replicasets': { default: typed(workloads.defaultReplicaSet), ...replicaFields() },
  'apps/statefulsets': { default: typed(workloads.defaultStatefulSet) },
  'apps/daemonsets': { default: typed(workloads.defaultDaemonSet) },
  'batch/jobs': {
    default: typed(workloads.defaultJob), prepareCreate: typed(selectOwnPods),
    fields: (object) => ({ 'status.successful': String((object as Job).status?.succeeded ?? 0) }), selectable: ['status.successful'],
  },
  'batch/cronjobs': { default: typed(workloads.defaultCronJob) },
  'autoscaling/horizontalpodautoscalers': { default: typed(config.defaultAutoscaler) },
  'networking.k8s.io/networkpolicies': { default: typed(config.defaultNetworkPolicy) },
  'rbac.authorization.k8s.io/rolebindings': { default: typed(config.defaultBinding) },
  'rbac.authorization.k8s.io/clusterrolebindings': { default: typed(config.defaultBinding) },
  'storage.k8s.io/storageclasses': { default: typed(config.defaultStorageClass) },
  'discovery.k8s.io/endpointslices': { default: typed(config.defaultEndpointSlice) },
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': { default: typed(config.defaultWebhooks) },
  'admissionregistration.k8s.io/validatingwebhookconfigurations': { default: typed(config.defaultWebhooks) },
  'admissionregistration.k8s.io/validatingadmissionpolicies': { default: typed(config.defaultAdmissionPolicy) },
  'apiextensions.k8s.io/customresourcedefinitions': { default: typed(config.defaultDefinition) },
};

function replicaFields(): Strategy {
  return { fields: (object) => ({ 'status.replicas': String((object as { status?: { replicas?: number } }).status?.replicas ?? 0) }), selectable: ['status.replicas'] };
}

/** Events are stored in the form of the core group, under whichever group they came. */
function eventStrategy(): Strategy {
  const about = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;
  return {
    fields: (object) => {
      const event = object as Event;
      const related = about.flatMap((field) => [[`involvedObject.${field}`, event.involvedObject?.[field] ?? ''], [`regarding.${field}`, event.involvedObject?.[field] ?? '']]);
      return { ...Object.fromEntries(related), reason: event.reason ?? '', type: event.type ?? '', reportingComponent: event.reportingComponent ?? '', source: event.source?.component ?? event.reportingComponent ?? '' };
    },
    selectable: [...about.flatMap((field) => [`involvedObject.${field}`, `regarding.${field}`]), 'reason', 'type', 'reportingComponent', 'source'],
  };
}

/** A job without a selector of its own takes the pods that carry its uid. Kubernetes: batch/job strategy generateSelector. */
function selectOwnPods(job: Job): void {
  const { spec, metadata } = job;
  if (!spec || spec.manualSelector || !metadata?.uid || !metadata.name || !spec.template) return;
  const uid = metadata.uid;
  spec.selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': metadata.name, 'controller-uid': uid, 'job-name': metadata.name,
  };
}
