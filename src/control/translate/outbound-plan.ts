/** Which listeners a sidecar needs for what its workload calls, and what traffic to each of them can turn out to be. */
import { isDetected, isHeadless, isHttp, serviceOrigins, type MeshService, type ServicePort } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import { MESH_GATEWAY } from '../registry/virtual-services.ts';
import { addressesOf, hostPolicy, type Context } from './context.ts';
import { DistinctChains } from './distinct-chains.ts';
import { egressAddress, egressListenerName, egressProtocol, requestListeners, type EgressAddress } from './egress-listeners.ts';
import { l4Routes } from './l4-routes.ts';
import { MESH_PASSTHROUGH_CLUSTER } from './names.ts';
import type { TcpTarget } from './tcp-proxy.ts';

const ANY = '0.0.0.0';
const MESH: ReadonlySet<string> = new Set([MESH_GATEWAY]);

/** One listener to be made. */
export interface OutboundPlan {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** The proxy binds the address; otherwise connections are captured. */
  readonly binds: boolean;
  /** Name of the routes when HTTP is possible. */
  http?: string;
  /** Hosts of requests may have to be looked up. */
  resolvesHosts?: true;
  /** Connections that are told by their address or by the name that they ask for. */
  readonly chains: OutboundChain[];
  /** Connections that are none of these: passed on to whom they were meant for, or refused, unless a service takes them. */
  fallback?: OutboundChain;
  /** Mesh objects behind its chains. */
  readonly origins: Origin[];
}

export interface OutboundChain {
  readonly serverNames: readonly string[];
  readonly subnets: readonly string[];
  /** Name of the routes when connections to these subnets can be HTTP. */
  readonly http?: string;
  /** Where other connections go. */
  readonly targets: readonly TcpTarget[];
}

export interface Outbound {
  readonly plans: readonly OutboundPlan[];
  /** Addresses of workloads that a scope hides and whose ports have no listener. */
  readonly hidden: readonly string[];
}

/** HTTP ports are shared by all services on `0.0.0.0_PORT`; other ports have a listener for each virtual address. Pods of
 * headless services are told by address on the shared listener: a listener for each pod would not scale.
 * Istio: buildSidecarOutboundListeners. */
export function planOutbound(context: Context): Outbound {
  const plans = new Plans();
  for (const { at } of requestListeners(context)) if (canBind(at, context)) plans.at(at).http = egressListenerName(at);
  for (const service of context.scope.services) {
    if (service.resolution === 'alias') continue;
    // Looked up only for listeners that name the service: most are for HTTP, and shared by all.
    let known: readonly Origin[] | undefined;
    const origins = () => (known ??= [...serviceOrigins(service), ...(context.scope.rulesFor(service.host, 'l4')?.origins ?? []), ...(hostPolicy(context, service)?.origins ?? [])]);
    for (const port of service.ports) {
      if (port.protocol === 'UDP') continue;
      for (const listener of context.scope.listenersOf(service, port.port)) {
        const at = { service, port: { ...port, protocol: egressProtocol(listener, port) }, context, origins };
        const declared = egressAddress(listener, context, port.port);
        if (declared) placeAt(plans, declared, at);
        else place(plans, at);
      }
    }
  }
  const hidden = placeHidden(plans, context);
  return { plans: plans.all, hidden };
}

const ANYWHERE = (port: number): EgressAddress => ({ address: ANY, port, binds: false });

/** Ports below that are the root user's, and a proxy is none. Istio: the same. */
const FIRST_FREE_PORT = 1024;

function canBind(at: EgressAddress, context: Context): boolean {
  const isFree = !at.binds || at.port === 0 || at.port >= FIRST_FREE_PORT;
  const { sidecar } = context.scope;
  if (!isFree && sidecar && context.proxy.interception !== 'NONE') {
    const { namespace = '', name } = sidecar.metadata;
    context.report({ kind: 'Sidecar', namespace, name, field: 'spec.egress', reason: `port ${at.port} cannot be bound by a proxy that is not root: only ports from ${FIRST_FREE_PORT}` });
  }
  return isFree;
}

/** All services of a listener with an address of its own: HTTP by host, TLS by name, and for other bytes the first of them. */
function placeAt(plans: Plans, declared: EgressAddress, at: Placement): void {
  if (!canBind(declared, at.context)) return;
  const plan = plans.at(declared);
  const { protocol } = at.port;
  if (isHttp(protocol) || isDetected(protocol)) markDynamic(plan, at.service).http ??= egressListenerName(declared);
  if (!isHttp(protocol)) plans.add(plan, chains(at, true), at.origins());
}

/** Listeners by address and port. A name or a subnet can lead to one place only: the first keeps it, as do those that take
 * all the rest. */
class Plans {
  readonly #byName = new Map<string, OutboundPlan>();
  readonly #anywhere = new Map<number, OutboundPlan>();
  readonly #narrow = new Map<OutboundPlan, DistinctChains>();

