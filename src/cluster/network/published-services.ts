/** Which Services want ports on the machine's loopback, and which they got. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Informer } from '../../kube/informer.ts';
import type { Stored } from '../../kube/object.ts';

export interface WantedPorts {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly ports: readonly { readonly port: number; readonly wanted: number }[];
}

export interface GrantedPort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly hostPort: number;
}

/** Asks for the ports of a Service of any type on the machine's loopback: for pages and APIs that must not be open to a network
 * where the same manifest runs on a real cluster. */
const PUBLISH_ANNOTATION = 'cluster.lateen.io/publish';
const LOOPBACK = 'loopback';

/** Services of type LoadBalancer (and those that ask by annotation) by their own ports, NodePorts by their node ports. TCP only. */
export function wantedPorts(services: readonly Stored<Service>[], hostPort: (port: number) => number): WantedPorts[] {
  return services.flatMap((service): WantedPorts[] => {
    const { spec, metadata } = service;
    const address = spec?.clusterIP;
    const isAsked = metadata.annotations?.[PUBLISH_ANNOTATION] === LOOPBACK;
    if (!spec || (spec.type !== 'LoadBalancer' && spec.type !== 'NodePort' && !isAsked) || !address || address === 'None' || metadata.deletionTimestamp) return [];
    const ports = (spec.ports ?? []).filter((p) => (p.protocol ?? 'TCP') === 'TCP').map((p) => ({
      port: p.port, wanted: spec.type === 'NodePort' ? (p.nodePort ?? hostPort(p.port)) : hostPort(p.port),
    }));
    return [{ namespace: metadata.namespace ?? '', name: metadata.name, address, ports }];
  }).sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

export interface PublishedServices {
  start(): void;
  close(): void;
  /** The supervisor's answer. */
  granted(ports: readonly GrantedPort[]): void;
  /** For the controller that writes the Services' status. */
  of(namespace: string, name: string): readonly { port: number; hostPort: number; protocol: 'TCP' }[] | undefined;
  subscribe(listener: (namespace: string, name: string) => void): () => void;
}

export function createPublishedServices(services: Informer<Service>, options: { hostPort(port: number): number; ask(wanted: readonly WantedPorts[]): void }): PublishedServices {
  const listeners = new Set<(namespace: string, name: string) => void>();
  let held = new Map<string, { port: number; hostPort: number; protocol: 'TCP' }[]>();
  let asked = '[]';
  let scheduled = false;
  let stop = () => {};

  const ask = (): void => {
    scheduled = false;
    const wanted = wantedPorts(services.list(), options.hostPort);
    const text = JSON.stringify(wanted);
    if (text === asked) return;
    asked = text;
    options.ask(wanted);
  };
  return {
    start() {
      stop = services.subscribe(() => {
        if (scheduled) return;
        scheduled = true;
        setImmediate(ask);
      });
    },
    close: () => stop(),
    granted(ports) {
      const before = held;
      held = new Map();
      for (const { namespace, name, port, hostPort } of ports) {
        const key = `${namespace}/${name}`;
        held.set(key, [...(held.get(key) ?? []), { port, hostPort, protocol: 'TCP' }]);
      }
      for (const key of new Set([...before.keys(), ...held.keys()])) {
        if (JSON.stringify(before.get(key)) === JSON.stringify(held.get(key))) continue;
        const [namespace = '', name = ''] = key.split('/');
        for (const listener of listeners) listener(namespace, name);
      }
    },
    of: (namespace, name) => held.get(`${namespace}/${name}`),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
