/** Where a webhook's Service is served now. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { createInformer } from '../../../kube/informer.ts';
import type { Informer } from '../../../kube/informer.ts';
import type { Stored } from '../../../kube/object.ts';
import { EndpointSlices, Services } from '../../../kube/resource.ts';

export interface ServiceAddress {
  address: string;
  port: number;
}

export interface ServiceResolver {
  /** Addresses of the ready endpoints behind a port of a Service; undefined when there is no such Service or port. */
  resolve(namespace: string, name: string, port: number): readonly ServiceAddress[] | undefined;
}

export interface OwnedServiceResolver extends ServiceResolver {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Follows Services and EndpointSlices. @param deps.client known only when the API server is made */
export function createServiceResolver(deps: { client: () => KubeClient; clock: Clock; log: Log }): OwnedServiceResolver {
  let services: Informer<Service> | undefined;
  let slices: Informer<EndpointSlice> | undefined;
  const byService = new Map<string, Map<string, Stored<EndpointSlice>>>();
  return {
    async start() {
      const options = { ...deps, client: deps.client() };
      services = createInformer(Services, options);
      slices = createInformer(EndpointSlices, options);
      slices.subscribe(({ type, object }) => index(byService, object, type === 'deleted'));
      await Promise.all([services.start(), slices.start()]);
    },
    async close() {
      await Promise.all([services?.close(), slices?.close()]);
    },
    resolve(namespace, name, port) {
      const found = services?.get(`${namespace}/${name}`)?.spec?.ports?.find((each) => each.port === port);
      if (!found) return undefined;
      return [...(byService.get(`${namespace}/${name}`)?.values() ?? [])].flatMap((slice) => addressesIn(slice, found.name ?? ''));
    },
  };
}

function index(byService: Map<string, Map<string, Stored<EndpointSlice>>>, slice: Stored<EndpointSlice>, isDeleted: boolean): void {
  const service = `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
  const held = byService.get(service) ?? new Map<string, Stored<EndpointSlice>>();
  if (isDeleted) held.delete(slice.metadata.name);
  else held.set(slice.metadata.name, slice);
  if (held.size > 0) byService.set(service, held);
  else byService.delete(service);
}

function addressesIn(slice: EndpointSlice, portName: string): ServiceAddress[] {
  const port = slice.ports?.find((each) => (each.name ?? '') === portName)?.port;
  if (port === undefined) return [];
  const ready = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
  return ready.flatMap((endpoint) => endpoint.addresses.map((address) => ({ address, port })));
}
