/** Whether a patch is meant for something, and if not, how near it came: a patch that fits nowhere has to say why. */
import type { EnvoyFilterMatch } from '../../api/envoy-filter.ts';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { FilterChain } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { Route, VirtualHost } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { parseCluster, VIRTUAL_INBOUND, VIRTUAL_OUTBOUND } from '../translate/names.ts';
import type { Patch } from './patch.ts';

/** Why something is not meant. */
export interface Miss {
  /** How far the search came: 1 for the resource, more for what is in it. */
  readonly depth: number;
  /** `no listener is named x` */
  readonly text: string;
  /** What there is instead. */
  readonly found: string;
}

const miss = (depth: number, text: string, found: string | number): Miss => ({ depth, text, found: String(found) });

/** What the routes of a gateway's port are for. */
export interface GatewayPort {
  /** Of Services: 80, where the pod listens on 8080. */
  readonly ports: ReadonlySet<number>;
  readonly portNames: ReadonlySet<string>;
  /** `namespace/name` */
  readonly gateways: ReadonlySet<string>;
}

/** By name of a listener or of routes. */
export type GatewayPorts = ReadonlyMap<string, GatewayPort>;

type ListenerMatch = NonNullable<EnvoyFilterMatch['listener']>;
type ChainMatch = NonNullable<ListenerMatch['filterChain']>;

const isVirtual = (name: string): boolean => name === VIRTUAL_INBOUND || name === VIRTUAL_OUTBOUND;

/** @param servicePorts those of a gateway's Service that lead to the listener */
export function missedListener({ match, place }: Patch, listener: Listener, servicePorts: ReadonlySet<number> = NO_PORTS): Miss | undefined {
  const { name, portNumber = 0 } = match.listener ?? {};
  if (name && name !== listener.name) return miss(1, `no listener is named ${name}`, listener.name);
  // In these the ports stand in the filter chains.
  if (portNumber === 0 || (place !== 'LISTENER' && isVirtual(listener.name))) return undefined;
  const address = listener.address?.address;
  const port = address?.case === 'socketAddress' && address.value.portSpecifier.case === 'portValue' ? address.value.portSpecifier.value : 0;
  return port === portNumber || servicePorts.has(portNumber) ? undefined : miss(1, `no listener is for port ${portNumber}`, port);
}

const NO_PORTS: ReadonlySet<number> = new Set();

export function missedChain({ match }: Patch, chain: FilterChain, listener: Listener): Miss | undefined {
  const { filterChain: wanted, portNumber = 0 } = match.listener ?? {};
  const is = chain.filterChainMatch;
  if (isVirtual(listener.name) && portNumber > 0 && is?.destinationPort !== portNumber) return miss(2, `no filter chain is for port ${portNumber}`, is?.destinationPort ?? 'any');
  return wanted && missedChainMatch(wanted, chain);
}

function missedChainMatch(wanted: ChainMatch, chain: FilterChain): Miss | undefined {
  const { name, sni, transportProtocol, applicationProtocols, destinationPort = 0, transportSocket } = wanted;
  const is = chain.filterChainMatch;
  if (name && name !== chain.name) return miss(2, `no filter chain is named ${name}`, chain.name || '(unnamed)');
  if (sni && !is?.serverNames.includes(sni)) return miss(2, `no filter chain is for SNI ${sni}`, is?.serverNames.join() || '(any)');
  if (transportProtocol && transportProtocol !== is?.transportProtocol) return miss(2, `no filter chain is for transport protocol ${transportProtocol}`, is?.transportProtocol || '(any)');
  if (applicationProtocols && !applicationProtocols.split(',').every((p) => is?.applicationProtocols.includes(p.trim()))) return miss(2, `no filter chain is for application protocols ${applicationProtocols}`, is?.applicationProtocols.join() || '(any)');
  if (destinationPort > 0 && is?.destinationPort !== destinationPort) return miss(2, `no filter chain is for destination port ${destinationPort}`, is?.destinationPort ?? '(any)');
  if (transportSocket && transportSocket !== chain.transportSocket?.name) return miss(2, `no filter chain has transport socket ${transportSocket}`, chain.transportSocket?.name ?? '(none)');
  return undefined;
}

/** Filters were renamed once, and people still write the old names. Envoy: well_known_names.h. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  'envoy.http_connection_manager': 'envoy.filters.network.http_connection_manager', 'envoy.tcp_proxy': 'envoy.filters.network.tcp_proxy', 'envoy.ratelimit': 'envoy.filters.network.ratelimit',
  'envoy.router': 'envoy.filters.http.router', 'envoy.cors': 'envoy.filters.http.cors', 'envoy.fault': 'envoy.filters.http.fault', 'envoy.lua': 'envoy.filters.http.lua', 'envoy.grpc_web': 'envoy.filters.http.grpc_web',
  'envoy.buffer': 'envoy.filters.http.buffer', 'envoy.ext_authz': 'envoy.filters.http.ext_authz', 'envoy.gzip': 'envoy.filters.http.gzip', 'envoy.rate_limit': 'envoy.filters.http.ratelimit',
  'envoy.listener.tls_inspector': 'envoy.filters.listener.tls_inspector', 'envoy.listener.http_inspector': 'envoy.filters.listener.http_inspector',
  'envoy.listener.original_dst': 'envoy.filters.listener.original_dst', 'envoy.listener.proxy_protocol': 'envoy.filters.listener.proxy_protocol',
};

const isNamed = (wanted: string, name: string): boolean => wanted === name || OLD_NAMES[wanted] === name;

/** Names in the match: undefined where any will do. */
export const listenerFilterName = ({ match }: Patch): string | undefined => match.listener?.listenerFilter || undefined;
export const networkFilterName = ({ match }: Patch): string | undefined => match.listener?.filterChain?.filter?.name || undefined;
export const httpFilterName = ({ match }: Patch): string | undefined => match.listener?.filterChain?.filter?.subFilter?.name || undefined;

