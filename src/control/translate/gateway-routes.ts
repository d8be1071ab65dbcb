import { create } from '@bufbuild/protobuf';
import { VirtualHost_TlsRequirementType } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema, type RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { errorText } from '../../base/errors.ts';
import { originOf, type Origin } from '../registry/origin.ts';
import type { RoutingRules } from '../registry/virtual-services.ts';
import { countsAttempts, type Context } from './context.ts';
import { boundRules, foreignHosts, type EdgeChain, type EdgePlan } from './gateway-plan.ts';
import { guardsOf } from './guards.ts';
import { originMetadata } from './names.ts';
import { routesHead, type VirtualHostInit } from './outbound-routes.ts';
import { routesOf, type RouteInit, type RouteView } from './route.ts';

/** Routes of a gateway's HTTP port. VirtualServices of one host are merged, oldest first, catch-all routes last. There are none
 * when nothing listens under that name any more. */
export function buildEdgeRoutes(name: string, plan: EdgePlan, context: Context): RouteConfiguration {
  return create(RouteConfigurationSchema, { ...routesHead(name), virtualHosts: edgeHosts(name, plan, context).map(({ host }) => host) });
}

export interface EdgeHost {
  readonly host: VirtualHostInit;
  /** The Gateways, and the VirtualServices that are bound to them for this host. */
  readonly origins: readonly Origin[];
}

export function edgeHosts(name: string, plan: EdgePlan, context: Context): EdgeHost[] {
  const chain = plan.routes.get(name);
  const hosts = chain ? [...virtualHosts(chain, plan, context), ...misdirected(chain, plan)] : [];
  if (hosts.some(({ host }) => host.domains?.includes('*'))) return hosts;
  // Without routes: whatever no host is for. It only says which Gateways have not got the host.
  const origins = [...new Set((chain?.servers ?? []).map((server) => originOf('Gateway', server)))];
  return [...hosts, { host: { name: `blackhole:${chain?.serverPort ?? 0}`, domains: ['*'], metadata: originMetadata(origins) }, origins }];
}

/** Browsers use one HTTP/2 connection for every host that its certificate covers. What another server of the port is there for
 * is asked again, on a connection of its own, when the answer is 421. RFC 9110 §15.5.20 */
function misdirected(chain: EdgeChain, plan: EdgePlan): EdgeHost[] {
  return foreignHosts(chain, plan).map((host) => ({
    origins: chain.servers.map((server) => originOf('Gateway', server)),
    host: {
      name: `misdirected:${host}:${chain.serverPort}`,
      domains: [host],
      metadata: originMetadata(chain.servers.map((server) => originOf('Gateway', server))),
      routes: [{ name: 'misdirected', match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'directResponse', value: { status: 421 } } }],
    },
  }));
}

function virtualHosts(chain: EdgeChain, plan: EdgePlan, context: Context): EdgeHost[] {
  const guards = guardsOf(context);
  const foreign = new Set(foreignHosts(chain, plan));
  const byHost = new Map<string, { routes: RouteInit[]; redirects: boolean; origins: Set<Origin> }>();
  for (const { rules, hosts, server } of boundRules(chain, context)) {
    const view = { context, port: chain.serverPort, gateways: new Set([server.gateway]), isTls: chain.kind === 'tls-http' };
    const routes = routesOrNone(rules, view);
    for (const host of hosts) {
      if (foreign.has(host)) continue;
      const entry = byHost.get(host) ?? { routes: [], redirects: false, origins: new Set() };
      for (const origin of [originOf('Gateway', server), ...rules.origins]) entry.origins.add(origin);
      entry.routes.push(...routes);
      entry.redirects ||= server.server.tls?.httpsRedirect === true;
      byHost.set(host, entry);
    }
  }
  for (const server of chain.servers) {
    if (server.server.tls?.httpsRedirect !== true) continue;
    for (const { host } of server.hosts) if (!byHost.has(host)) byHost.set(host, { routes: [], redirects: true, origins: new Set([originOf('Gateway', server)]) });
  }
  return [...byHost].map(([host, { routes, redirects, origins }]) => ({
    origins: [...origins],
    host: {
      name: `${host}:${chain.serverPort}`,
      domains: [host],
      routes: sorted(routes),
      // Who sends to https is the Gateway; none of the rules is asked then.
      metadata: originMetadata([...[...origins].filter((origin) => origin.startsWith('Gateway ') === redirects), ...guards]),
      includeRequestAttemptCount: countsAttempts(context),
      ...(redirects ? { requireTls: VirtualHost_TlsRequirementType.ALL } : {}),
    },
  }));
}

/** Rules that cannot be translated are left out, and no others with them. */
function routesOrNone(rules: RoutingRules, view: RouteView): RouteInit[] {
  try {
    return routesOf(rules, view);
  } catch (error) {
    view.context.report({ kind: 'VirtualService', namespace: rules.namespace, name: rules.name, reason: errorText(error) });
    return [];
  }
}

/** Of several objects on one host, no catch-all may hide the routes of the next. */
function sorted(routes: readonly RouteInit[]): RouteInit[] {
  const isCatchAll = ({ match }: RouteInit) => match?.pathSpecifier?.case === 'prefix' && match.pathSpecifier.value === '/' && !match.headers?.length && !match.queryParameters?.length;
  return [...routes.filter((r) => !isCatchAll(r)), ...routes.filter(isCatchAll)];
}
