import { create } from '@bufbuild/protobuf';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { isDetected, isHttp, serviceOrigins, type MeshService, type ServicePort } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import { MESH_GATEWAY } from '../registry/virtual-services.ts';
import { hostPolicy, type Context } from './context.ts';
import { effectivePolicy } from './effective-policy.ts';
import { tcpStats } from './http-filters.ts';
import { httpManager } from './http-manager.ts';
import { l4Routes, type L4Route } from './l4-routes.ts';
import { cidrRange, Direction, httpInspector, socketAddress, tlsInspector, untimed, type ChainInit } from './listener-parts.ts';
import { BLACKHOLE_CLUSTER, PASSTHROUGH_CLUSTER, VIRTUAL_OUTBOUND } from './names.ts';
import { tcpProxy, type TcpTarget } from './tcp-proxy.ts';
import type { TelemetryPlan } from './telemetry.ts';

const ANY = '0.0.0.0';
const MESH: ReadonlySet<string> = new Set([MESH_GATEWAY]);

/** One listener to be made: what traffic to an address and port can turn out to be. */
export interface OutboundPlan {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Name of the routes when HTTP is possible. */
  http?: string;
  readonly l4: L4Chain[];
  /** Connections that are none of these: passed on to whom they were meant for, or refused, unless a service takes them. */
  fallback?: L4Chain;
  /** Mesh objects behind its chains. */
  readonly origins: Origin[];
}

interface L4Chain {
  readonly serverNames: readonly string[];
  readonly subnets: readonly string[];
  readonly targets: readonly TcpTarget[];
  readonly idleTimeout?: string;
  readonly sourceHash: boolean;
}

/** Listeners of a sidecar for what its workload calls. HTTP ports are shared by all services on `0.0.0.0_PORT`; other ports
 * have a listener for each address. Istio: buildSidecarOutboundListeners. */
export function planOutbound(context: Context): OutboundPlan[] {
  const plans = new Map<string, OutboundPlan>();
  for (const service of context.scope.services) {
    if (service.resolution === 'alias') continue;
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || !context.scope.allows(service, port.port)) continue;
      place(plans, { service, port, context });
    }
  }
  return [...plans.values()];
}

interface Placement {
  service: MeshService;
  port: ServicePort;
  context: Context;
}

function place(plans: Map<string, OutboundPlan>, at: Placement): void {
  const { service, port, context } = at;
  const origins = [...serviceOrigins(service), ...(context.scope.rulesFor(service.host, 'l4')?.origins ?? []), ...(hostPolicy(context, service)?.origins ?? [])];
  const plain = service.addresses.filter((a) => !a.includes('/'));
  const ranges = service.addresses.filter((a) => a.includes('/'));
  if (isHttp(port.protocol)) {
    listenerAt(plans, ANY, port.port).http = String(port.port);
    return;
  }
  const addresses = plain.length > 0 ? plain : isHeadless(service) ? podAddresses(service, port, context) : [];
  for (const address of addresses) {
    const plan = listenerAt(plans, address, port.port);
    if (isDetected(port.protocol)) plan.http ??= `${service.host}:${port.port}`;
    addChains(plan, chains(at, false), origins);
  }
  if (ranges.length > 0) addChains(listenerAt(plans, ANY, port.port), chains(at, false).map((c) => ({ ...c, subnets: c.subnets.length > 0 ? c.subnets : ranges })), origins);
  if (addresses.length > 0 || ranges.length > 0 || isHeadless(service)) return;
  const shared = listenerAt(plans, ANY, port.port);
  if (isDetected(port.protocol)) shared.http ??= String(port.port);
  addChains(shared, chains(at, true), origins);
}

const isHeadless = (service: MeshService): boolean => service.origin === 'Kubernetes' && service.resolution === 'passthrough';

function podAddresses(service: MeshService, port: ServicePort, context: Context): string[] {
  return (context.snapshot.endpoints.get(service.key)?.byPort.get(port.port) ?? []).filter((e) => e.port === port.port).map((e) => e.address);
}

function listenerAt(plans: Map<string, OutboundPlan>, address: string, port: number): OutboundPlan {
  const name = `${address}_${port}`;
  const known = plans.get(name);
  if (known) return known;
  const plan: OutboundPlan = { name, address, port, l4: [], origins: [] };
  plans.set(name, plan);
  return plan;
}

