import { create } from '@bufbuild/protobuf';
import type { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { isDetected, isHeadless, isHttp, type MeshService, type Protocol, type ServicePort } from '../registry/model.ts';
import { originOf } from '../registry/origin.ts';
import { aliasChain } from '../registry/scope.ts';
import { MESH_GATEWAY, type RoutingRules } from '../registry/virtual-services.ts';
import { addressesOf, countsAttempts, hostPolicy, type Context } from './context.ts';
import { hidesDelivery } from './delivery.ts';
import { declaredRoutes, egressAddress, egressProtocol, type DeclaredRoutes } from './egress-listeners.ts';
import { ZERO_DURATION, type Init } from './message.ts';
import { configMetadata, originMetadata, outboundCluster, DYNAMIC_DNS_CLUSTER, PASSTHROUGH_CLUSTER } from './names.ts';
import { retryPolicy } from './retry.ts';
import { hashPolicies, routesOf, type RouteInit, type RouteView } from './route.ts';

export type VirtualHostInit = Init<typeof VirtualHostSchema>;

const MESH: ReadonlySet<string> = new Set([MESH_GATEWAY]);

/** What a virtual host is called, and what it stands for. */
export interface HostTitle {
  readonly name: string;
  /** Undefined for a name that is no service. */
  readonly service?: MeshService;
  readonly rules?: RoutingRules;
}

/** One virtual host to be made. Its routes depend on less than its names, and are shared by more proxies. It holds all that there
 * was when it was planned: what lives longer keeps the title. */
export interface HostPlan extends HostTitle {
  readonly domains: readonly string[];
  readonly view: RouteView;
}

export const titleOf = ({ name, service, rules }: HostPlan): HostTitle => ({ name, ...(service ? { service } : {}), ...(rules ? { rules } : {}) });

/** What a sidecar's listener routes to. Names: `9080` for all HTTP services on that port, `host:port` for one service whose
 * protocol is detected. An unknown name leads nowhere. */
export function planHosts(name: string, context: Context): HostPlan[] {
  const declared = declaredRoutes(name, context);
  if (declared) return declaredHosts(declared, context);
  if (isShared(name)) {
    const { view } = routesAt(name, context);
    return withoutClashes(sharedHosts(context).flatMap((host) => planSharedHost(host, view) ?? []));
  }
  const plan = planSoleHost(name, context);
  return plan ? [plan] : [];
}

/** Routes of all services on a port, and not of one service. */
export const isShared = (name: string): boolean => !name.includes(':');

/** Whose routes they are, and for which port: the host is '' when they are shared. */
export function routesAt(name: string, context: Context): { host: string; view: RouteView } {
  const colon = name.lastIndexOf(':');
  return { host: name.slice(0, Math.max(0, colon)), view: { context, port: Number(name.slice(colon + 1)), gateways: MESH } };
}

export function planSoleHost(name: string, context: Context): HostPlan | undefined {
  const { host, view } = routesAt(name, context);
  const only = context.scope.byHost.get(host);
  return only && serviceHost(only, view, ['*']);
}

/** Hosts that may stand in shared routes: services, and names of VirtualServices that are none. */
export function sharedHosts({ scope }: Context): string[] {
  const bare = new Set(scope.routing.flatMap((rules) => (rules.http.length > 0 ? rules.hosts.filter((host) => !scope.byHost.has(host)) : [])));
  return [...scope.byHost.keys(), ...bare];
}

/** A host's part in shared routes, before names are given out. VirtualServices for names that are no service have no port of
 * their own and stand on port 80. */
export function planSharedHost(host: string, view: RouteView): HostPlan | undefined {
  const { context, port } = view;
  const named = context.scope.byHost.get(host);
  if (named) {
    const service = named.aliasOf === undefined ? named : context.scope.byHost.get(aliasChain(named, context.scope.byHost).at(-1) ?? '');
    return service?.ports.some((p) => p.port === port && isShareable(service, p, context)) ? serviceHost(service, view, domains(named, context), named) : undefined;
  }
  const rules = port === 80 ? context.scope.bareRules(host) : undefined;
  return rules && { name: `${host}:${port}`, domains: [host], rules, view };
}

/** Everything about a RouteConfiguration but its virtual hosts. */
export const routesHead = (name: string, ignorePortInHostMatching = true): Init<typeof RouteConfigurationSchema> => ({
  name, validateClusters: false, maxDirectResponseBodySizeBytes: 1_048_576, ignorePortInHostMatching, ...hidesDelivery,
});

/** Whether `reviews:9080` is the same host as `reviews`: not where one listener stands for all ports. */
export const ignoresPorts = (name: string, context: Context): boolean => declaredRoutes(name, context)?.isForAnyPort !== true;

/** Hosts of a listener with an address of its own. Where it stands for all ports, the host in the request has to say which. */
export function declaredHosts({ at, isForAnyPort, takes }: DeclaredRoutes, context: Context): HostPlan[] {
  const services = context.scope.services.filter((service) => service.aliasOf === undefined && takes(service));
  return withoutClashes(services.flatMap((service) => service.ports.flatMap((port) => {
    const isMeant = isForAnyPort ? isHttp(port.protocol) || isDetected(port.protocol) : port.port === at.port;
    if (!isMeant) return [];
    const names = domains(service, context);
    return [serviceHost(service, { context, port: port.port, gateways: MESH }, isForAnyPort ? [...names.map((host) => `${host}:${port.port}`), ...(port.port === 80 ? names : [])] : names)];
  })));
}

/** The virtual host for hosts that none of the others is for; routes of one service have none. Who called an address that the
 * proxy has bound called nobody else, so there is nobody to pass an unknown host on to. */
export function unknownHost(name: string, context: Context): VirtualHostInit | undefined {
  const declared = declaredRoutes(name, context);
  if (!declared && !isShared(name)) return undefined;
  return declared?.at.binds || context.proxy.interception === 'NONE' ? blockAll(context) : fallbackHost(context);
}

/** The routes of a virtual host, without its names. */
export function hostRoutes({ service, rules, view }: HostPlan): VirtualHostInit {
  const routes = rules ? routesOf(rules, view) : service ? [defaultRoute(service, view)] : [];
  // Also said when none of the rules is for a request.
  return { routes, includeRequestAttemptCount: countsAttempts(view.context), ...(rules ? { metadata: configMetadata('virtual-service', rules) } : {}) };
}

/** Services whose own objects decide how the routes of a virtual host come out. */
export const hostsBehind = ({ service, rules }: HostPlan): Set<string> =>
  new Set([...(service ? [service.host] : []), ...(rules?.http ?? []).flatMap((r) => [...(r.route ?? []).map((d) => d.destination.host), ...(r.mirror ? [r.mirror.host] : []), ...(r.mirrors ?? []).map((m) => m.destination.host)])]);

/** Objects that the routes of a virtual host are made from: unchanged objects, unchanged routes. */
export function hostDependencies(plan: HostPlan): unknown[] {
  const { service, rules } = plan;
  const { context } = plan.view;
  const services = [...hostsBehind(plan)].map((host) => context.scope.byHost.get(host));
  return [service, rules, context.settings, ...services, ...services.map((s) => s && hostPolicy(context, s))];
}

/** A whole RouteConfiguration, made in one piece. */
export function buildOutboundRoutes(name: string, context: Context): RouteConfiguration {
  const hosts = planHosts(name, context).map((plan): VirtualHostInit => ({ name: plan.name, domains: [...plan.domains], ...hostRoutes(plan) }));
  const unknown = unknownHost(name, context);
  return create(RouteConfigurationSchema, { ...routesHead(name, ignoresPorts(name, context)), virtualHosts: unknown ? [...hosts, unknown] : hosts });
}

/** HTTP, or it may be; not at an address of an egress listener's own. */
function isShareable(service: MeshService, port: ServicePort, context: Context): boolean {
  return context.scope.listenersOf(service, port.port).some((listener) => {
    const protocol = egressProtocol(listener, port);
    return egressAddress(listener, context, port.port) === undefined && (isHttp(protocol) || isUnaddressed(service, protocol, context));
  });
}

/** A detected port of a service without address of its own shares the port's listener. */
const isUnaddressed = (service: MeshService, protocol: Protocol, context: Context): boolean => isDetected(protocol) && addressesOf(service, context.proxy).length === 0 && !isHeadless(service);

/** @param named by which the service is called; rules for an alias come before those for what it leads to */
function serviceHost(service: MeshService, view: RouteView, names: string[], named = service): HostPlan {
  const { rulesFor } = view.context.scope;
  return { name: `${named.host}:${view.port}`, domains: names, service, rules: rulesFor(named.host, 'http') ?? rulesFor(service.host, 'http'), view };
}

/** Where requests go that no VirtualService speaks about: to the service itself. */
export function defaultRoute(service: MeshService, view: Pick<RouteView, 'context' | 'port'>): RouteInit {
  const hashPolicy = hashPolicies({ host: service.host, port: { number: view.port } }, view);
  return {
    name: 'default',
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    decorator: { operation: `${service.host}:${view.port}/*` },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: outboundCluster({ port: view.port, host: service.host }) },
        timeout: ZERO_DURATION,
        maxGrpcTimeout: ZERO_DURATION,
        retryPolicy: retryPolicy(undefined, { fallback: view.context.settings.config.defaultHttpRetryPolicy, keepsHost: hashPolicy.length > 0 }),
        hashPolicy,
      },
    },
  };
}

