/** Facts about Kubernetes' built-in types that their TypeScript declarations do not carry: how lists and maps merge, which
 * integers are 64 bits wide, and fields that are newer than the declarations. Kubernetes 1.35 API reference. */

/** `map:KEYS` merges by those keys, `set` by value; a list that is not named here is atomic (replaced as a whole).
 * After `|`: `patch:KEY` when strategic merge uses another key than the first, `retain` for retainKeys, `nomerge` when only
 * server-side apply merges, `only` when only strategic merge does. */
export const LISTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'io.k8s.api.core.v1.PodSpec': {
    containers: 'map:name', initContainers: 'map:name', ephemeralContainers: 'map:name', volumes: 'map:name|retain', imagePullSecrets: 'map:name',
    hostAliases: 'map:ip', topologySpreadConstraints: 'map:topologyKey,whenUnsatisfiable', resourceClaims: 'map:name|retain', schedulingGates: 'map:name',
  },
  'io.k8s.api.core.v1.Container': { env: 'map:name', ports: 'map:containerPort,protocol', volumeMounts: 'map:mountPath', volumeDevices: 'map:devicePath' },
  'io.k8s.api.core.v1.EphemeralContainer': { env: 'map:name', ports: 'map:containerPort,protocol', volumeMounts: 'map:mountPath', volumeDevices: 'map:devicePath' },
  'io.k8s.api.core.v1.ResourceRequirements': { claims: 'map:name|nomerge' },
  'io.k8s.api.core.v1.PodStatus': { conditions: 'map:type', podIPs: 'map:ip', hostIPs: 'only:ip', resourceClaimStatuses: 'map:name|retain' },
  'io.k8s.api.core.v1.ServiceSpec': { ports: 'map:port,protocol' },
  'io.k8s.api.core.v1.ServiceStatus': { conditions: 'map:type' },
  'io.k8s.api.core.v1.ServiceAccount': { secrets: 'map:name' },
  'io.k8s.api.core.v1.NodeSpec': { podCIDRs: 'set' },
  'io.k8s.api.core.v1.NodeStatus': { conditions: 'map:type', addresses: 'map:type' },
  'io.k8s.api.core.v1.NamespaceStatus': { conditions: 'map:type' },
  'io.k8s.api.core.v1.PersistentVolumeClaimStatus': { conditions: 'map:type' },
  'io.k8s.api.core.v1.ReplicationControllerStatus': { conditions: 'map:type' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': { finalizers: 'set', ownerReferences: 'map:uid' },
  'io.k8s.api.apps.v1.DeploymentStatus': { conditions: 'map:type' },
  'io.k8s.api.apps.v1.ReplicaSetStatus': { conditions: 'map:type' },
  'io.k8s.api.apps.v1.StatefulSetStatus': { conditions: 'map:type' },
  'io.k8s.api.apps.v1.DaemonSetStatus': { conditions: 'map:type' },
  'io.k8s.api.batch.v1.JobStatus': { conditions: 'only:type' },
  'io.k8s.api.core.v1.ContainerStatus': { volumeMounts: 'map:mountPath' },
  'io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement': { values: 'set|nomerge' },
  'io.k8s.api.batch.v1.UncountedTerminatedPods': { failed: 'set|nomerge', succeeded: 'set|nomerge' },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec': { validationActions: 'set|nomerge' },
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus': { conditions: 'map:type' },
  'io.k8s.api.policy.v1.PodDisruptionBudgetStatus': { conditions: 'map:type' },
  'io.k8s.api.networking.v1.NetworkPolicyStatus': { conditions: 'map:type' },
  'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration': { webhooks: 'map:name' },
  'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration': { webhooks: 'map:name' },
  'io.k8s.api.admissionregistration.v1.MutatingWebhook': { matchConditions: 'map:name' },
  'io.k8s.api.admissionregistration.v1.ValidatingWebhook': { matchConditions: 'map:name' },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec': { matchConditions: 'map:name', variables: 'map:name' },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyStatus': { conditions: 'map:type|nomerge' },
  'io.k8s.api.certificates.v1.CertificateSigningRequestStatus': { conditions: 'map:type|nomerge' },
  'io.k8s.api.discovery.v1.Endpoint': { addresses: 'set|nomerge' },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus': { conditions: 'map:type|nomerge' },
  'io.k8s.api.storage.v1.CSIDriverSpec': { volumeLifecycleModes: 'set|nomerge' },
  'io.k8s.api.storage.v1.CSINodeSpec': { drivers: 'map:name' },
};