function chains({ service, port, context }: Placement, bySni: boolean): L4Chain[] {
  const view = { context, port: port.port, gateways: MESH };
  const policy = effectivePolicy(hostPolicy(context, service), port.port);
  const idleTimeout = policy.connectionPool?.tcp?.idleTimeout;
  const sourceHash = policy.loadBalancer?.consistentHash?.useSourceIp === true;
  return l4Routes(service, port, { view, bySni }).map((route: L4Route) => ({ ...route, idleTimeout, sourceHash }));
}

/** The first service on an address keeps it; a name or range can lead to one place only. */
function addChains(plan: OutboundPlan, chains: readonly L4Chain[], origins: readonly Origin[]): void {
  plan.origins.push(...origins);
  for (const chain of chains) {
    if (chain.serverNames.length === 0 && chain.subnets.length === 0) plan.fallback ??= chain;
    else {
      const key = (c: L4Chain) => JSON.stringify([c.serverNames, c.subnets]);
      if (!plan.l4.some((c) => key(c) === key(chain))) plan.l4.push(chain);
    }
  }
}

export function buildOutboundListener(plan: OutboundPlan, context: Context, telemetry: TelemetryPlan): Listener {
  const { name, address, port, http } = plan;
  const filterChains = plan.l4.map((chain) => l4Chain(chain, context, telemetry));
  if (http !== undefined) filterChains.push(httpChain(http, `${address}_${port}`, { context, telemetry }));
  const isSniffed = http !== undefined;
  const hasNames = plan.l4.some((c) => c.serverNames.length > 0);
  const defaultFilterChain = plan.fallback ? l4Chain(plan.fallback, context, telemetry) : unknownChain(context, telemetry);
  return create(ListenerSchema, {
    name,
    address: socketAddress(address, port),
    filterChains: filterChains.length > 0 ? filterChains : [defaultFilterChain],
    ...(filterChains.length > 0 ? { defaultFilterChain } : {}),
    listenerFilters: [...(isSniffed || hasNames ? [tlsInspector()] : []), ...(isSniffed ? [httpInspector()] : [])],
    ...(isSniffed || hasNames ? untimed : {}),
    trafficDirection: Direction.outbound,
    bindToPort: false,
  });
}

function httpChain(routes: string, label: string, use: { context: Context; telemetry: TelemetryPlan }): ChainInit {
  return {
    filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] },
    filters: [httpManager({ position: 'outbound', statPrefix: `outbound_${label}`, routes, telemetry: use.telemetry }, use.context)],
  };
}

function l4Chain(chain: L4Chain, context: Context, telemetry: TelemetryPlan): ChainInit {
  const { serverNames, subnets, targets, idleTimeout, sourceHash } = chain;
  const [first] = targets;
  const match = serverNames.length > 0 || subnets.length > 0 ? { filterChainMatch: { serverNames: [...serverNames], prefixRanges: subnets.map(cidrRange) } } : {};
  return { ...match, filters: [...tcpStats(context.proxy), tcpProxy({ statPrefix: first?.cluster ?? BLACKHOLE_CLUSTER, targets, telemetry, idleTimeout, sourceHash })] };
}

const fallbackCluster = (context: Context): string => (context.scope.outbound === 'REGISTRY_ONLY' ? BLACKHOLE_CLUSTER : PASSTHROUGH_CLUSTER);

function unknownChain(context: Context, telemetry: TelemetryPlan): ChainInit {
  const cluster = fallbackCluster(context);
  return { name: 'PassthroughFilterChain', filters: [...tcpStats(context.proxy), tcpProxy({ statPrefix: cluster, targets: [{ cluster, weight: 1 }], telemetry })] };
}

/** All captured connections arrive here and are handed to the listener of their destination. What has none goes to whom it
 * was meant for, or nowhere. A call to the port itself would loop, and ends here. */
export function buildVirtualOutbound(context: Context, telemetry: TelemetryPlan): Listener {
  const port = context.settings.config.proxyListenPort;
  const to = (cluster: string) => [...tcpStats(context.proxy), tcpProxy({ statPrefix: cluster, targets: [{ cluster, weight: 1 }], telemetry })];
  return create(ListenerSchema, {
    name: VIRTUAL_OUTBOUND,
    address: socketAddress(ANY, port),
    useOriginalDst: true,
    trafficDirection: Direction.outbound,
    filterChains: [
      { name: 'virtualOutbound-blackhole', filterChainMatch: { destinationPort: port }, filters: to(BLACKHOLE_CLUSTER) },
      { name: 'virtualOutbound-catchall-tcp', filters: to(fallbackCluster(context)) },
    ],
  });
}

/** Names of routes that these listeners need. */
export const routeNames = (plans: readonly OutboundPlan[]): string[] => [...new Set(plans.flatMap((p) => (p.http === undefined ? [] : [p.http])))];