/** Names by which clients in the proxy's namespace may call a service. */
export function domains(service: MeshService, context: Context): string[] {
  const plain = addressesOf(service, context.proxy).filter((address) => !address.includes('/')).map((address) => (address.includes(':') ? `[${address}]` : address));
  const suffix = `.svc.${context.settings.clusterDomain}`;
  const names = [service.host];
  if (service.origin === 'Kubernetes' && service.host.endsWith(suffix)) {
    const { name, namespace } = service;
    if (namespace === context.proxy.namespace) names.push(name);
    names.push(`${name}.${namespace}`, `${name}.${namespace}.svc`);
    if (service.resolution === 'passthrough') names.push(...names.filter((n) => n.includes('.')).map((n) => `*.${n}`));
  }
  return [...names, ...plain];
}

function blockAll(context: Context): VirtualHostInit {
  const match = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
  const { sidecar } = context.scope;
  const metadata = originMetadata(sidecar?.spec?.outboundTrafficPolicy ? [originOf('Sidecar', sidecar.metadata)] : []);
  return { name: 'block_all', domains: ['*'], metadata, routes: [{ name: 'block_all', match, action: { case: 'directResponse', value: { status: 502 } } }], includeRequestAttemptCount: countsAttempts(context) };
}

/** Everything else: let through, or refused. */
export function fallbackHost(context: Context): VirtualHostInit {
  if (context.scope.outbound === 'REGISTRY_ONLY') return blockAll(context);
  const match = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
  const value = { clusterSpecifier: { case: 'cluster' as const, value: context.scope.outbound === 'ALLOW_ANY_DYNAMIC_DNS' ? DYNAMIC_DNS_CLUSTER : PASSTHROUGH_CLUSTER }, timeout: ZERO_DURATION };
  return { name: 'allow_any', domains: ['*'], routes: [{ name: 'allow_any', match, action: { case: 'route', value } }], includeRequestAttemptCount: countsAttempts(context) };
}

/** The order in which hosts take names: services first, then by name. */
export const precedence = ({ service, name }: HostTitle): string => `${service ? 0 : 1} ${name}`;

/** Names of virtual hosts count in any case. The catch-all is ours. */
export const claims = ({ domains: names }: HostPlan): Map<string, string> => new Map(names.filter((name) => name !== '*').map((name) => [name.toLowerCase(), name]));

/** A name can stand in one virtual host only: the first keeps it. */
function withoutClashes(hosts: readonly HostPlan[]): HostPlan[] {
  const taken = new Set<string>();
  return hosts.toSorted((a, b) => (precedence(a) < precedence(b) ? -1 : 1)).flatMap((host) => {
    const free = [...claims(host)].filter(([key]) => !taken.has(key));
    for (const [key] of free) taken.add(key);
    return free.length > 0 ? [{ ...host, domains: free.map(([, name]) => name) }] : [];
  });
}
