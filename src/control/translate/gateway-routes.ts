import { create } from '@bufbuild/protobuf';
import { VirtualHost_TlsRequirementType } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import type { Context } from './context.ts';
import { boundRules, type EdgeChain } from './gateway-plan.ts';
import type { VirtualHostInit } from './outbound-routes.ts';
import { routesOf, type RouteInit } from './route.ts';

/** Routes of a gateway's HTTP port. VirtualServices of one host are merged, oldest first, catch-all routes last.
 * @param chain undefined when nothing listens under that name any more: then there are no routes */
export function buildEdgeRoutes(name: string, chain: EdgeChain | undefined, context: Context): RouteConfiguration {
  const hosts = chain ? virtualHosts(chain, context) : [];
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: hosts.length > 0 ? hosts : [{ name: `blackhole:${chain?.serverPort ?? 0}`, domains: ['*'] }],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 1_048_576,
    ignorePortInHostMatching: true,
  });
}

function virtualHosts(chain: EdgeChain, context: Context): VirtualHostInit[] {
  const byHost = new Map<string, { routes: RouteInit[]; redirects: boolean }>();
  for (const { rules, hosts, server } of boundRules(chain, context)) {
    const view = { context, port: chain.serverPort, gateways: new Set([server.gateway]), isTls: chain.kind === 'tls-http' };
    const routes = routesOf(rules, view);
    for (const host of hosts) {
      const entry = byHost.get(host) ?? { routes: [], redirects: false };
      entry.routes.push(...routes);
      entry.redirects ||= server.server.tls?.httpsRedirect === true;
      byHost.set(host, entry);
    }
  }
  for (const server of chain.servers) {
    if (server.server.tls?.httpsRedirect !== true) continue;
    for (const { host } of server.hosts) if (!byHost.has(host)) byHost.set(host, { routes: [], redirects: true });
  }
  return [...byHost].map(([host, { routes, redirects }]) => ({
    name: `${host}:${chain.serverPort}`,
    domains: [host],
    routes: sorted(routes),
    includeRequestAttemptCount: true,
    ...(redirects ? { requireTls: VirtualHost_TlsRequirementType.ALL } : {}),
  }));
}

/** Of several objects on one host, no catch-all may hide the routes of the next. */
function sorted(routes: readonly RouteInit[]): RouteInit[] {
  const isCatchAll = ({ match }: RouteInit) => match?.pathSpecifier?.case === 'prefix' && match.pathSpecifier.value === '/' && !match.headers?.length && !match.queryParameters?.length;
  return [...routes.filter((r) => !isCatchAll(r)), ...routes.filter(isCatchAll)];
}
