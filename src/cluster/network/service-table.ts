/** Services and their EndpointSlices → rules. Pure. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import type { ServiceRule } from './service-rules.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** EndpointSlices by the `namespace/name` of their service. */
export function slicesByService(slices: readonly Stored<EndpointSlice>[]): Map<string, Stored<EndpointSlice>[]> {
  const index = new Map<string, Stored<EndpointSlice>[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (!service) continue;
    const key = `${slice.metadata.namespace}/${service}`;
    const known = index.get(key);
    if (known) known.push(slice);
    else index.set(key, [slice]);
  }
  return index;
}

export function buildServiceRules(services: readonly Stored<Service>[], slices: readonly Stored<EndpointSlice>[]): ServiceRule[] {
  const index = slicesByService(slices);
  return [...services]
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .flatMap((service) => rulesOf(service, index.get(keyOf(service)) ?? []));
}

/** The addresses that take connections of a service's port: those ready, or, when none is, those that are terminating
 * and still serve (as kube-proxy does), so that the last pod's replacement is no outage. */
export function readyAddresses(slices: readonly EndpointSlice[], portName: string): { ip: string; port: number }[] {
  const ready: { ip: string; port: number }[] = [];
  const serving: { ip: string; port: number }[] = [];
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
    if (!port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const into = isReady(endpoint) ? ready : isServing(endpoint) ? serving : undefined;
      into?.push(...endpoint.addresses.map((ip) => ({ ip, port })));
    }
  }
  return ready.length > 0 ? ready : serving;
}

export const isReady = (endpoint: Endpoint): boolean => endpoint.conditions?.ready !== false;
const isServing = (endpoint: Endpoint) => endpoint.conditions?.serving === true && endpoint.conditions.terminating === true;

function rulesOf(service: Stored<Service>, slices: readonly EndpointSlice[]): ServiceRule[] {
  const { spec } = service;
  if (!spec || spec.type === 'ExternalName') return [];
  const addresses = [...new Set([...(spec.clusterIPs ?? [spec.clusterIP]), ...(spec.externalIPs ?? [])])].filter((ip) => ip !== undefined && ip.includes('.'));
  if (addresses.length === 0) return [];
  return (spec.ports ?? []).flatMap((port) => {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    const name = `${keyOf(service)}:${port.name ?? port.port}`;
    return [{
      name, protocol, addresses: addresses as string[], port: port.port, nodePort: port.nodePort,
      sticky: spec.sessionAffinity === 'ClientIP', endpoints: readyAddresses(slices, port.name ?? ''),
    }];
  });
}

const keyOf = (object: Stored) => `${object.metadata.namespace}/${object.metadata.name}`;
