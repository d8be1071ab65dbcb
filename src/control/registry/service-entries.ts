import { HEALTH_CHECKS } from '../../api/registration.ts';
import type { ServiceEntry } from '../../api/service-entry.ts';
import type { WorkloadEntry, WorkloadEntrySpec } from '../../api/workload-entry.ts';
import type { Stored } from '../../kube/object.ts';
import { allocatedAddresses } from './allocated-addresses.ts';
import { push, workloadEndpoint } from './endpoints.ts';
import { prefersNear, TRAFFIC_DISTRIBUTION } from './kube-services.ts';
import type { Endpoint, MeshService, MeshSettings, Resolution, Workload } from './model.ts';
import { originsOf, type Origin } from './origin.ts';
import { declaredProtocol } from './protocol.ts';
import { exportedTo, labelsMatch } from './visibility.ts';
import { parseLocality } from './workloads.ts';

const TLS_MODE = 'security.istio.io/tlsMode';

const RESOLUTION: Readonly<Record<string, Resolution>> = {
  NONE: 'passthrough', STATIC: 'endpoints', DNS: 'dns', DNS_ROUND_ROBIN: 'dns-round-robin', DYNAMIC_DNS: 'dynamic-dns',
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
    entries: [metadata.name],
    ports: (spec.ports ?? []).map((port) => ({ name: port.name, port: port.number, protocol: declaredProtocol(port.protocol), targetPort: port.targetPort ?? port.number, mutualTls: 'all' })),
    addresses: spec.addresses ?? [],
    externalAddresses: [],
    allocatedAddresses: allocatedAddresses(object, host),
    resolution: RESOLUTION[spec.resolution ?? 'NONE'] ?? 'passthrough',
    isMeshExternal: spec.location !== 'MESH_INTERNAL',
    exportTo: exportedTo(spec.exportTo, settings.config.defaultServiceExportTo),
    labels: metadata.labels ?? {},
    selector: spec.workloadSelector?.labels,
    subjectAltNames: spec.subjectAltNames ?? [],
    prefersNear: prefersNear(metadata.annotations?.[TRAFFIC_DISTRIBUTION]),
    publishesNotReady: false,
    createdMs: Date.parse(metadata.creationTimestamp) || 0,
  }));
}

export interface EntryBackends {
  readonly workloads: readonly Workload[];
  readonly entries: readonly Stored<WorkloadEntry>[];
}

/** Where a ServiceEntry says that a service is, by port: its own list, what its selector finds, or (of DNS) the host itself.
 * @param service may have ports of other objects too; they are matched by number */
export function entryEndpoints(service: MeshService, object: Stored<ServiceEntry>, backends: EntryBackends): Map<number, Endpoint[]> {
  const { spec } = object;
  const byPort = new Map<number, Endpoint[]>();
  const selector = spec.workloadSelector?.labels ?? {};
  const isDns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
  for (const port of spec.ports ?? []) {
    if (!service.ports.some((p) => p.port === port.number)) continue;
    const at = { port: port.name, fallback: port.targetPort ?? port.number, namespace: service.namespace, name: object.metadata.name };
    for (const endpoint of spec.endpoints ?? []) push(byPort, port.number, entryEndpoint(endpoint, at));
    if (Object.keys(selector).length > 0) for (const endpoint of selected(selector, backends, at)) push(byPort, port.number, endpoint);
    if (isDns && !byPort.has(port.number) && !service.host.startsWith('*')) push(byPort, port.number, entryEndpoint({ address: service.host }, { ...at, name: '' }));
  }
  return byPort;
}

/** The WorkloadEntries that a Kubernetes service selects, by port. A port named by the service is looked up in the entry. */
export function selectedEntries(service: MeshService, entries: readonly Stored<WorkloadEntry>[]): Map<number, Endpoint[]> {
  const byPort = new Map<number, Endpoint[]>();
  if (Object.keys(service.selector ?? {}).length === 0) return byPort;
  for (const port of service.ports) {
    const at = { port: port.name, fallback: Number(port.targetPort) || port.port, namespace: service.namespace, name: '' };
    for (const endpoint of selected(service.selector ?? {}, { workloads: [], entries }, at)) push(byPort, port.port, endpoint);
  }
  return byPort;
}

interface PortAt {
  readonly port: string;
  readonly fallback: number;
  readonly namespace: string;
  readonly name: string;
}

function selected(selector: Readonly<Record<string, string>>, backends: EntryBackends, at: PortAt): Endpoint[] {
  const pods = backends.workloads.filter((w) => w.namespace === at.namespace && w.isReady && labelsMatch(selector, w.labels)).map((w) => workloadEndpoint(w, at.fallback));
  const entries = matching(selector, at.namespace, backends.entries)
    .filter(isHealthy)
    .map((e) => entryEndpoint({ ...e.spec, labels: { ...e.metadata.labels, ...e.spec.labels } }, { ...at, name: e.metadata.name }));
  return [...pods, ...entries];
}

const matching = (selector: Readonly<Record<string, string>>, namespace: string, entries: readonly Stored<WorkloadEntry>[]): Stored<WorkloadEntry>[] =>
  entries.filter((e) => e.metadata.namespace === namespace && labelsMatch(selector, { ...e.metadata.labels, ...e.spec.labels }));

/** WorkloadEntries that have a part in a service. */
export function machineOrigins(service: MeshService, objects: readonly Stored<ServiceEntry>[], entries: readonly Stored<WorkloadEntry>[]): Origin[] {
  const selectors = [service.origin === 'Kubernetes' ? service.selector : undefined, ...objects.map((o) => o.spec.workloadSelector?.labels)];
  return originsOf('WorkloadEntry', [...new Set(selectors.flatMap((s) => (s && Object.keys(s).length > 0 ? matching(s, service.namespace, entries) : [])))]);
}

/** Of a machine whose agent is to report its health nothing is known before it has. Entries that nobody checks have no such condition. */
function isHealthy({ metadata, status }: Stored<WorkloadEntry>): boolean {
  const checks = metadata.annotations?.[HEALTH_CHECKS];
  const said = status?.conditions?.find(({ type }) => type === 'Healthy')?.status;
  return checks === undefined ? said !== 'False' : checks !== 'true' || said === 'True';
}

function entryEndpoint(spec: WorkloadEntrySpec, at: PortAt): Endpoint {
  const labels = spec.labels ?? {};
  return {
    address: spec.address ?? '',
    port: spec.ports?.[at.port] ?? at.fallback,
    labels,
    namespace: at.namespace,
    serviceAccount: spec.serviceAccount ?? '',
    workloadName: at.name,
    hostname: '',
    locality: parseLocality(spec.locality),
    weight: spec.weight ?? 0,
    // Istio: who has an account has a certificate, unless the label says otherwise.
    speaksMutualTls: (labels[TLS_MODE] ?? ((spec.serviceAccount ?? '') === '' ? 'disabled' : 'istio')) === 'istio',
  };
}