  get all(): OutboundPlan[] {
    return [...this.#byName.values()];
  }

  find(address: string, port: number): OutboundPlan | undefined {
    return this.#byName.get(`${address}_${port}`);
  }

  /** What is captured on a port, whatever the address: asked for by every service that has it. */
  anywhere(port: number): OutboundPlan {
    return this.#anywhere.getOrInsertComputed(port, () => this.at(ANYWHERE(port)));
  }

  at(at: EgressAddress): OutboundPlan {
    const name = egressListenerName(at);
    return this.#byName.getOrInsertComputed(name, () => ({ name, ...at, chains: [], origins: [] }));
  }

  add(plan: OutboundPlan, chains: readonly OutboundChain[], origins: readonly Origin[]): void {
    plan.origins.push(...origins);
    const narrow = this.#narrow.getOrInsertComputed(plan, () => new DistinctChains());
    for (const chain of chains) {
      if (chain.serverNames.length === 0 && chain.subnets.length === 0) plan.fallback ??= chain;
      else plan.chains.push(...narrow.claim(chain));
    }
  }
}

interface Placement {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly context: Context;
  readonly origins: () => readonly Origin[];
}

function place(plans: Plans, at: Placement): void {
  const { service, port, context } = at;
  if (isHttp(port.protocol)) markDynamic(plans.anywhere(port.port), service).http = String(port.port);
  if (isHeadless(service)) return placePods(plans, at);
  if (isHttp(port.protocol)) return;
  const addresses = addressesOf(service, context.proxy);
  const ranges = addresses.filter((a) => a.includes('/'));
  for (const address of addresses.filter((a) => !a.includes('/'))) {
    const plan = plans.at({ address, port: port.port, binds: false });
    if (isDetected(port.protocol)) markDynamic(plan, service).http ??= ownRoutes(at);
    plans.add(plan, chains(at, false), at.origins());
  }
  if (ranges.length > 0) plans.add(plans.anywhere(port.port), chains(at, false).map((c) => ({ ...c, subnets: c.subnets.length > 0 ? c.subnets : ranges })), at.origins());
  if (addresses.length > 0) return;
  const shared = plans.anywhere(port.port);
  if (isDetected(port.protocol)) markDynamic(shared, service).http ??= String(port.port);
  plans.add(shared, chains(at, true), at.origins());
}

function markDynamic(plan: OutboundPlan, { resolution }: MeshService): OutboundPlan {
  if (resolution === 'dynamic-dns') plan.resolvesHosts = true;
  return plan;
}

/** Routes of one service alone: where the address has told which it is. */
const ownRoutes = ({ service, port }: Placement): string => `${service.host}:${port.port}`;

/** Calls to the pods' own addresses, whatever name the client uses. Pods listen on the port that the service points at. */
function placePods(plans: Plans, at: Placement): void {
  const { service, port } = at;
  const http = isHttp(port.protocol) || isDetected(port.protocol) ? { http: ownRoutes(at) } : {};
  for (const [target, subnets] of podsByPort(at.context, service, port)) {
    plans.add(plans.anywhere(target), chains(at, false).map((c) => (c.subnets.length === 0 ? { ...c, subnets, ...(c.serverNames.length === 0 ? http : {}) } : c)), at.origins());
  }
}

function podsByPort(context: Context, service: MeshService, port: ServicePort): Map<number, string[]> {
  const endpoints = context.snapshot.endpoints.get(service.key)?.byPort.get(port.port) ?? [];
  return new Map([...Map.groupBy(endpoints, (e) => e.port)].map(([target, list]) => [target, list.map((e) => e.address)]));
}

/** What a scope hides must not be called in plaintext when it takes mutual TLS: its addresses lead to the mesh's own
 * passthrough. A port whose endpoints differ in this is never hidden.
 * @returns addresses for which no listener stands in the way */
function placeHidden(plans: Plans, context: Context): string[] {
  const byListener = new Map<OutboundPlan, Set<string>>();
  const rest = new Set<string>();
  for (const service of context.scope.hidden) {
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || port.mutualTls === 'none' || context.scope.allows(service, port.port)) continue;
      for (const [number, addresses] of hiddenAddresses(context, service, port)) {
        const plan = plans.find(ANY, number);
        const into = plan ? byListener.getOrInsertComputed(plan, () => new Set()) : rest;
        for (const address of addresses) into.add(address);
      }
    }
  }
  for (const [plan, addresses] of byListener) plans.add(plan, [hiddenChain([...addresses].sort())], []);
  return [...rest].sort();
}

export const hiddenChain = (subnets: readonly string[]): OutboundChain => ({ serverNames: [], subnets, targets: [{ cluster: MESH_PASSTHROUGH_CLUSTER, weight: 1 }] });

function hiddenAddresses(context: Context, service: MeshService, port: ServicePort): Iterable<[number, readonly string[]]> {
  return isHeadless(service) ? podsByPort(context, service, port) : [[port.port, addressesOf(service, context.proxy)]];
}

function chains({ service, port, context }: Placement, bySni: boolean): OutboundChain[] {
  const view = { context, port: port.port, gateways: MESH };
  return l4Routes(service, port, { view, bySni });
}

/** Names of routes that these listeners need. */
export const routeNames = ({ plans }: Outbound): string[] =>
  [...new Set(plans.flatMap((p) => [p.http, ...p.chains.map((c) => c.http)]).filter((name) => name !== undefined))];
