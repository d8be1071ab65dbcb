import { create } from '@bufbuild/protobuf';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { Context } from './context.ts';
import { tcpStats } from './http-filters.ts';
import { httpManager } from './http-manager.ts';
import { cidrRange, Direction, httpInspector, sniffed, socketAddress, tlsInspector, type ChainInit } from './listener-parts.ts';
import { BLACKHOLE_CLUSTER, PASSTHROUGH_CLUSTER, VIRTUAL_OUTBOUND } from './names.ts';
import { hiddenChain, type OutboundChain, type OutboundPlan } from './outbound-plan.ts';
import { namesOf, tcpProxy } from './tcp-proxy.ts';
import type { TelemetryPlan } from './telemetry.ts';

interface Parts {
  readonly context: Context;
  readonly telemetry: TelemetryPlan;
  readonly resolvesHosts?: boolean;
  /** Of the listener. */
  readonly port?: number;
}

export function buildOutboundListener(plan: OutboundPlan, context: Context, telemetry: TelemetryPlan): Listener {
  const { name, address, port, http } = plan;
  const parts = { context, telemetry, resolvesHosts: plan.resolvesHosts === true || context.scope.outbound === 'ALLOW_ANY_DYNAMIC_DNS', port };
  const label = name;
  const filterChains = plan.chains.flatMap((chain) => narrowChains(chain, label, parts));
  if (http !== undefined) filterChains.push(httpChain(http, label, { ...parts, subnets: [] }));
  const isSniffed = http !== undefined || plan.chains.some((c) => c.http !== undefined);
  const hasNames = plan.chains.some((c) => c.serverNames.length > 0);
  const defaultFilterChain = plan.fallback ? l4Chain(plan.fallback, parts) : unknownChain(parts, plan.binds);
  return create(ListenerSchema, {
    name,
    address: socketAddress(address, port),
    filterChains: filterChains.length > 0 ? filterChains : [defaultFilterChain],
    ...(filterChains.length > 0 ? { defaultFilterChain } : {}),
    listenerFilters: [...(isSniffed || hasNames ? [tlsInspector()] : []), ...(isSniffed ? [httpInspector()] : [])],
    ...(isSniffed || hasNames ? sniffed(context.settings.config) : {}),
    trafficDirection: Direction.outbound,
    bindToPort: plan.binds,
  });
}

/** A chain that says "plaintext" wins over one that says nothing, also when it then does not match: beside HTTP, bytes need
 * chains that say as much. */
function narrowChains(chain: OutboundChain, label: string, parts: Parts): ChainInit[] {
  const l4 = l4Chain(chain, parts);
  if (chain.http === undefined) return [l4];
  const over = (transportProtocol: string): ChainInit => ({ ...l4, filterChainMatch: { ...l4.filterChainMatch, transportProtocol } });
  return [httpChain(chain.http, label, { ...parts, subnets: chain.subnets }), over('raw_buffer'), over('tls')];
}

function httpChain(routes: string, label: string, use: Parts & { subnets: readonly string[] }): ChainInit {
  return {
    filterChainMatch: { prefixRanges: use.subnets.map(cidrRange), transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] },
    filters: [httpManager({ position: 'outbound', statPrefix: `outbound_${label}`, routes, telemetry: use.telemetry, port: use.port, resolvesHosts: use.resolvesHosts }, use.context)],
  };
}

function l4Chain(chain: OutboundChain, { context, telemetry }: Parts): ChainInit {
  const { serverNames, subnets, targets } = chain;
  const [first] = targets;
  const match = serverNames.length > 0 || subnets.length > 0 ? { filterChainMatch: { serverNames: [...serverNames], prefixRanges: subnets.map(cidrRange) } } : {};
  return { ...match, filters: [...tcpStats(context.proxy), ...namesOf(targets), tcpProxy({ statPrefix: first?.cluster ?? BLACKHOLE_CLUSTER, targets, telemetry })] };
}

const fallbackCluster = (context: Context): string => (context.scope.outbound === 'REGISTRY_ONLY' ? BLACKHOLE_CLUSTER : PASSTHROUGH_CLUSTER);

/** @param binds who called an address that the proxy has bound called nobody else */
function unknownChain({ context, telemetry }: Parts, binds: boolean): ChainInit {
  const cluster = binds ? BLACKHOLE_CLUSTER : fallbackCluster(context);
  return { name: 'PassthroughFilterChain', filters: [...tcpStats(context.proxy), tcpProxy({ statPrefix: cluster, targets: [{ cluster, weight: 1 }], telemetry })] };
}

/** All captured connections arrive here and are handed to the listener of their destination. What has none goes to whom it
 * was meant for, or nowhere; workloads of the mesh that a scope hides are called with mutual TLS all the same. A call to the
 * port itself would loop, and ends here. */
export function buildVirtualOutbound(hidden: readonly string[], context: Context, telemetry: TelemetryPlan): Listener {
  const port = context.settings.config.proxyListenPort;
  const to = (cluster: string) => [...tcpStats(context.proxy), tcpProxy({ statPrefix: cluster, targets: [{ cluster, weight: 1 }], telemetry })];
  return create(ListenerSchema, {
    name: VIRTUAL_OUTBOUND,
    address: socketAddress('0.0.0.0', port),
    useOriginalDst: true,
    trafficDirection: Direction.outbound,
    filterChains: [
      { name: 'virtualOutbound-blackhole', filterChainMatch: { destinationPort: port }, filters: to(BLACKHOLE_CLUSTER) },
      ...(hidden.length > 0 ? [{ name: 'virtualOutbound-hidden', ...l4Chain(hiddenChain(hidden), { context, telemetry }) }] : []),
      { name: 'virtualOutbound-catchall-tcp', filters: to(fallbackCluster(context)) },
    ],
  });
}
