/** The address of a Service of type LoadBalancer: the loopback of the machine, where its ports are published. */
import type { LoadBalancerIngress, Service } from 'kubernetes-types/core/v1.d.ts';
import { Services } from '../../kube/resource.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { deepEqual } from './equal.ts';
import { createReconciler } from './reconciler.ts';

export interface PublishedPort {
  /** Port of the Service. */
  port: number;
  /** Port on the machine's loopback address. */
  hostPort: number;
  protocol: 'TCP' | 'UDP';
}

/** What the network tells of the ports that it published. */
export interface PublishedPorts {
  /** Undefined while the Service is not published. */
  of(namespace: string, name: string): readonly PublishedPort[] | undefined;
  subscribe(listener: (namespace: string, name: string) => void): () => void;
}

export function createLoadBalancerController(context: ControllerContext, published: PublishedPorts): Controller {
  const { caches, clock, log, client } = context;
  const services = caches.of(Services);
  const reconcile = async (key: string): Promise<void> => {
    const service = services.get(key);
    if (!service || service.metadata.deletionTimestamp) return;
    const ingress = ingressOf(service, published);
    if (deepEqual(service.status?.loadBalancer?.ingress ?? [], ingress)) return;
    const loadBalancer = ingress.length > 0 ? { ingress } : {};
    services.remember(await client.update(Services, { ...service, status: { ...service.status, loadBalancer } }, { subresource: 'status' }));
  };
  const queue = createReconciler({ name: 'service-lb', clock, log, reconcile });
  services.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  const stop = published.subscribe((namespace, name) => queue.enqueue(`${namespace}/${name}`));
  return {
    start: () => queue.start(),
    async close() {
      stop();
      await queue.close();
    },
  };
}

/** Differs from Kubernetes: `ports` are those at the address, which on a shared machine cannot always be the Service's own. */
function ingressOf(service: Service, published: PublishedPorts): LoadBalancerIngress[] {
  if (service.spec?.type !== 'LoadBalancer') return [];
  const ports = published.of(service.metadata?.namespace ?? '', service.metadata?.name ?? '');
  if (!ports || ports.length === 0) return [];
  return [{ ip: '127.0.0.1', ipMode: 'Proxy', ports: ports.map(({ hostPort, protocol }) => ({ port: hostPort, protocol })) }];
}