/** Types that are replaced as a whole by server-side apply. */
export const ATOMIC_TYPES: readonly string[] = [
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', 'io.k8s.api.core.v1.LocalObjectReference', 'io.k8s.api.core.v1.SecretKeySelector',
  'io.k8s.api.core.v1.ConfigMapKeySelector', 'io.k8s.api.core.v1.ObjectFieldSelector', 'io.k8s.api.core.v1.ResourceFieldSelector', 'io.k8s.api.core.v1.NodeSelector',
  'io.k8s.api.core.v1.NodeSelectorTerm', 'io.k8s.api.core.v1.ObjectReference', 'io.k8s.api.core.v1.TypedLocalObjectReference', 'io.k8s.api.core.v1.SecretReference',
  'io.k8s.api.core.v1.ScopeSelector', 'io.k8s.api.core.v1.TopologySelectorTerm', 'io.k8s.api.rbac.v1.RoleRef', 'io.k8s.api.rbac.v1.Subject',
  'io.k8s.api.networking.v1.IngressServiceBackend', 'io.k8s.api.authorization.v1.NonResourceAttributes', 'io.k8s.api.discovery.v1.EndpointPort',
  'io.k8s.api.core.v1.EndpointPort', 'io.k8s.api.core.v1.EndpointAddress', 'io.k8s.api.admissionregistration.v1.ParamRef', 'io.k8s.api.admissionregistration.v1.ParamKind',
  'io.k8s.api.admissionregistration.v1.MatchResources', 'io.k8s.api.admissionregistration.v1.Variable', 'io.k8s.api.autoscaling.v1.CrossVersionObjectReference',
  'io.k8s.api.networking.v1.ServiceBackendPort', 'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference', 'io.k8s.api.admissionregistration.v1.NamedRuleWithOperations',
];

/** Maps that are replaced as a whole. */
export const ATOMIC_MAPS: readonly string[] = [
  'io.k8s.api.core.v1.PodSpec.nodeSelector', 'io.k8s.api.core.v1.ServiceSpec.selector', 'io.k8s.api.core.v1.ReplicationControllerSpec.selector',
  'io.k8s.api.node.v1.Scheduling.nodeSelector',
];

/** Structs where a strategic merge patch keeps only the keys that it lists. */
export const RETAIN_KEYS: readonly string[] = ['io.k8s.api.apps.v1.DeploymentSpec.strategy', 'io.k8s.api.core.v1.PersistentVolumeSpec.claimRef'];

/** Names of integer fields that are int64; every other one is int32. */
export const INT64 = new Set([
  'generation', 'observedGeneration', 'deletionGracePeriodSeconds', 'terminationGracePeriodSeconds', 'activeDeadlineSeconds', 'runAsUser', 'runAsGroup', 'fsGroup', 'supplementalGroups',
  'tolerationSeconds', 'expirationSeconds', 'seconds', 'remainingItemCount', 'revision', 'startingDeadlineSeconds', 'gracePeriodSeconds', 'sizeBytes', 'maxLength', 'minLength',
  'maxItems', 'minItems', 'maxProperties', 'minProperties',
]);
/** Fields that are int32 although others of their name are int64. */
export const INT32: readonly string[] = ['io.k8s.api.certificates.v1.CertificateSigningRequestSpec.expirationSeconds'];
export const DOUBLES = new Set(['maximum', 'minimum', 'multipleOf']);

/** String fields with a format. */
export const FORMATS: Readonly<Record<string, string>> = {
  'io.k8s.api.core.v1.Secret.data': 'byte', 'io.k8s.api.core.v1.ConfigMap.binaryData': 'byte',
  'io.k8s.api.admissionregistration.v1.WebhookClientConfig.caBundle': 'byte', 'io.k8s.api.certificates.v1.CertificateSigningRequestSpec.request': 'byte',
  'io.k8s.api.certificates.v1.CertificateSigningRequestStatus.certificate': 'byte',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookClientConfig.caBundle': 'byte',
};

