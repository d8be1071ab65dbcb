/** The mesh that every scenario starts from: `app` has two versions without proxies, `one` and `other` a single pod each, `far` is
 * an `app` in another namespace, `server` has a proxy of its own. Ports: 80 http, 7070 grpc, 9000 tcp, 443 tls, 8000 undeclared.
 * Addresses are those of network.ts. */
import { ADDRESS, WORLD_PODS } from './network.ts';

const pod = (name: string, ip: string, options: { namespace?: string; labels?: Record<string, string>; account?: string; hasProxy?: boolean } = {}) => ({
  apiVersion: 'v1', kind: 'Pod',
  metadata: {
    name, namespace: options.namespace ?? 'default',
    labels: { ...(options.hasProxy ? { 'security.istio.io/tlsMode': 'istio' } : {}), ...options.labels },
  },
  spec: { containers: [], serviceAccountName: options.account ?? 'default' },
  status: { podIP: ip },
});

const service = (name: string, clusterIP: string, options: { namespace?: string; selector: Record<string, string>; ports: readonly (readonly [name: string, port: number, targetPort: number])[] }) => ({
  apiVersion: 'v1', kind: 'Service',
  metadata: { name, namespace: options.namespace ?? 'default' },
  spec: { clusterIP, selector: options.selector, ports: options.ports.map(([port, number, targetPort]) => ({ name: port, port: number, targetPort })) },
});

const at = (i: number): string => WORLD_PODS[i] ?? '';
const PORTS = [['http', 80, 8080], ['grpc', 7070, 7070], ['tcp', 9000, 9000], ['tls', 443, 8443], ['auto', 8000, 8000]] as const;

/** Always there: what the proxies themselves are. @param place of the client: `region/zone/subzone` */
export const proxyPods = (place?: string): object[] => [
  pod('client', ADDRESS.client, { labels: { app: 'client', version: 'v1', ...(place === undefined ? {} : { 'topology.istio.io/locality': place.replaceAll('/', '.') }) }, account: 'client', hasProxy: true }),
  pod('server', ADDRESS.server, { labels: { app: 'server', version: 'v1' }, account: 'server', hasProxy: true }),
  pod('gateway', ADDRESS.gateway, { namespace: 'istio-system', labels: { istio: 'ingressgateway', app: 'istio-ingressgateway' }, account: 'gateway', hasProxy: true }),
];

type Port = (typeof PORTS)[number];

interface BaseService {
  /** As scenarios write it. */
  readonly name: string;
  objects(ports: readonly Port[]): readonly object[];
}

const SERVICES: readonly BaseService[] = [
  { name: 'app', objects: (ports) => [service('app', '10.96.0.10', { selector: { app: 'app' }, ports }), pod('app-v1', at(0), { labels: { app: 'app', version: 'v1' } }), pod('app-v2', at(1), { labels: { app: 'app', version: 'v2' } })] },
  // One pod: who answers is certain.
  { name: 'one', objects: (ports) => [service('one', '10.96.0.13', { selector: { app: 'one' }, ports }), pod('one-v1', at(4), { labels: { app: 'one', version: 'v1' } })] },
  { name: 'other', objects: (ports) => [service('other', '10.96.0.11', { selector: { app: 'other' }, ports }), pod('other-v1', at(2), { labels: { app: 'other', version: 'v1' } })] },
  // A namesake in another namespace.
  { name: 'far', objects: (ports) => [service('app', '10.96.0.12', { namespace: 'far', selector: { app: 'app' }, ports }), pod('app-far', at(3), { namespace: 'far', labels: { app: 'app', version: 'v1' } })] },
  { name: 'server', objects: (ports) => [service('server', '10.96.0.20', { selector: { app: 'server' }, ports })] },
  { name: 'client', objects: (ports) => [service('client', '10.96.0.21', { selector: { app: 'client' }, ports })] },
];

const GATEWAY_SERVICE = service('istio-ingressgateway', '10.96.0.30', { namespace: 'istio-system', selector: { istio: 'ingressgateway' }, ports: [['http2', 80, 8080], ['https', 443, 8443], ['tcp', 31_400, 31_400], ['tls', 15_443, 15_443], ['http-alt', 8081, 8081]] });

/** The part of the base mesh that a scenario speaks of: what it does not name is left out, since each service costs each proxy
 * a dozen resources. Port 80 is always there. */
export function baseObjects(text: string): object[] {
  const ports = PORTS.filter(([, port]) => port === 80 || new RegExp(`\\b${port}\\b`).test(text));
  const services = SERVICES.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text));
  return [...services.flatMap((base) => base.objects(ports)), ...(/\bkind: Gateway\b|istio-ingressgateway/.test(text) ? [GATEWAY_SERVICE] : [])];
}
