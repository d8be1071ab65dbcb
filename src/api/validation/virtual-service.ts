/** VirtualService. Istio: validation.ValidateVirtualService. */
import type { Issue } from '../issue.ts';
import type { L4RouteDestination, TcpRoute, TlsRoute, VirtualService } from '../virtual-service.ts';
import type { ValidationContext } from './context.ts';
import { checkDestination, type Scope } from './destination.ts';
import { checkReachable } from './http-match.ts';
import { checkHttpRoute } from './http-route.ts';
import { hostCovers } from './names.ts';
import { duplicates, eachItem, Report } from './report.ts';
import { checkExportTo, checkLabels, gatewayNameProblem, hostProblem, portProblem, rangeProblem } from './values.ts';
import { checkWeights } from './weights.ts';

export function validateVirtualService(object: VirtualService, context: ValidationContext): Issue[] {
  const report = new Report();
  const { spec } = object;
  if (!spec) {
    report.error('is missing: hosts, gateways and http of a VirtualService belong under spec');
    return report.issues;
  }
  const scope: Scope = { namespace: object.metadata?.namespace ?? 'default', context };
  const hosts = spec.hosts ?? [];
  const gateways = spec.gateways ?? [];
  // Rules without hosts are there to be delegated to.
  const isDelegate = hosts.length === 0;
  const inMesh = gateways.length === 0 || gateways.includes('mesh');
  if (isDelegate) {
    if (gateways.length > 0) report.at('gateways').error('a delegate, which has no hosts, cannot have gateways');
    if ((spec.tcp ?? []).length + (spec.tls ?? []).length > 0) report.at('hosts').error('virtual service must have at least one host: only HTTP rules can be delegated to');
  }
  eachItem(report.at('hosts'), hosts, (at, host) => {
    at.refuse(hostProblem(host));
    if (host === '*' && inMesh) at.error('wildcard host * is not allowed for virtual services bound to the mesh gateway: name the hosts, or the gateways');
  });
  for (const { index, key } of duplicates(hosts, (host) => host)) report.at('hosts', index).error(`duplicate host ${key}`);
  eachItem(report.at('gateways'), gateways, (at, name) => at.refuse(gatewayNameProblem(name)));
  if ((spec.http ?? []).length + (spec.tcp ?? []).length + (spec.tls ?? []).length === 0) report.error('http, tcp or tls must be provided in virtual service');
  eachItem(report.at('http'), spec.http, (at, route) => checkHttpRoute(at, route, scope, isDelegate));
  checkReachable(report.at('http'), spec.http ?? []);
  eachItem(report.at('tls'), spec.tls, (at, route) => checkTlsRoute(at, route, hosts, scope));
  eachItem(report.at('tcp'), spec.tcp, (at, route) => checkTcpRoute(at, route, scope));
  checkExportTo(report.at('exportTo'), spec.exportTo);
  return report.issues;
}

function checkTlsRoute(report: Report, route: TlsRoute, hosts: readonly string[], scope: Scope): void {
  if ((route.match ?? []).length === 0) report.at('match').error('TLS route must have at least one match condition');
  eachItem(report.at('match'), route.match, (at, match) => {
    if ((match.sniHosts ?? []).length === 0) at.at('sniHosts').error('TLS match must have at least one SNI host');
    eachItem(at.at('sniHosts'), match.sniHosts, (sniAt, sni) => {
      sniAt.refuse(hostProblem(sni));
      if (!hosts.some((host) => hostCovers(host, sni))) sniAt.error(`SNI host ${JSON.stringify(sni)} is not a compatible subset of any of the virtual service hosts: ${hosts.join(', ')}`);
    });
    checkL4Match(at, match);
  });
  checkL4Destinations(report.at('route'), route.route, scope);
}

function checkTcpRoute(report: Report, route: TcpRoute, scope: Scope): void {
  eachItem(report.at('match'), route.match, (at, match) => {
    checkL4Match(at, match);
    if (match.sourceSubnet !== undefined && match.sourceSubnet !== '') at.at('sourceSubnet').refuse(rangeProblem(match.sourceSubnet));
  });
  checkL4Destinations(report.at('route'), route.route, scope);
}

type L4Match = Pick<NonNullable<TcpRoute['match']>[number], 'destinationSubnets' | 'port' | 'sourceLabels' | 'gateways'>;

function checkL4Match(report: Report, match: L4Match): void {
  eachItem(report.at('destinationSubnets'), match.destinationSubnets, (at, range) => at.refuse(rangeProblem(range)));
  if (match.port !== undefined) report.at('port').refuse(portProblem(match.port));
  checkLabels(report.at('sourceLabels'), match.sourceLabels);
  eachItem(report.at('gateways'), match.gateways, (at, name) => at.refuse(gatewayNameProblem(name)));
}

function checkL4Destinations(report: Report, destinations: readonly L4RouteDestination[] | undefined, scope: Scope): void {
  if ((destinations ?? []).length === 0) report.error('needs at least one destination');
  checkWeights(report, destinations ?? []);
  eachItem(report, destinations, (at, target) => checkDestination(at.at('destination'), target.destination, scope));
}
