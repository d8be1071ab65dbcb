import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import type { Endpoint, MeshService, ServiceEndpoints, Workload } from './model.ts';
import type { Origin } from './origin.ts';
import { NO_LOCALITY, parseLocality } from './workloads.ts';

/** How endpoints find the pod behind an address. */
export type WorkloadLookup = (address: string) => Workload | undefined;

/** Endpoints of a Kubernetes Service out of its slices. A pod that is terminating or not ready is left out at once. */
export function sliceEndpoints(service: MeshService, slices: readonly Stored<EndpointSlice>[], workloadAt: WorkloadLookup): ServiceEndpoints {
  const byPort = new Map<number, Endpoint[]>();
  const seen = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const port of service.ports) {
      const number = slice.ports?.find((p) => (p.name ?? '') === port.name)?.port;
      if (number === undefined) continue;
      for (const { addresses, conditions, targetRef, zone } of slice.endpoints) {
        if (conditions?.ready === false || conditions?.terminating === true) continue;
        const [address] = addresses;
        const id = `${port.port} ${address} ${number}`;
        if (address === undefined || seen.has(id)) continue;
        seen.add(id);
        const workload = workloadAt(address);
        const isOurs = workload !== undefined && (targetRef?.kind !== 'Pod' || targetRef.name === workload.name);
        push(byPort, port.port, isOurs ? workloadEndpoint(workload, number) : bareEndpoint(service, { address, port: number, zone }));
      }
    }
  }
  return summed(service, byPort);
}

/** The address of a workload as an endpoint on one of its ports. */
export function workloadEndpoint(workload: Workload, port: number, weight = 0): Endpoint {
  const { address, labels, namespace, serviceAccount, workloadName, locality, speaksMutualTls } = workload;
  return { address, port, labels, namespace, serviceAccount, workloadName, locality, weight, speaksMutualTls };
}

function bareEndpoint(service: MeshService, at: { address: string; port: number; zone?: string }): Endpoint {
  return {
    address: at.address, port: at.port, labels: {}, namespace: service.namespace, serviceAccount: '', workloadName: '',
    locality: at.zone ? parseLocality(`${at.zone}`) : NO_LOCALITY, weight: 0, speaksMutualTls: false,
  };
}

/** Sorted, so that the order in which slices arrived does not matter. */
export function summed(service: MeshService, byPort: Map<number, Endpoint[]>, origins: readonly Origin[] = []): ServiceEndpoints {
  const accounts = new Set<string>();
  for (const list of byPort.values()) {
    list.sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1));
    for (const e of list) if (e.serviceAccount !== '') accounts.add(`${e.namespace}/${e.serviceAccount}`);
  }
  return { serviceKey: service.key, byPort, accounts: [...accounts].sort(), origins };
}

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
