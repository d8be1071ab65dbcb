/** Columns of the built-in kinds, as `kubectl get` has always shown them. Kubernetes: pkg/printers/internalversion/printers.go. */
import type { MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts';
import type { CertificateSigningRequest } from 'kubernetes-types/certificates/v1.d.ts';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { ConfigMap, Endpoints, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, PodSpec, ReplicationController, ResourceQuota, Secret, Service, ServiceAccount } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Ingress, IngressClass, NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import type { RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { PriorityClass } from 'kubernetes-types/scheduling/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import { age, ageColumn, labelText, nameColumn, NONE, UNKNOWN, type Column } from './column.ts';
import { readinessGates, restartsText, summarizePod } from './pod.ts';
import * as text from './texts.ts';

type Cell = string | number | boolean | null;

/** A column over objects of one type; each table is only ever given objects of its kind. */
function column<T>(name: string, cell: (object: T, nowMs: number) => Cell, options: { type?: string; wide?: boolean; format?: string } = {}): Column {
  return { name, ...options, cell: (object, now) => cell(object as T, now) };
}

const number = <T>(name: string, cell: (object: T) => number | undefined): Column => column<T>(name, (o) => cell(o) ?? 0, { type: 'integer' });
const wide = <T>(name: string, cell: (object: T, nowMs: number) => Cell): Column => column<T>(name, cell, { wide: true });
const createdAt = column<Namespace>('Created At', (o) => o.metadata?.creationTimestamp ?? '');

interface Templated {
  spec?: { template?: { spec?: PodSpec }; selector?: object };
}
const containers = wide<Templated>('Containers', (o) => text.joined(o.spec?.template?.spec?.containers?.map((c) => c.name)));
const images = wide<Templated>('Images', (o) => text.joined(o.spec?.template?.spec?.containers?.map((c) => c.image)));
const selector = wide<Templated>('Selector', (o) => text.selectorText(o.spec?.selector));

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  '/pods': [
    nameColumn,
    column<Pod>('Ready', (pod) => {
      const { ready, total } = summarizePod(pod);
      return `${ready}/${total}`;
    }),
    column<Pod>('Status', (pod) => summarizePod(pod).status),
    column<Pod>('Restarts', (pod, now) => restartsText(summarizePod(pod), now)),
    ageColumn,
    wide<Pod>('IP', ({ status }) => status?.podIP ?? NONE),
    wide<Pod>('Node', ({ spec }) => spec?.nodeName ?? NONE),
    wide<Pod>('Nominated Node', ({ status }) => status?.nominatedNodeName ?? NONE),
    wide<Pod>('Readiness Gates', readinessGates),
  ],
  '/services': [
    nameColumn, column<Service>('Type', ({ spec }) => spec?.type ?? ''), column<Service>('Cluster-IP', ({ spec }) => spec?.clusterIP || NONE),
    column<Service>('External-IP', text.externalIp), column<Service>('Port(s)', text.servicePorts), ageColumn,
    wide<Service>('Selector', ({ spec }) => labelText(spec?.selector)),
  ],
  '/replicationcontrollers': [
    nameColumn, number<ReplicationController>('Desired', (o) => o.spec?.replicas), number<ReplicationController>('Current', (o) => o.status?.replicas),
    number<ReplicationController>('Ready', (o) => o.status?.readyReplicas), ageColumn, containers, images,
    wide<ReplicationController>('Selector', (o) => labelText(o.spec?.selector)),
  ],
  'apps/deployments': [
    nameColumn, column<Deployment>('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`),
    number<Deployment>('Up-to-date', (o) => o.status?.updatedReplicas), number<Deployment>('Available', (o) => o.status?.availableReplicas), ageColumn, containers, images, selector,
  ],
  'apps/replicasets': [
    nameColumn, number<ReplicaSet>('Desired', (o) => o.spec?.replicas), number<ReplicaSet>('Current', (o) => o.status?.replicas), number<ReplicaSet>('Ready', (o) => o.status?.readyReplicas),
    ageColumn, containers, images, selector,
  ],
  'apps/statefulsets': [nameColumn, column<StatefulSet>('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`), ageColumn, containers, images],
  'apps/daemonsets': [
    nameColumn, number<DaemonSet>('Desired', (o) => o.status?.desiredNumberScheduled), number<DaemonSet>('Current', (o) => o.status?.currentNumberScheduled),
    number<DaemonSet>('Ready', (o) => o.status?.numberReady), number<DaemonSet>('Up-to-date', (o) => o.status?.updatedNumberScheduled), number<DaemonSet>('Available', (o) => o.status?.numberAvailable),
    column<DaemonSet>('Node Selector', (o) => labelText(o.spec?.template?.spec?.nodeSelector)), ageColumn, containers, images, selector,
  ],
  'apps/controllerrevisions': [
    nameColumn,
    column<ControllerRevision>('Controller', (o) => {
      const owner = o.metadata?.ownerReferences?.find((ref) => ref.controller);
      return owner ? `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0]}/${owner.name}` : NONE;
    }),
    number<ControllerRevision>('Revision', (o) => o.revision), ageColumn,
  ],
  'batch/jobs': [
    nameColumn, column<Job>('Status', text.jobStatus), column<Job>('Completions', text.jobCompletions), column<Job>('Duration', text.jobDuration), ageColumn, containers, images, selector,
  ],
  'batch/cronjobs': [
    nameColumn, column<CronJob>('Schedule', (o) => o.spec?.schedule ?? ''), column<CronJob>('Timezone', (o) => o.spec?.timeZone ?? NONE),
    column<CronJob>('Suspend', (o) => (o.spec?.suspend ? 'True' : 'False')), number<CronJob>('Active', (o) => o.status?.active?.length),
    column<CronJob>('Last Schedule', (o, now) => (o.status?.lastScheduleTime ? age(o.status.lastScheduleTime, now) : NONE)), ageColumn,
  ],
  '/nodes': [
    nameColumn, column<Node>('Status', text.nodeStatus), column<Node>('Roles', text.nodeRoles), ageColumn, column<Node>('Version', (o) => o.status?.nodeInfo?.kubeletVersion ?? ''),
    wide<Node>('Internal-IP', (o) => text.nodeAddress(o, 'InternalIP')), wide<Node>('External-IP', (o) => text.nodeAddress(o, 'ExternalIP')),
    wide<Node>('OS-Image', (o) => o.status?.nodeInfo?.osImage || UNKNOWN), wide<Node>('Kernel-Version', (o) => o.status?.nodeInfo?.kernelVersion || UNKNOWN),
    wide<Node>('Container-Runtime', (o) => o.status?.nodeInfo?.containerRuntimeVersion || UNKNOWN),
  ],
  '/namespaces': [nameColumn, column<Namespace>('Status', (o) => o.status?.phase ?? ''), ageColumn],
  '/configmaps': [nameColumn, number<ConfigMap>('Data', (o) => Object.keys(o.data ?? {}).length + Object.keys(o.binaryData ?? {}).length), ageColumn],
  '/secrets': [nameColumn, column<Secret>('Type', (o) => o.type ?? ''), number<Secret>('Data', (o) => Object.keys(o.data ?? {}).length), ageColumn],
  '/serviceaccounts': [nameColumn, number<ServiceAccount>('Secrets', (o) => o.secrets?.length), ageColumn],
  '/endpoints': [nameColumn, column<Endpoints>('Endpoints', text.endpointsText), ageColumn],
  'discovery.k8s.io/endpointslices': [
    nameColumn, column<EndpointSlice>('AddressType', (o) => o.addressType), column<EndpointSlice>('Ports', text.slicePorts), column<EndpointSlice>('Endpoints', text.sliceAddresses), ageColumn,
  ],
  '/persistentvolumeclaims': [
    nameColumn, column<PersistentVolumeClaim>('Status', (o) => (o.metadata?.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? ''))), column<PersistentVolumeClaim>('Volume', (o) => o.spec?.volumeName ?? ''),
    column<PersistentVolumeClaim>('Capacity', (o) => (o.spec?.volumeName ? (o.status?.capacity?.['storage'] ?? '') : '')),
    column<PersistentVolumeClaim>('Access Modes', (o) => (o.spec?.volumeName ? text.accessModes(o.status?.accessModes) : '')),
    column<PersistentVolumeClaim>('StorageClass', (o) => o.spec?.storageClassName ?? ''), column<PersistentVolumeClaim>('VolumeAttributesClass', (o) => o.spec?.volumeAttributesClassName ?? '<unset>'), ageColumn,
    wide<PersistentVolumeClaim>('VolumeMode', (o) => o.spec?.volumeMode ?? '<unset>'),
  ],
  '/persistentvolumes': [
    nameColumn, column<PersistentVolume>('Capacity', (o) => o.spec?.capacity?.['storage'] ?? ''), column<PersistentVolume>('Access Modes', (o) => text.accessModes(o.spec?.accessModes)),
    column<PersistentVolume>('Reclaim Policy', (o) => o.spec?.persistentVolumeReclaimPolicy ?? ''), column<PersistentVolume>('Status', (o) => (o.metadata?.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? ''))),
    column<PersistentVolume>('Claim', (o) => (o.spec?.claimRef ? `${o.spec.claimRef.namespace}/${o.spec.claimRef.name}` : '')), column<PersistentVolume>('StorageClass', (o) => o.spec?.storageClassName ?? ''),
    column<PersistentVolume>('VolumeAttributesClass', (o) => o.spec?.volumeAttributesClassName ?? '<unset>'), column<PersistentVolume>('Reason', (o) => o.status?.reason ?? ''), ageColumn,
    wide<PersistentVolume>('VolumeMode', (o) => o.spec?.volumeMode ?? '<unset>'),
  ],
  'storage.k8s.io/storageclasses': [
    { ...nameColumn, cell: (o) => o.metadata.name + (o.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true' ? ' (default)' : '') },
    column<StorageClass>('Provisioner', (o) => o.provisioner), column<StorageClass>('ReclaimPolicy', (o) => o.reclaimPolicy ?? 'Delete'),
    column<StorageClass>('VolumeBindingMode', (o) => o.volumeBindingMode ?? 'Immediate'), column<StorageClass>('AllowVolumeExpansion', (o) => o.allowVolumeExpansion ?? false, { type: 'boolean' }), ageColumn,
  ],
  '/resourcequotas': [nameColumn, column<ResourceQuota>('Request', (o) => text.quotaText(o, false)), column<ResourceQuota>('Limit', (o) => text.quotaText(o, true)), ageColumn],
  '/limitranges': [nameColumn, createdAt],
  '/events': [
    column<Event>('Last Seen', (o, now) => age(o.series?.lastObservedTime ?? o.lastTimestamp ?? o.eventTime ?? o.metadata?.creationTimestamp, now)),
    column<Event>('Type', (o) => o.type ?? ''), column<Event>('Reason', (o) => o.reason ?? ''),
    column<Event>('Object', (o) => `${(o.involvedObject?.kind ?? '').toLowerCase()}/${o.involvedObject?.name ?? ''}`),
    wide<Event>('Subobject', (o) => o.involvedObject?.fieldPath ?? ''), wide<Event>('Source', (o) => text.joined([o.source?.component || o.reportingComponent, o.source?.host].filter((s) => s), '')),
    column<Event>('Message', (o) => (o.message ?? '').trim()), wide<Event>('First Seen', (o, now) => age(o.firstTimestamp ?? o.eventTime ?? o.metadata?.creationTimestamp, now)),
    wide<Event>('Count', (o) => o.series?.count ?? o.count ?? 1), { ...nameColumn, wide: true },
  ],
  'networking.k8s.io/ingresses': [
    nameColumn, column<Ingress>('Class', (o) => o.spec?.ingressClassName ?? NONE), column<Ingress>('Hosts', text.ingressHosts),
    column<Ingress>('Address', (o) => text.joined(o.status?.loadBalancer?.ingress?.map((i) => i.ip ?? i.hostname), '')), column<Ingress>('Ports', (o) => (o.spec?.tls?.length ? '80, 443' : '80')), ageColumn,
  ],
  'networking.k8s.io/ingressclasses': [nameColumn, column<IngressClass>('Controller', (o) => o.spec?.controller ?? ''), column<IngressClass>('Parameters', (o) => (o.spec?.parameters ? `${o.spec.parameters.kind}.${o.spec.parameters.apiGroup}/${o.spec.parameters.name}` : NONE)), ageColumn],
  'networking.k8s.io/networkpolicies': [nameColumn, column<NetworkPolicy>('Pod-Selector', (o) => text.selectorText(o.spec?.podSelector)), ageColumn],
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': [nameColumn, number<MutatingWebhookConfiguration>('Webhooks', (o) => o.webhooks?.length), ageColumn],
  'admissionregistration.k8s.io/validatingwebhookconfigurations': [nameColumn, number<MutatingWebhookConfiguration>('Webhooks', (o) => o.webhooks?.length), ageColumn],
  'admissionregistration.k8s.io/validatingadmissionpolicies': [
    nameColumn, number<ValidatingAdmissionPolicy>('Validations', (o) => o.spec?.validations?.length),
    column<ValidatingAdmissionPolicy>('ParamKind', (o) => (o.spec?.paramKind ? `${o.spec.paramKind.apiVersion}/${o.spec.paramKind.kind}` : '<unset>')), ageColumn,
  ],
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': [
    nameColumn, column<ValidatingAdmissionPolicyBinding>('PolicyName', (o) => o.spec?.policyName ?? ''), column<ValidatingAdmissionPolicyBinding>('ParamRef', (o) => o.spec?.paramRef?.name ?? '<unset>'), ageColumn,
  ],
  'apiextensions.k8s.io/customresourcedefinitions': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/roles': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/clusterroles': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/rolebindings': bindingColumns(),
  'rbac.authorization.k8s.io/clusterrolebindings': bindingColumns(),
  'autoscaling/horizontalpodautoscalers': [
    nameColumn, column<HorizontalPodAutoscaler>('Reference', (o) => `${o.spec?.scaleTargetRef?.kind}/${o.spec?.scaleTargetRef?.name}`), column<HorizontalPodAutoscaler>('Targets', autoscalerTargets),
    column<HorizontalPodAutoscaler>('MinPods', (o) => String(o.spec?.minReplicas ?? '<unset>')), number<HorizontalPodAutoscaler>('MaxPods', (o) => o.spec?.maxReplicas),
    number<HorizontalPodAutoscaler>('Replicas', (o) => o.status?.currentReplicas), ageColumn,
  ],
  'policy/poddisruptionbudgets': [
    nameColumn, column<PodDisruptionBudget>('Min Available', (o) => String(o.spec?.minAvailable ?? 'N/A')), column<PodDisruptionBudget>('Max Unavailable', (o) => String(o.spec?.maxUnavailable ?? 'N/A')),
    number<PodDisruptionBudget>('Allowed Disruptions', (o) => o.status?.disruptionsAllowed), ageColumn,
  ],
  'scheduling.k8s.io/priorityclasses': [nameColumn, number<PriorityClass>('Value', (o) => o.value), column<PriorityClass>('Global-Default', (o) => o.globalDefault ?? false, { type: 'boolean' }), ageColumn, column<PriorityClass>('PreemptionPolicy', (o) => o.preemptionPolicy ?? '')],
  'coordination.k8s.io/leases': [nameColumn, column<Lease>('Holder', (o) => o.spec?.holderIdentity ?? ''), ageColumn],
  'certificates.k8s.io/certificatesigningrequests': [
    nameColumn, ageColumn, column<CertificateSigningRequest>('SignerName', (o) => o.spec?.signerName ?? NONE), column<CertificateSigningRequest>('Requestor', (o) => o.spec?.username ?? ''),
    column<CertificateSigningRequest>('Condition', (o) => text.joined([...(o.status?.conditions ?? []).map((c) => c.type), ...(o.status?.certificate ? ['Issued'] : [])], 'Pending')),
  ],
};

function bindingColumns(): Column[] {
  const named = (kind: string) => (o: RoleBinding) => (o.subjects ?? []).filter((s) => s.kind === kind).map((s) => (kind === 'ServiceAccount' ? `${s.namespace}/${s.name}` : s.name)).join(', ');
  return [
    nameColumn, column<RoleBinding>('Role', (o) => `${o.roleRef?.kind}/${o.roleRef?.name}`), ageColumn,
    wide<RoleBinding>('Users', named('User')), wide<RoleBinding>('Groups', named('Group')), wide<RoleBinding>('ServiceAccounts', named('ServiceAccount')),
  ];
}

function autoscalerTargets({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec?.metrics ?? []).filter((m) => m.resource).map(({ resource }, i) => {
    const current = status?.currentMetrics?.[i]?.resource?.current?.averageUtilization;
    return `${resource?.name}: ${current === undefined ? UNKNOWN : `${current}%`}/${resource?.target?.averageUtilization ?? 0}%`;
  });
  return text.joined(texts);
}

const DEFAULT: readonly Column[] = [nameColumn, ageColumn];

/** @param collection `group/plural` */
export function builtinColumns(collection: string): readonly Column[] {
  return COLUMNS[collection] ?? DEFAULT;
}
