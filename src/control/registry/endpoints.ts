import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import type { Endpoint, MeshService, ServiceEndpoints, Workload } from './model.ts';
import type { Origin } from './origin.ts';
import { NO_LOCALITY, parseLocality } from './workloads.ts';

/** How endpoints find the pod behind an address. */
export type WorkloadLookup = (address: string) => Workload | undefined;

/** Endpoints of a Kubernetes Service out of its slices, by port. A pod that is terminating or not ready is left out at once,
 * unless the service publishes its pods whatever their state. */
export function sliceEndpoints(service: MeshService, slices: readonly Stored<EndpointSlice>[], workloadAt: WorkloadLookup): Map<number, Endpoint[]> {
  const byPort = new Map<number, Endpoint[]>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const port of service.ports) {
      const number = slice.ports?.find((p) => (p.name ?? '') === port.name)?.port;
      if (number === undefined) continue;
      for (const endpoint of slice.endpoints) {
        const { addresses, conditions, targetRef, zone, hostname = '' } = endpoint;
        const [address] = addresses;
        const isServing = service.publishesNotReady || (conditions?.ready !== false && conditions?.terminating !== true);
        if (!isServing || address === undefined) continue;
        const workload = workloadAt(address);
        const isOurs = workload !== undefined && (targetRef?.kind !== 'Pod' || targetRef.name === workload.name);
        push(byPort, port.port, isOurs ? { ...workloadEndpoint(workload, number), hostname } : bareEndpoint(service, { address, port: number, zone, hostname }));
      }
    }
  }
  return byPort;
}

/** The address of a workload as an endpoint on one of its ports. */
export function workloadEndpoint(workload: Workload, port: number, weight = 0): Endpoint {
  const { address, labels, namespace, serviceAccount, workloadName, locality, speaksMutualTls } = workload;
  return { address, port, labels, namespace, serviceAccount, workloadName, hostname: '', locality, weight, speaksMutualTls };
}

function bareEndpoint(service: MeshService, at: { address: string; port: number; zone?: string; hostname: string }): Endpoint {
  const { address, port, zone, hostname } = at;
  return {
    address, port, labels: {}, namespace: service.namespace, serviceAccount: '', workloadName: '', hostname,
    locality: zone ? parseLocality(`${zone}`) : NO_LOCALITY, weight: 0, speaksMutualTls: false,
  };
}

/** All that was found, put together: each address and port once (the first source keeps it), and sorted, so that the order in
 * which objects arrived does not matter. */
export function summed(service: MeshService, sources: readonly ReadonlyMap<number, readonly Endpoint[]>[], origins: readonly Origin[] = []): ServiceEndpoints {
  const byPort = new Map<number, Endpoint[]>();
  const accounts = new Set<string>();
  for (const { port } of service.ports) {
    const seen = new Map<string, Endpoint>();
    for (const source of sources) for (const e of source.get(port) ?? []) if (!seen.has(`${e.address} ${e.port}`)) seen.set(`${e.address} ${e.port}`, e);
    if (seen.size === 0) continue;
    const list = [...seen.values()].sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1));
    byPort.set(port, list);
    for (const e of list) if (e.serviceAccount !== '') accounts.add(`${e.namespace}/${e.serviceAccount}`);
  }
  return { serviceKey: service.key, byPort, accounts: [...accounts].sort(), origins };
}

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
