/** Keeps the EndpointSlices, and the older Endpoints, of every Service with a selector. */
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { EndpointSlices, EndpointsLegacy, Nodes, Pods, Services } from '../../../kube/resource.ts';
import { matchesLabelSelector } from '../../../kube/selectors.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { deepEqual } from '../equal.ts';
import { controllerReference } from '../ownership.ts';
import { createReconciler } from '../reconciler.ts';
import { desiredSlices } from './desired-slices.ts';
import type { DesiredSlice } from './desired-slices.ts';
import { legacyEndpoints } from './legacy-endpoints.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';

export function createEndpointSliceController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const services = caches.of(Services);
  const pods = caches.of(Pods);
  const slices = caches.of(EndpointSlices);
  const endpoints = caches.of(EndpointsLegacy);
  const nodes = caches.of(Nodes);
  const zoneOf = (node: string) => nodes.get(node)?.metadata.labels?.['topology.kubernetes.io/zone'];

  const reconcile = async (key: string): Promise<void> => {
    const service = services.get(key);
    const [namespace = ''] = key.split('/');
    const held = slices.listIn(namespace).filter((slice) => isManaged(slice) && `${namespace}/${slice.metadata.labels?.[SERVICE_NAME]}` === key);
    // The slices of a Service that is gone are the garbage collector's.
    if (!service || service.metadata.deletionTimestamp) return;
    const isSelecting = hasSelector(service);
    const chosen = isSelecting ? pods.listIn(namespace).filter((pod) => selects(service, pod)) : [];
    const desired = isSelecting ? desiredSlices(service, chosen, zoneOf) : [];
    await Promise.all([syncSlices(context, service, held, desired), isSelecting ? syncLegacy(context, service, desired) : undefined]);
  };

  const queue = createReconciler({ name: 'endpointslice', clock, log, reconcile });
  services.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  endpoints.subscribe(({ type, object }) => {
    if (type === 'deleted') queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`);
  });
  slices.subscribe(({ object }) => {
    const service = object.metadata.labels?.[SERVICE_NAME];
    if (service && isManaged(object)) queue.enqueue(`${object.metadata.namespace}/${service}`);
  });
  pods.subscribe(({ type, object, old }) => {
    if (type === 'updated' && old && !matters(old, object)) return;
    for (const service of services.listIn(object.metadata.namespace ?? '')) {
      if (selects(service, object) || (old && selects(service, old))) queue.enqueue(`${service.metadata.namespace}/${service.metadata.name}`);
    }
  });
  return queue;
}

const isManaged = (slice: EndpointSlice): boolean => slice.metadata?.labels?.[MANAGED_BY] === MANAGER;

const hasSelector = (service: Service): boolean => service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0;

const selects = (service: Service, pod: Pod): boolean =>
  hasSelector(service) && matchesLabelSelector({ matchLabels: service.spec?.selector ?? {} }, pod.metadata?.labels);

/** True when a pod changed in something that slices tell of. */
function matters(old: Pod, now: Pod): boolean {
  const view = (pod: Pod) => [pod.metadata?.labels, pod.metadata?.deletionTimestamp !== undefined, pod.status?.podIP, pod.status?.phase, pod.spec?.nodeName, pod.status?.conditions?.find((each) => each.type === 'Ready')?.status];
  return !deepEqual(view(old), view(now));
}

async function syncSlices(context: ControllerContext, service: Stored<Service>, held: Stored<EndpointSlice>[], desired: DesiredSlice[]): Promise<void> {
  const { client, caches } = context;
  const cache = caches.of(EndpointSlices);
  const namespace = service.metadata.namespace ?? '';
  const free = held.filter((slice) => !slice.metadata.deletionTimestamp);
  const take = (wanted: DesiredSlice) => {
    const same = free.findIndex((slice) => deepEqual(slice.ports ?? [], wanted.ports));
    return free.splice(same >= 0 ? same : 0, 1)[0];
  };
  for (const wanted of desired) {
    const slice = take(wanted);
    if (!slice) {
      cache.remember(await client.create(EndpointSlices, buildSlice(service, wanted), { namespace }));
      continue;
    }
    const labels = sliceLabels(service);
    const isSame = deepEqual(slice.ports ?? [], wanted.ports) && deepEqual(slice.endpoints ?? [], wanted.endpoints) && deepEqual(slice.metadata.labels, labels);
    if (isSame) continue;
    cache.remember(await client.update(EndpointSlices, { ...slice, ...wanted, metadata: { ...slice.metadata, labels } }));
  }
  for (const surplus of free) await removeSlice(context, surplus);
}

async function removeSlice(context: ControllerContext, slice: Stored<EndpointSlice>): Promise<void> {
  try {
    await context.client.delete(EndpointSlices, { namespace: slice.metadata.namespace ?? '', name: slice.metadata.name });
    context.caches.of(EndpointSlices).rememberDeleted(slice);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function buildSlice(service: Stored<Service>, wanted: DesiredSlice): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace ?? '',
      labels: sliceLabels(service),
      ownerReferences: [controllerReference(Services, service)],
    },
    addressType: 'IPv4',
    ...wanted,
  };
}

function sliceLabels(service: Stored<Service>): Record<string, string> {
  return {
    ...service.metadata.labels,
    ...(service.spec?.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: MANAGER,
  };
}

async function syncLegacy(context: ControllerContext, service: Stored<Service>, desired: DesiredSlice[]): Promise<void> {
  const { client, caches } = context;
  const cache = caches.of(EndpointsLegacy);
  const { namespace = '', name } = service.metadata;
  const wanted = legacyEndpoints(service, desired);
  const held = cache.get(`${namespace}/${name}`);
  if (!held) cache.remember(await client.create(EndpointsLegacy, wanted, { namespace }));
  else if (!deepEqual(held.subsets ?? [], wanted.subsets ?? []) || !deepEqual(held.metadata.labels ?? {}, wanted.metadata?.labels ?? {})) {
    cache.remember(await client.update(EndpointsLegacy, { ...wanted, metadata: { ...held.metadata, ...wanted.metadata } }));
  }
}
