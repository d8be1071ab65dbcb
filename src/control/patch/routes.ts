/** Patches of route configurations, their virtual hosts and routes. */
import type { Route, VirtualHost } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { matchesOneRoute, missedHost, missedRoute, missedRoutes, type GatewayPort } from './match.ts';
import type { Pass } from './pass.ts';
import { patchList } from './patch-list.ts';

/** @param gateway what the routes are for, when they are a gateway's */
export function patchRoutes(given: RouteConfiguration, pass: Pass, gateway?: GatewayPort): RouteConfiguration {
  const routes = patchHead(given, pass, gateway);
  return { ...routes, virtualHosts: patchHosts(routes.virtualHosts, { pass, name: routes.name, gateway }) };
}

/** What is not in the virtual hosts. */
export function patchHead(given: RouteConfiguration, pass: Pass, gateway?: GatewayPort): RouteConfiguration {
  let routes = given;
  for (const patch of pass.at('ROUTE_CONFIGURATION')) if (pass.fits(patch, missedRoutes(patch, routes.name, gateway))) routes = pass.merged(patch, routes);
  return routes;
}

export interface HostsAt {
  readonly pass: Pass;
  /** Of the route configuration. */
  readonly name: string;
  readonly gateway?: GatewayPort;
}

export function patchHosts(hosts: readonly VirtualHost[], at: HostsAt): VirtualHost[] {
  const { pass, name, gateway } = at;
  return patchList<VirtualHost>(hosts, {
    place: 'VIRTUAL_HOST',
    fits: (patch) => pass.fits(patch, missedRoutes(patch, name, gateway)),
    missed: missedHost,
    isNarrow: () => true,
    inside: (host) => ({ ...host, routes: patchHostRoutes(host, at) }),
  }, pass);
}

function patchHostRoutes(host: VirtualHost, { pass, name, gateway }: HostsAt): Route[] {
  return patchList<Route>(host.routes, {
    place: 'HTTP_ROUTE',
    fits: (patch) => pass.fits(patch, missedRoutes(patch, name, gateway), missedHost(patch, host)),
    missed: missedRoute,
    isNarrow: matchesOneRoute,
  }, pass);
}