/** Fields newer than the declarations: type, then what it is for, in our own words. `[]` after a type makes a list of it. */
export const ADDITIONS: Readonly<Record<string, Readonly<Record<string, readonly [type: string, description: string]>>>> = {
  'io.k8s.api.core.v1.PodSpec': {
    resources: ['io.k8s.api.core.v1.ResourceRequirements', 'Compute resources of the pod as a whole, over all its containers.'],
    hostnameOverride: ['string', 'Host name of the pod whatever its name and domain are.'],
    workloadRef: ['object', 'Group of pods that this one is scheduled with.'],
  },
  'io.k8s.api.core.v1.PodStatus': {
    observedGeneration: ['int64', 'The metadata.generation that this status was computed for.'],
    resources: ['io.k8s.api.core.v1.ResourceRequirements', 'Resources of the pod as a whole that are in force.'],
    allocatedResources: ['object', 'Requests of the pod as a whole that the node has set aside.'],
    extendedResourceClaimStatus: ['object', 'The claim made for extended resources.'],
  },
  'io.k8s.api.core.v1.Container': { restartPolicyRules: ['object[]', 'Whether to restart, by exit code.'] },
  'io.k8s.api.core.v1.EphemeralContainer': { restartPolicyRules: ['object[]', 'Whether to restart, by exit code.'] },
  'io.k8s.api.core.v1.EnvVarSource': { fileKeyRef: ['object', 'A variable from a file of environment settings in a volume.'] },
  'io.k8s.api.core.v1.VolumeProjection': { podCertificate: ['object', 'A key and a certificate chain for the pod.'] },
  'io.k8s.api.core.v1.PodResourceClaim': {
    resourceClaimName: ['string', 'Name of a ResourceClaim in the namespace of the pod.'],
    resourceClaimTemplateName: ['string', 'Name of a ResourceClaimTemplate in the namespace of the pod.'],
  },
  'io.k8s.api.core.v1.ResourceClaim': { request: ['string', 'Name of the request within the claim.'] },
  'io.k8s.api.core.v1.NodeStatus': {
    features: ['object', 'What the container runtime of the node can do.'],
    declaredFeatures: ['string[]', 'Features of the node that matter for scheduling.'],
  },
  'io.k8s.api.core.v1.NodeRuntimeHandlerFeatures': { userNamespaces: ['boolean', 'Whether pods can have user namespaces.'] },
  'io.k8s.api.core.v1.NodeSystemInfo': { swap: ['object', 'Swap of the node.'] },
  'io.k8s.api.autoscaling.v2.HPAScalingRules': { tolerance: ['io.k8s.apimachinery.pkg.api.resource.Quantity', 'Deviation from the target that is left alone.'] },
  'io.k8s.api.storage.v1.CSIDriverSpec': {
    nodeAllocatableUpdatePeriodSeconds: ['int64', 'Seconds between updates of what nodes can take.'],
    serviceAccountTokenInSecrets: ['boolean', 'Whether tokens are handed over among the secrets.'],
  },
  'io.k8s.api.storage.v1.VolumeError': { errorCode: ['int32', 'gRPC code of the error.'] },
  'io.k8s.api.authorization.v1.ResourceAttributes': {
    fieldSelector: ['object', 'Limits the access to a field selector.'],
    labelSelector: ['object', 'Limits the access to a label selector.'],
  },
  'io.k8s.api.authorization.v1.ResourceRule': {
    verbs: ['string[]', 'Verbs such as get, list, watch; a star stands for all.'],
    resources: ['string[]', 'Plural names of resources; a star stands for all in the groups.'],
  },
  'io.k8s.api.admissionregistration.v1.RuleWithOperations': {
    resources: ['string[]', 'Plural names; after a slash a subresource. A star stands for all.'],
    scope: ['string', 'Cluster, Namespaced or a star for both.'],
  },
  'io.k8s.api.admissionregistration.v1.NamedRuleWithOperations': {
    resources: ['string[]', 'Plural names; after a slash a subresource. A star stands for all.'],
    scope: ['string', 'Cluster, Namespaced or a star for both.'],
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions': { ignoreStoreReadErrorWithClusterBreakingPotential: ['boolean', 'Deletes an object that cannot be read.'] },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition': { observedGeneration: ['int64', 'The metadata.generation that this condition was computed for.'] },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus': { observedGeneration: ['int64', 'The metadata.generation that this status was computed for.'] },
  'io.k8s.api.core.v1.PodCondition': { observedGeneration: ['int64', 'The metadata.generation that this condition was computed for.'] },
  'io.k8s.api.core.v1.PodSecurityContext': {
    supplementalGroupsPolicy: ['string', 'Whether groups of the image are added to the process: Merge or Strict.'],
    seLinuxChangePolicy: ['string', 'How volumes get their SELinux label: MountOption or Recursive.'],
  },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps': {
    'x-kubernetes-preserve-unknown-fields': ['boolean', 'Keeps fields that the schema does not name.'],
    'x-kubernetes-embedded-resource': ['boolean', 'The value is a whole Kubernetes object with apiVersion, kind and metadata.'],
    'x-kubernetes-int-or-string': ['boolean', 'The value is an integer or a string.'],
    'x-kubernetes-list-map-keys': ['string[]', 'Keys that tell the items of a list of type map apart.'],
    'x-kubernetes-list-type': ['string', 'How the list merges: atomic, set or map.'],
    'x-kubernetes-map-type': ['string', 'How the map merges: granular or atomic.'],
    'x-kubernetes-validations': ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule[]', 'CEL rules that values have to meet.'],
  },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion': {
    selectableFields: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.SelectableField[]', 'Fields that field selectors can name.'],
  },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.SelectableField': { jsonPath: ['string', 'Simple JSON path to the field.'] },
  'io.k8s.api.core.v1.Lifecycle': { stopSignal: ['string', 'Signal that asks the container to stop, for example SIGUSR1.'] },
  'io.k8s.api.core.v1.ImageVolumeSource': {
    reference: ['string', 'Image or artifact to mount.'],
    pullPolicy: ['string', 'Always, Never or IfNotPresent.'],
  },
  'io.k8s.api.core.v1.Volume': { image: ['io.k8s.api.core.v1.ImageVolumeSource', 'Mounts the content of an image.'] },
  'io.k8s.api.core.v1.VolumeMount': { recursiveReadOnly: ['string', 'Whether a read-only mount covers mounts below it.'] },
  'io.k8s.api.core.v1.ContainerUser': { linux: ['object', 'User and groups of the first process.'] },
  'io.k8s.api.core.v1.ContainerStatus': {
    user: ['io.k8s.api.core.v1.ContainerUser', 'Identity of the first process of the container.'],
    stopSignal: ['string', 'Signal that will ask the container to stop.'],
    allocatedResourcesStatus: ['object[]', 'State of devices and other resources that were given to the container.'],
  },
  'io.k8s.api.core.v1.ServiceSpec': { trafficDistribution: ['string', 'Preference for endpoints that are close to the client.'] },
  'io.k8s.api.apps.v1.DeploymentStatus': { terminatingReplicas: ['int32', 'Pods of this deployment that are being deleted.'] },
  'io.k8s.api.apps.v1.ReplicaSetStatus': { terminatingReplicas: ['int32', 'Pods of this replica set that are being deleted.'] },
  'io.k8s.api.discovery.v1.ForNode': { name: ['string', 'Name of the node.'] },
  'io.k8s.api.discovery.v1.EndpointHints': { forNodes: ['io.k8s.api.discovery.v1.ForNode[]', 'Nodes that should use this endpoint.'] },
  'io.k8s.api.coordination.v1.LeaseSpec': {
    strategy: ['string', 'How a coordinated leader election chooses.'],
    preferredHolder: ['string', 'Holder that the election prefers.'],
  },
};

/** Values that the merge by keys takes for absent keys. */
export const DEFAULTS: Readonly<Record<string, unknown>> = { 'io.k8s.api.core.v1.ContainerPort.protocol': 'TCP', 'io.k8s.api.core.v1.ServicePort.protocol': 'TCP' };
