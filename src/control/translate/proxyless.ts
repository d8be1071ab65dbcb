/** What a gRPC client gets that speaks xDS itself, without a proxy: Istio's "proxyless gRPC". It asks for the listener under the
 * name that it dials, and follows it to routes, clusters and endpoints. Only what such clients take is put in: they refuse what
 * they do not know. Spec: gRFC A27 (ADS, balancing), A28 (splitting and routing); Istio: pilot/pkg/networking/grpcgen. */
import { create } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteSchema, VirtualHostSchema, type Route } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { RouterSchema } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshService } from '../registry/model.ts';
import type { Context } from './context.ts';
import { pack } from './message.ts';
import { outboundCluster, parseCluster } from './names.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';
import { hostRoutes, planSoleHost } from './outbound-routes.ts';
import { adsSource } from './tls.ts';

/** Addresses a client can call by itself: those of endpoints. */
const isCallable = (service: MeshService): boolean => service.resolution === 'endpoints' || service.resolution === 'passthrough';

/** The service that a client means by `host:port`, which may be any form of its name. */
function dialled(name: string, context: Context): { service: MeshService; port: number } | undefined {
  const colon = name.lastIndexOf(':');
  const [host, port] = [name.slice(0, colon), Number(name.slice(colon + 1))];
  const { clusterDomain } = context.settings;
  const service = [host, `${host}.${context.proxy.namespace}.svc.${clusterDomain}`, `${host}.svc.${clusterDomain}`, `${host}.${clusterDomain}`].map((full) => context.scope.byHost.get(full)).find((found) => found !== undefined);
  const isThere = service?.ports.some((p) => p.port === port) && context.scope.allows(service, port) && isCallable(service);
  return service && isThere ? { service, port } : undefined;
}

/** @param name as it was dialled: `echo.default.svc.cluster.local:7070` */
export function buildApiListener(name: string, context: Context): Listener | undefined {
  const found = dialled(name, context);
  if (!found) return undefined;
  const routeConfigName = outboundCluster({ port: found.port, host: found.service.host });
  const manager = pack(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'rds', value: { routeConfigName, configSource: adsSource() } },
    httpFilters: [{ name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: pack(RouterSchema) } }],
  });
  return create(ListenerSchema, { name, apiListener: { apiListener: manager } });
}

/** @param name `outbound|7070||echo.default.svc.cluster.local` */
export function buildApiRoutes(name: string, context: Context): RouteConfiguration | undefined {
  const at = parseCluster(name);
  const plan = at && planSoleHost(`${at.host}:${at.port}`, context);
  if (!plan) return undefined;
  const { routes } = create(VirtualHostSchema, hostRoutes(plan));
  const plain = routes.flatMap(plainRoute);
  if (plain.length < routes.length && plan.rules) {
    const { namespace, name: rules } = plan.rules;
    context.report({ kind: 'VirtualService', namespace, name: rules, field: 'spec.http', reason: 'gRPC clients without a proxy follow routes to destinations only: redirects and direct responses are left out for them' });
  }
  return create(RouteConfigurationSchema, { name, virtualHosts: [{ name: plan.name, domains: ['*'], routes: plain }] });
}

/** Fault, CORS, headers and rewriting are a proxy's business. */
function plainRoute({ name, match, action }: Route): Route[] {
  if (action.case !== 'route') return [];
  const { clusterSpecifier, maxStreamDuration, hashPolicy, retryPolicy: retry } = action.value;
  const retryPolicy = retry?.numRetries ? { retryOn: retry.retryOn, numRetries: retry.numRetries } : undefined;
  return [create(RouteSchema, { name, match, action: { case: 'route', value: { clusterSpecifier, maxStreamDuration, hashPolicy, retryPolicy } } })];
}

export function buildApiCluster(name: string, context: Context): Cluster | undefined {
  const at = parseCluster(name);
  const service = at && context.scope.byHost.get(at.host);
  const plan = service && isCallable(service) ? planClusters(context, service).find((p) => p.name === name) : undefined;
  if (!plan) return undefined;
  const { lbPolicy, lbConfig, circuitBreakers, outlierDetection } = buildOutboundCluster(plan, context);
  const isRing = lbPolicy === Cluster_LbPolicy.RING_HASH;
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: adsSource(), serviceName: name },
    lbPolicy: isRing ? Cluster_LbPolicy.RING_HASH : Cluster_LbPolicy.ROUND_ROBIN,
    ...(isRing ? { lbConfig } : {}),
    circuitBreakers,
    outlierDetection,
  });
}
