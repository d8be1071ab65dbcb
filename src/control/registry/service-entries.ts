import type { ServiceEntry } from '../../api/service-entry.ts';
import type { WorkloadEntry, WorkloadEntrySpec } from '../../api/workload-entry.ts';
import type { Stored } from '../../kube/object.ts';
import { push, summed, workloadEndpoint } from './endpoints.ts';
import type { Endpoint, MeshService, MeshSettings, Resolution, ServiceEndpoints, Workload } from './model.ts';
import { originsOf } from './origin.ts';
import { declaredProtocol } from './protocol.ts';
import { exportedTo, labelsMatch } from './visibility.ts';
import { parseLocality } from './workloads.ts';

const RESOLUTION: Readonly<Record<string, Resolution>> = {
  NONE: 'passthrough', STATIC: 'endpoints', DNS: 'dns', DNS_ROUND_ROBIN: 'dns-round-robin', DYNAMIC_DNS: 'passthrough',
};

/** A ServiceEntry is one service for each of its hosts. */
export function entryServices(object: Stored<ServiceEntry>, settings: MeshSettings): MeshService[] {
  const { metadata, spec } = object;
  const namespace = metadata.namespace ?? '';
  return spec.hosts.map((host): MeshService => ({
    key: `${namespace}/${host}`,
    host,
    name: metadata.name,
    namespace,
    origin: 'External',
    ports: (spec.ports ?? []).map((port) => ({ name: port.name, port: port.number, protocol: declaredProtocol(port.protocol), targetPort: port.targetPort ?? port.number })),
    addresses: spec.addresses ?? [],
    resolution: RESOLUTION[spec.resolution ?? 'NONE'] ?? 'passthrough',
    isMeshExternal: spec.location !== 'MESH_INTERNAL',
    exportTo: exportedTo(spec.exportTo, settings.config.defaultServiceExportTo),
    labels: metadata.labels ?? {},
    selector: spec.workloadSelector?.labels,
    subjectAltNames: spec.subjectAltNames ?? [],
    createdMs: Date.parse(metadata.creationTimestamp) || 0,
  }));
}

export interface EntryBackends {
  readonly workloads: readonly Workload[];
  readonly entries: readonly Stored<WorkloadEntry>[];
}

/** Where a service of a ServiceEntry is: its own list, what its selector finds, or (of DNS) the host itself. */
export function entryEndpoints(service: MeshService, object: Stored<ServiceEntry>, backends: EntryBackends): ServiceEndpoints {
  const { spec } = object;
  const byPort = new Map<number, Endpoint[]>();
  for (const port of service.ports) {
    const target = Number(port.targetPort);
    for (const endpoint of spec.endpoints ?? []) push(byPort, port.port, entryEndpoint(endpoint, { port: port.name, fallback: target, namespace: service.namespace, name: service.name }));
    if (isSelecting(service)) {
      for (const endpoint of selected(service, backends, { name: port.name, target })) push(byPort, port.port, endpoint);
    }
    const isDns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
    if (isDns && !byPort.has(port.port) && !service.host.startsWith('*')) {
      push(byPort, port.port, entryEndpoint({ address: service.host }, { port: port.name, fallback: target, namespace: service.namespace, name: '' }));
    }
  }
  return summed(service, byPort, originsOf('WorkloadEntry', isSelecting(service) ? selectedEntries(service, backends) : []));
}

const isSelecting = (service: MeshService): boolean => service.selector !== undefined && Object.keys(service.selector).length > 0;

const selectedEntries = (service: MeshService, { entries }: EntryBackends): Stored<WorkloadEntry>[] =>
  entries.filter((e) => e.metadata.namespace === service.namespace && labelsMatch(service.selector, { ...e.metadata.labels, ...e.spec.labels }));

function selected(service: MeshService, backends: EntryBackends, port: { name: string; target: number }): Endpoint[] {
  const pods = backends.workloads
    .filter((w) => w.namespace === service.namespace && w.isReady && labelsMatch(service.selector, w.labels))
    .map((w) => workloadEndpoint(w, port.target));
  const entries = selectedEntries(service, backends)
    .map((e) => entryEndpoint({ ...e.spec, labels: { ...e.metadata.labels, ...e.spec.labels } }, { port: port.name, fallback: port.target, namespace: service.namespace, name: e.metadata.name }));
  return [...pods, ...entries];
}

function entryEndpoint(spec: WorkloadEntrySpec, at: { port: string; fallback: number; namespace: string; name: string }): Endpoint {
  const labels = spec.labels ?? {};
  return {
    address: spec.address ?? '',
    port: spec.ports?.[at.port] ?? at.fallback,
    labels,
    namespace: at.namespace,
    serviceAccount: spec.serviceAccount ?? '',
    workloadName: at.name,
    locality: parseLocality(spec.locality),
    weight: spec.weight ?? 0,
    speaksMutualTls: labels['security.istio.io/tlsMode'] === 'istio',
  };
}
