/** For tests: a mesh out of YAML, as if a cluster had run it. Deployments get ready pods, Services get endpoints. */
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import { parseAllDocuments } from 'yaml';
import { defaultMeshConfig, type MeshConfig } from '../../../api/mesh-config.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { MeshInputs } from '../snapshot.ts';
import { labelsMatch } from '../visibility.ts';

export interface YamlMeshOptions {
  /** Over the defaults. */
  config?: Partial<MeshConfig>;
  /** Of objects that name none; default `default`. */
  namespace?: string;
  /** Pods carry the label of a sidecar; default true. */
  sidecars?: boolean;
}

interface Made {
  readonly objects: Stored[];
  count: number;
}

export function yamlMesh(texts: string | readonly string[], options: YamlMeshOptions = {}): MeshInputs {
  const made: Made = { objects: [], count: 0 };
  for (const text of [texts].flat()) {
    for (const document of parseAllDocuments(text)) {
      const value: unknown = document.toJS();
      if (typeof value !== 'object' || value === null) continue;
      // Test data is written by hand: what has a kind is an object.
      const items = 'items' in value ? (value.items as KubeObject[]) : [value as KubeObject];
      for (const item of items) if (item.kind) made.objects.push(stored(item, made, options));
    }
  }
  runPods(made, options);
  fillServices(made);
  // The kind says which type an object has.
  const of = <T extends KubeObject>(kind: string) => made.objects.filter((o) => o.kind === kind) as Stored<T>[];
  return {
    settings: { config: { ...defaultMeshConfig(), ...options.config }, clusterDomain: 'cluster.local', clusterId: 'Kubernetes' },
    services: of('Service'), endpointSlices: of('EndpointSlice'), pods: of('Pod'), nodes: of('Node'), namespaces: of('Namespace'), secrets: of('Secret'),
    virtualServices: of('VirtualService'), destinationRules: of('DestinationRule'), gateways: of<KubeObject>('Gateway').filter((g) => g.apiVersion?.startsWith('networking.istio.io')),
    serviceEntries: of('ServiceEntry'), sidecars: of('Sidecar'), workloadEntries: of('WorkloadEntry'), peerAuthentications: of('PeerAuthentication'),
    requestAuthentications: of('RequestAuthentication'), authorizationPolicies: of('AuthorizationPolicy'), telemetries: of('Telemetry'), envoyFilters: of('EnvoyFilter'), wasmPlugins: of('WasmPlugin'), modules: new Map(), jwks: new Map(),
    untranslated: new Map(['WorkloadGroup', 'ProxyConfig', 'TrafficExtension'].map((kind) => [kind, of(kind)])),
  };
}

function stored<T extends KubeObject>(object: T, made: Made, options: YamlMeshOptions): Stored<T> {
  made.count += 1;
  const { metadata } = object;
  const isGlobal = object.kind === 'Namespace' || object.kind === 'Node';
  return {
    ...object,
    metadata: {
      ...(isGlobal ? {} : { namespace: options.namespace ?? 'default' }),
      ...metadata,
      name: metadata?.name ?? `unnamed-${made.count}`,
      uid: `uid-${made.count}`,
      resourceVersion: String(made.count),
      creationTimestamp: metadata?.creationTimestamp ?? new Date(1_700_000_000_000 + made.count * 1000).toISOString(),
    },
  } as Stored<T>;
}

function runPods(made: Made, options: YamlMeshOptions): void {
  const deployments = made.objects.filter((o) => o.kind === 'Deployment' || o.kind === 'StatefulSet') as Stored<Deployment>[];
  for (const { metadata, spec } of deployments) {
    for (let i = 0; i < (spec?.replicas ?? 1); i++) {
      const labels = { 'pod-template-hash': 'abc', ...(options.sidecars === false ? {} : { 'security.istio.io/tlsMode': 'istio' }), ...spec?.template.metadata?.labels };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `${metadata.name}-abc-${i}`, namespace: metadata.namespace, labels, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${metadata.name}-abc`, uid: 'x', controller: true }] },
        spec: { containers: [], ...spec?.template.spec, serviceAccountName: spec?.template.spec?.serviceAccountName ?? 'default' },
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      };
      made.objects.push(stored(pod, made, options));
    }
  }
  const pods = made.objects.filter((o) => o.kind === 'Pod') as Stored<Pod>[];
  pods.forEach((pod, i) => {
    // The object is the test's own until the mesh is made.
    (pod as { status: Pod['status'] }).status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], podIP: `10.244.${(i + 2) >> 8}.${(i + 2) & 255}`, ...pod.status };
  });
}

function fillServices(made: Made): void {
  const services = made.objects.filter((o) => o.kind === 'Service') as Stored<Service>[];
  const pods = made.objects.filter((o) => o.kind === 'Pod') as Stored<Pod>[];
  services.forEach((service, i) => {
    const { metadata, spec = {} } = service;
    if (spec.type !== 'ExternalName') spec.clusterIP ??= `10.96.${(i + 1) >> 8}.${(i + 1) & 255}`;
    service.spec = spec;
    const behind = spec.selector ? pods.filter((p) => p.metadata.namespace === metadata.namespace && labelsMatch(spec.selector, p.metadata.labels ?? {})) : [];
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      metadata: { name: `${metadata.name}-x`, namespace: metadata.namespace, labels: { 'kubernetes.io/service-name': metadata.name } },
      ports: (spec.ports ?? []).map((p) => ({ name: p.name ?? '', port: portOf(p.targetPort ?? p.port, behind) })),
      endpoints: behind.map((p) => ({ addresses: [p.status?.podIP ?? ''], conditions: { ready: true }, targetRef: { kind: 'Pod', name: p.metadata.name } })),
    };
    made.objects.push(stored(slice, made, {}));
  });
}

function portOf(target: number | string, pods: readonly Stored<Pod>[]): number {
  if (typeof target === 'number') return target;
  const ports = pods.flatMap((p) => p.spec?.containers ?? []).flatMap((c) => c.ports ?? []);
  return ports.find((p) => p.name === target)?.containerPort ?? 0;
}