/** @param what `network filter` */
export function missedName(wanted: string | undefined, name: string, at: { depth: number; what: string }): Miss | undefined {
  return wanted === undefined || isNamed(wanted, name) ? undefined : miss(at.depth, `no ${at.what} is named ${wanted}`, name);
}

/** @param gateway what a gateway's routes are for; undefined: routes of a sidecar */
export function missedRoutes({ match }: Patch, name: string, gateway?: GatewayPort): Miss | undefined {
  const wanted = match.routeConfiguration;
  if (!wanted) return undefined;
  if (wanted.name && wanted.name !== name) return miss(1, `no route configuration is named ${wanted.name}`, name);
  const { portNumber = 0 } = wanted;
  const port = portOf(name);
  if (portNumber > 0 && portNumber !== port && !gateway?.ports.has(portNumber)) return miss(1, `no route configuration is for port ${portNumber}`, port);
  if (!gateway) return undefined;
  if (wanted.portName && !gateway.portNames.has(wanted.portName)) return miss(1, `no route configuration is for a port named ${wanted.portName}`, [...gateway.portNames].join());
  if (wanted.gateway && !gateway.gateways.has(wanted.gateway)) return miss(1, `no route configuration is of gateway ${wanted.gateway}`, [...gateway.gateways].join());
  return undefined;
}

/** `9080`, `reviews.default.svc.cluster.local:9080`, `inbound|9080||`, `http.8080`, `https.443.https.gw.ns` */
function portOf(name: string): number {
  const inbound = name.startsWith('inbound|') ? parseCluster(name)?.port : undefined;
  return inbound ?? Number(/^https?\.(\d+)/.exec(name)?.[1] ?? /(\d+)$/.exec(name)?.[1] ?? 0);
}

export function missedHost({ match }: Patch, host: VirtualHost): Miss | undefined {
  const { name, domainName } = match.routeConfiguration?.vhost ?? {};
  if (name && name !== host.name) return miss(2, `no virtual host is named ${name}`, host.name);
  if (domainName && !host.domains.includes(domainName)) return miss(2, `no virtual host has domain ${domainName}`, host.domains.join());
  return undefined;
}

const ACTIONS: Readonly<Record<string, string>> = { ROUTE: 'route', REDIRECT: 'redirect', DIRECT_RESPONSE: 'directResponse' };

export const matchesOneRoute = ({ match }: Patch): boolean => match.routeConfiguration?.vhost?.route !== undefined;

export function missedRoute({ match }: Patch, route: Route): Miss | undefined {
  const { name, action = 'ANY' } = match.routeConfiguration?.vhost?.route ?? {};
  if (name && name !== route.name) return miss(3, `no route is named ${name}`, route.name || '(unnamed)');
  const wanted = ACTIONS[action];
  return wanted === undefined || route.action.case === wanted ? undefined : miss(3, `no route has action ${action}`, route.action.case ?? 'none');
}

export function missedCluster({ match }: Patch, cluster: Cluster): Miss | undefined {
  const wanted = match.cluster;
  if (!wanted) return undefined;
  if (wanted.name) return wanted.name === cluster.name ? undefined : miss(1, `no cluster is named ${wanted.name}`, cluster.name);
  const { port = 0, subset = '', host = '' } = parseCluster(cluster.name) ?? {};
  const hosts = host === '' ? servicesOf(cluster) : [host];
  if (wanted.service && !hosts.includes(wanted.service)) return miss(1, `no cluster is for service ${wanted.service}`, hosts.join() || cluster.name);
  if (wanted.portNumber && wanted.portNumber !== port) return miss(2, `no cluster is for port ${wanted.portNumber}`, port);
  if (wanted.subset && wanted.subset !== subset) return miss(3, `no cluster is for subset ${wanted.subset}`, subset || '(none)');
  return undefined;
}

/** Clusters of the workload's own ports tell their services in metadata. */
function servicesOf(cluster: Cluster): string[] {
  const services = cluster.metadata?.filterMetadata['istio']?.['services'];
  if (!Array.isArray(services)) return [];
  return services.flatMap((service) => (typeof service === 'object' && service !== null && !Array.isArray(service) && typeof service['host'] === 'string' ? [service['host']] : []));
}
