import { create } from '@bufbuild/protobuf';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { SniClusterSchema } from '../../xds/generated/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.js';
import { declaredProtocol } from '../registry/protocol.ts';
import { hostsMeet } from '../registry/hosts.ts';
import { DistinctChains } from './distinct-chains.ts';
import { proxyDefaults, type Context } from './context.ts';
import { hasDynamicHosts } from './dynamic-hosts.ts';
import { boundRules, type EdgeChain, type EdgeListener } from './gateway-plan.ts';
import { tcpStats, type NetworkFilterInit } from './http-filters.ts';
import { httpManager } from './http-manager.ts';
import { rulesRoutes } from './l4-routes.ts';
import { cidrRange, Direction, socketAddress, proxyProtocolFilter, sniffed, tlsInspector, type ChainInit } from './listener-parts.ts';
import type { Security } from './security.ts';
import { pack } from './message.ts';
import { BLACKHOLE_CLUSTER, originMetadata } from './names.ts';
import { namesOf, tcpProxy, type TcpTarget } from './tcp-proxy.ts';
import type { TelemetryPlan } from './telemetry.ts';
import { Alpn, edgeServerSocket } from './tls.ts';

interface EdgeParts {
  readonly context: Context;
  readonly telemetry: TelemetryPlan;
  readonly security: Security;
}

/** @returns undefined when nothing is behind the port yet, so that it stays closed */
export function buildEdgeListener(plan: EdgeListener, parts: EdgeParts): Listener | undefined {
  const distinct = new DistinctChains();
  const chains = plan.chains.flatMap((chain) => edgeChains(chain, { listener: plan, distinct }, parts));
  if (chains.length === 0) return undefined;
  const isTls = plan.chains.some((c) => c.kind !== 'http' && c.kind !== 'tcp');
  const behindProxy = proxyDefaults(parts.context).gatewayTopology?.proxyProtocol !== undefined;
  return create(ListenerSchema, {
    name: `${plan.address}_${plan.port}`,
    address: socketAddress(plan.address, plan.port),
    trafficDirection: Direction.outbound,
    listenerFilters: [...(behindProxy ? [proxyProtocolFilter()] : []), ...(isTls ? [tlsInspector()] : [])],
    ...(isTls ? sniffed(parts.context.settings.config) : {}),
    accessLog: [...parts.telemetry.refusals],
    filterChains: chains,
  });
}

function edgeChains(chain: EdgeChain, { listener, distinct }: { listener: EdgeListener; distinct: DistinctChains }, parts: EdgeParts): ChainInit[] {
  const { context, telemetry, security } = parts;
  const metadata = originMetadata(security.guards);
  const [server] = chain.servers;
  if (!server) return [];
  const names = serverNames(server.hosts.map((h) => h.host));
  if (chain.routes !== undefined) {
    const own = chain.kind === 'tls-http' ? distinct.claim({ serverNames: names, subnets: [] }) : [{ serverNames: names }];
    const socket = chain.kind === 'tls-http' && server.server.tls ? edgeServerSocket(server.server.tls, 'http', context.settings.config) : undefined;
    const filters = [httpManager({ position: 'gateway', statPrefix: `outbound_${listener.address}_${listener.port}`, routes: chain.routes, telemetry, security, port: chain.serverPort, resolvesHosts: hasDynamicHosts(context.scope), forBrowsers: chain.servers.some(({ server: { port } }) => declaredProtocol(port.protocol) === 'GRPC-Web') }, context)];
    return own.map((match) => ({ filters, ...(socket ? { transportSocket: socket, filterChainMatch: { serverNames: match.serverNames } } : {}) }));
  }
  if (chain.kind === 'sni-dnat') {
    const match = { serverNames: serverNames(server.hosts.map((h) => (h.host.startsWith('*') ? h.host : `*.${h.host}`))), transportProtocol: 'tls', applicationProtocols: [...Alpn.mesh] };
    return [{ metadata, filterChainMatch: match, filters: [...security.tcp, { name: 'envoy.filters.network.sni_cluster', configType: { case: 'typedConfig', value: pack(SniClusterSchema) } }, ...tcpFilters([{ cluster: BLACKHOLE_CLUSTER, weight: 1 }], { ...parts, security: { ...security, tcp: [] } })] }];
  }
  const view = { context, port: chain.serverPort, gateways: new Set([server.gateway]) };
  const protocol = chain.kind === 'passthrough' ? 'TLS' : 'TCP';
  const routes = boundRules(chain, context).flatMap(({ rules }) => rulesRoutes(rules, view, { protocol }));
  const socket = chain.kind === 'tls-tcp' && server.server.tls ? edgeServerSocket(server.server.tls, 'tcp', context.settings.config) : undefined;
  return routes
    .filter((route) => chain.kind !== 'passthrough' || route.serverNames.some((n) => server.hosts.some((h) => hostsMeet(h.host, n))))
    .slice(0, chain.kind === 'passthrough' ? undefined : 1)
    .map((route) => ({ ...route, serverNames: chain.kind === 'passthrough' ? serverNames(route.serverNames) : chain.kind === 'tls-tcp' ? names : [] }))
    .flatMap((route) => distinct.claim(route))
    .map((route): ChainInit => {
      return { metadata, filterChainMatch: { serverNames: route.serverNames, prefixRanges: route.subnets.map(cidrRange) }, filters: tcpFilters(route.targets, parts), ...(socket ? { transportSocket: socket } : {}) };
    });
}

function tcpFilters(targets: readonly TcpTarget[], { context, telemetry, security }: EdgeParts): NetworkFilterInit[] {
  return [...security.tcp, ...tcpStats(context.proxy), ...namesOf(targets), tcpProxy({ statPrefix: targets[0]?.cluster ?? '', targets, telemetry })];
}

/** `*` is every name, which a chain says by naming none. */
const serverNames = (hosts: readonly string[]): string[] => (hosts.includes('*') ? [] : [...new Set(hosts)]);
