import { create } from '@bufbuild/protobuf';
import type { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { isDetected, isHttp, type MeshService } from '../registry/model.ts';
import { MESH_GATEWAY } from '../registry/virtual-services.ts';
import type { Context } from './context.ts';
import { ZERO_DURATION, type Init } from './message.ts';
import { outboundCluster, PASSTHROUGH_CLUSTER } from './names.ts';
import { retryPolicy } from './retry.ts';
import { hashPolicies, routesOf, type RouteInit, type RouteView } from './route.ts';

export type VirtualHostInit = Init<typeof VirtualHostSchema>;

const MESH: ReadonlySet<string> = new Set([MESH_GATEWAY]);

/** Routes of a sidecar's listener. Names: `9080` for all HTTP services on that port, `host:port` for one service whose
 * protocol is detected. An unknown name gives a configuration that has no route for anything. */
export function buildOutboundRoutes(name: string, context: Context): RouteConfiguration {
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(colon + 1));
  const only = colon < 0 ? undefined : context.scope.byHost.get(name.slice(0, colon));
  const hosts = colon < 0 ? sharedHosts(context, port) : only ? [serviceHost(only, { context, port, gateways: MESH }, ['*'])] : [];
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: colon < 0 ? [...withoutClashes(hosts), fallbackHost(context)] : hosts,
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 1_048_576,
    ignorePortInHostMatching: true,
  });
}

function sharedHosts(context: Context, port: number): VirtualHostInit[] {
  const { scope } = context;
  const view: RouteView = { context, port, gateways: MESH };
  const hosts: VirtualHostInit[] = [];
  for (const service of scope.services) {
    if (!service.ports.some((p) => p.port === port && (isHttp(p.protocol) || isUnaddressed(service, p.protocol))) || !scope.allows(service, port)) continue;
    hosts.push(serviceHost(service, view, domains(service, context)));
  }
  return [...hosts, ...bareHosts(view)];
}

/** A detected port of a service without address of its own shares the port's listener. */
const isUnaddressed = (service: MeshService, protocol: Parameters<typeof isDetected>[0]): boolean => isDetected(protocol) && service.addresses.length === 0 && service.resolution !== 'passthrough';

function serviceHost(service: MeshService, view: RouteView, names: string[]): VirtualHostInit {
  const rules = view.context.scope.rulesFor(service.host, 'http');
  const routes = rules ? routesOf(rules, view) : [defaultRoute(service, view)];
  return { name: `${service.host}:${view.port}`, domains: names, routes, includeRequestAttemptCount: true };
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
        maxStreamDuration: { maxStreamDuration: ZERO_DURATION, grpcTimeoutHeaderMax: ZERO_DURATION },
        retryPolicy: retryPolicy(undefined, { fallback: view.context.settings.config.defaultHttpRetryPolicy, keepsHost: hashPolicy.length > 0 }),
        hashPolicy,
      },
    },
  };
}

/** VirtualServices for names that are no service: they have no port of their own and stand on port 80. */
function bareHosts(view: RouteView): VirtualHostInit[] {
  if (view.port !== 80) return [];
  const { scope } = view.context;
  return scope.routing.flatMap((rules) =>
    rules.hosts
      .filter((host) => rules.http.length > 0 && !scope.byHost.has(host))
      .map((host): VirtualHostInit => ({ name: `${host}:${view.port}`, domains: [host], routes: routesOf(rules, view), includeRequestAttemptCount: true })),
  );
}

/** Names by which clients in the proxy's namespace may call a service. */
export function domains(service: MeshService, context: Context): string[] {
  const plain = service.addresses.filter((address) => !address.includes('/')).map((address) => (address.includes(':') ? `[${address}]` : address));
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
function fallbackHost(context: Context): VirtualHostInit {
  const match = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
  if (context.scope.outbound === 'REGISTRY_ONLY') {
    return { name: 'block_all', domains: ['*'], routes: [{ name: 'block_all', match, action: { case: 'directResponse', value: { status: 502 } } }], includeRequestAttemptCount: true };
  }
  const value = { clusterSpecifier: { case: 'cluster' as const, value: PASSTHROUGH_CLUSTER }, timeout: ZERO_DURATION };
  return { name: 'allow_any', domains: ['*'], routes: [{ name: 'allow_any', match, action: { case: 'route', value } }], includeRequestAttemptCount: true };
}

/** A name can stand in one virtual host only: the first keeps it. The catch-all is ours. */
export function withoutClashes(hosts: readonly VirtualHostInit[]): VirtualHostInit[] {
  const taken = new Set<string>(['*']);
  return hosts.flatMap((host) => {
    const free = (host.domains ?? []).filter((domain) => !taken.has(domain.toLowerCase()));
    for (const domain of free) taken.add(domain.toLowerCase());
    return free.length > 0 ? [{ ...host, domains: free }] : [];
  });
}
