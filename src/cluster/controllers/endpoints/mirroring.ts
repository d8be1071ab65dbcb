/** EndpointSlices for Endpoints that people write themselves, for a Service without selector: what carries traffic
 * reads slices only. Kubernetes: pkg/controller/endpointslicemirroring. */
import type { Endpoints, EndpointSubset, Service } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import { isIPv6 } from 'node:net';
import { isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { EndpointSlices, EndpointsLegacy, Services } from '../../../kube/resource.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { deepEqual } from '../equal.ts';
import { controllerReference } from '../ownership.ts';
import { createReconciler } from '../reconciler.ts';
import { MANAGED_BY, SERVICE_NAME } from './endpointslice.ts';

const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';

export function createEndpointMirroringController(context: ControllerContext): Controller {
  const { caches, clock, log, client } = context;
  const services = caches.of(Services);
  const endpoints = caches.of(EndpointsLegacy);
  const slices = caches.of(EndpointSlices);

  const reconcile = async (key: string): Promise<void> => {
    const [namespace = ''] = key.split('/');
    const source = endpoints.get(key);
    const wanted = source && isMirrored(source, services.get(key)) ? (source.subsets ?? []).map((subset) => buildSlice(source, subset)) : [];
    const held = slices.listIn(namespace).filter((slice) => isMine(slice) && `${namespace}/${slice.metadata.labels?.[SERVICE_NAME]}` === key && !slice.metadata.deletionTimestamp);
    for (const slice of wanted) {
      const same = held.shift();
      if (!same) slices.remember(await client.create(EndpointSlices, slice, { namespace }));
      else if (!deepEqual([same.endpoints, same.ports], [slice.endpoints, slice.ports])) {
        slices.remember(await client.update(EndpointSlices, { ...same, endpoints: slice.endpoints, ...(slice.ports ? { ports: slice.ports } : {}) }));
      }
    }
    for (const surplus of held) await remove(context, surplus);
  };

  const queue = createReconciler({ name: 'endpointslice-mirroring', clock, log, reconcile });
  const enqueue = ({ object }: { object: Stored<Endpoints> | Stored<Service> }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`);
  endpoints.subscribe(enqueue);
  services.subscribe(enqueue);
  return queue;
}

const isMine = (slice: EndpointSlice): boolean => slice.metadata?.labels?.[MANAGED_BY] === MANAGER;

function isMirrored(source: Endpoints, service: Service | undefined): boolean {
  const labels = source.metadata?.labels ?? {};
  if (!service || Object.keys(service.spec?.selector ?? {}).length > 0) return false;
  return labels[SKIP] !== 'true' && labels['endpoints.kubernetes.io/managed-by'] !== 'endpoint-controller';
}

function buildSlice(source: Stored<Endpoints>, subset: EndpointSubset): EndpointSlice {
  const { name, namespace = '', labels = {} } = source.metadata;
  const endpoint = (ready: boolean) => (address: NonNullable<EndpointSubset['addresses']>[number]): Endpoint => ({
    addresses: [address.ip],
    conditions: { ready },
    ...(address.hostname ? { hostname: address.hostname } : {}),
    ...(address.nodeName ? { nodeName: address.nodeName } : {}),
    ...(address.targetRef ? { targetRef: address.targetRef } : {}),
  });
  const endpoints = [...(subset.addresses ?? []).map(endpoint(true)), ...(subset.notReadyAddresses ?? []).map(endpoint(false))];
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      ownerReferences: [controllerReference(EndpointsLegacy, source)],
    },
    addressType: endpoints.some((each) => isIPv6(each.addresses[0] ?? '')) ? 'IPv6' : 'IPv4',
    endpoints,
    ports: (subset.ports ?? []).map((port) => ({ name: port.name ?? '', port: port.port, protocol: port.protocol ?? 'TCP', ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}) })),
  };
}

async function remove(context: ControllerContext, slice: Stored<EndpointSlice>): Promise<void> {
  try {
    await context.client.delete(EndpointSlices, { namespace: slice.metadata.namespace ?? '', name: slice.metadata.name });
    context.caches.of(EndpointSlices).rememberDeleted(slice);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
