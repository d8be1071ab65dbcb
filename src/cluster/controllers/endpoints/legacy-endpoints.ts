/** The Endpoints object of a Service, for programs that do not read EndpointSlices yet. Pure. */
import type { EndpointAddress, EndpointPort as LegacyPort, Endpoints, EndpointSubset, Service } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointPort } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import type { DesiredSlice } from './desired-slices.ts';

export function legacyEndpoints(service: Stored<Service>, slices: readonly DesiredSlice[]): Endpoints {
  const subsets = slices.map(subsetOf).filter((subset) => subset.addresses ?? subset.notReadyAddresses);
  const headless: Record<string, string> = service.spec?.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: service.metadata.name,
      namespace: service.metadata.namespace ?? '',
      labels: { ...service.metadata.labels, ...headless, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
}

function subsetOf(slice: DesiredSlice): EndpointSubset {
  // Endpoints know no terminating addresses: those are left out, unless the Service publishes all.
  const known = slice.endpoints.filter((endpoint) => endpoint.conditions?.ready || !endpoint.conditions?.terminating);
  const ready = known.filter((endpoint) => endpoint.conditions?.ready).map(addressOf);
  const notReady = known.filter((endpoint) => !endpoint.conditions?.ready).map(addressOf);
  return {
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(slice.ports.length > 0 ? { ports: slice.ports.map(portOf) } : {}),
  };
}

function addressOf(endpoint: Endpoint): EndpointAddress {
  const { hostname, nodeName, targetRef } = endpoint;
  return { ip: endpoint.addresses[0] ?? '', ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), ...(targetRef ? { targetRef } : {}) };
}

function portOf({ name, port, protocol, appProtocol }: EndpointPort): LegacyPort {
  return { ...(name ? { name } : {}), port: port ?? 0, ...(protocol ? { protocol } : {}), ...(appProtocol ? { appProtocol } : {}) };
}
