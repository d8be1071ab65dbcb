import { create } from '@bufbuild/protobuf';
import type { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { isDetected, isHeadless, isHttp, type MeshService, type Protocol } from '../registry/model.ts';
import { MESH_GATEWAY, type RoutingRules } from '../registry/virtual-services.ts';
import { addressesOf, hostPolicy, type Context } from './context.ts';
import { hidesDelivery } from './delivery.ts';
import { ZERO_DURATION, type Init } from './message.ts';
import { outboundCluster, PASSTHROUGH_CLUSTER } from './names.ts';
import { retryPolicy } from './retry.ts';
import { hashPolicies, routesOf, type RouteInit, type RouteView } from './route.ts';

export type VirtualHostInit = Init<typeof VirtualHostSchema>;

const MESH: ReadonlySet<string> = new Set([MESH_GATEWAY]);

/** One virtual host to be made. Its routes depend on less than its names, and are shared by more proxies. */
export interface HostPlan {
  readonly name: string;
  readonly domains: readonly string[];
  /** Undefined for a name that is no service. */
  readonly service?: MeshService;
  readonly rules?: RoutingRules;
  readonly view: RouteView;
}

/** What a sidecar's listener routes to. Names: `9080` for all HTTP services on that port, `host:port` for one service whose
 * protocol is detected. An unknown name leads nowhere. */
export function planHosts(name: string, context: Context): HostPlan[] {
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(colon + 1));
  const view: RouteView = { context, port, gateways: MESH };
  if (colon < 0) return withoutClashes([...sharedHosts(view), ...bareHosts(view)]);
  const only = context.scope.byHost.get(name.slice(0, colon));
  return only ? [serviceHost(only, view, ['*'])] : [];
}

/** Everything about a RouteConfiguration but its virtual hosts. */
export const routesHead = (name: string): Init<typeof RouteConfigurationSchema> => ({
  name, validateClusters: false, maxDirectResponseBodySizeBytes: 1_048_576, ignorePortInHostMatching: true, ...hidesDelivery,
});

/** The routes of a virtual host, without its names. */
export function hostRoutes({ service, rules, view }: HostPlan): VirtualHostInit {
  const routes = rules ? routesOf(rules, view) : service ? [defaultRoute(service, view)] : [];
  return { routes, includeRequestAttemptCount: true };
}

/** Objects that the routes of a virtual host are made from: unchanged objects, unchanged routes. */
export function hostDependencies({ service, rules, view }: HostPlan): unknown[] {
  const { context } = view;
  const hosts = new Set([...(service ? [service.host] : []), ...(rules?.http ?? []).flatMap((r) => [...(r.route ?? []).map((d) => d.destination.host), ...(r.mirror ? [r.mirror.host] : []), ...(r.mirrors ?? []).map((m) => m.destination.host)])]);
  const services = [...hosts].map((host) => context.scope.byHost.get(host));
  return [service, rules, context.settings, ...services, ...services.map((s) => s && hostPolicy(context, s))];
}

/** A whole RouteConfiguration, made in one piece. */
export function buildOutboundRoutes(name: string, context: Context): RouteConfiguration {
  const hosts = planHosts(name, context).map((plan): VirtualHostInit => ({ name: plan.name, domains: [...plan.domains], ...hostRoutes(plan) }));
  return create(RouteConfigurationSchema, { ...routesHead(name), virtualHosts: name.includes(':') ? hosts : [...hosts, fallbackHost(context)] });
}

function sharedHosts(view: RouteView): HostPlan[] {
  const { context, port } = view;
  return context.scope.services
    .filter((service) => service.ports.some((p) => p.port === port && (isHttp(p.protocol) || isUnaddressed(service, p.protocol, context))) && context.scope.allows(service, port))
    .map((service) => serviceHost(service, view, domains(service, context)));
}

/** A detected port of a service without address of its own shares the port's listener. */
const isUnaddressed = (service: MeshService, protocol: Protocol, context: Context): boolean => isDetected(protocol) && addressesOf(service, context.proxy).length === 0 && !isHeadless(service);

function serviceHost(service: MeshService, view: RouteView, names: string[]): HostPlan {
  return { name: `${service.host}:${view.port}`, domains: names, service, rules: view.context.scope.rulesFor(service.host, 'http'), view };
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

/** VirtualServices for names that are no service: they have no port of their own and stand on port 80. */
function bareHosts(view: RouteView): HostPlan[] {
  if (view.port !== 80) return [];
  const { scope } = view.context;
  return scope.routing.flatMap((rules) =>
    rules.hosts.filter((host) => rules.http.length > 0 && !scope.byHost.has(host)).map((host): HostPlan => ({ name: `${host}:${view.port}`, domains: [host], rules, view })),
  );
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

/** Everything else: let through, or refused. */
export function fallbackHost(context: Context): VirtualHostInit {
  const match = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
  if (context.scope.outbound === 'REGISTRY_ONLY') {
    return { name: 'block_all', domains: ['*'], routes: [{ name: 'block_all', match, action: { case: 'directResponse', value: { status: 502 } } }], includeRequestAttemptCount: true };
  }
  const value = { clusterSpecifier: { case: 'cluster' as const, value: PASSTHROUGH_CLUSTER }, timeout: ZERO_DURATION };
  return { name: 'allow_any', domains: ['*'], routes: [{ name: 'allow_any', match, action: { case: 'route', value } }], includeRequestAttemptCount: true };
}

/** A name can stand in one virtual host only: the first keeps it. The catch-all is ours. */
function withoutClashes(hosts: readonly HostPlan[]): HostPlan[] {
  const taken = new Set<string>(['*']);
  return hosts.flatMap((host) => {
    const free = host.domains.filter((domain) => !taken.has(domain.toLowerCase()));
    for (const domain of free) taken.add(domain.toLowerCase());
    return free.length > 0 ? [{ ...host, domains: free }] : [];
  });
}
