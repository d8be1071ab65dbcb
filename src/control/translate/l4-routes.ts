/** Routes of TLS that is passed through, and of TCP: which filter chains a service needs, and where each leads. */
import type { Destination } from '../../api/common/destination.ts';
import type { L4RouteDestination, TcpMatch, TlsMatch } from '../../api/virtual-service.ts';
import { hostCovers } from '../registry/hosts.ts';
import { isTls, type MeshService, type ServicePort } from '../registry/model.ts';
import { MESH_GATEWAY, type RoutingRules } from '../registry/virtual-services.ts';
import { labelsMatch } from '../registry/visibility.ts';
import { hostPolicy } from './context.ts';
import { parseCluster } from './names.ts';
import { destinationCluster, destinationPolicy, type RouteView } from './route.ts';
import type { TcpTarget } from './tcp-proxy.ts';

export interface L4Route {
  /** Empty: any name, and connections without one. */
  readonly serverNames: readonly string[];
  readonly subnets: readonly string[];
  readonly targets: readonly TcpTarget[];
}

/** Chains for one port of a service; the last is the one for everything else.
 * @param bySni the address does not tell the service, its name has to */
export function l4Routes(service: MeshService, port: ServicePort, options: { view: RouteView; bySni: boolean }): L4Route[] {
  const { view, bySni } = options;
  const rules = view.context.scope.rulesFor(service.host, 'l4');
  const chosen = rules ? rulesRoutes(rules, view, port) : [];
  const own: L4Route = { serverNames: bySni && isTls(port.protocol) ? [service.host] : [], subnets: [], targets: [target({ host: service.host, port: { number: port.port } }, view, 1)] };
  if (chosen.some((r) => r.serverNames.length === 0 && r.subnets.length === 0)) return chosen;
  const isCovered = own.serverNames.length > 0 && chosen.some((r) => r.serverNames.some((name) => hostCovers(name, service.host)));
  return isCovered ? chosen : [...chosen, own];
}

/** TLS rules (for TLS ports), then the first TCP rule that is for this port and proxy. */
export function rulesRoutes(rules: RoutingRules, view: RouteView, port: Pick<ServicePort, 'protocol'>): L4Route[] {
  const out: L4Route[] = [];
  const seen = new Set<string>();
  if (isTls(port.protocol)) {
    for (const rule of rules.tls) {
      for (const match of rule.match) {
        const key = JSON.stringify([match.sniHosts, match.destinationSubnets]);
        if (!applies(match, view) || seen.has(key)) continue;
        seen.add(key);
        out.push({ serverNames: match.sniHosts.filter((h) => h !== '*'), subnets: match.destinationSubnets ?? [], targets: targets(rule.route, view) });
      }
    }
  }
  for (const rule of rules.tcp) {
    const match = rule.match && rule.match.length > 0 ? rule.match.find((m) => applies(m, view)) : {};
    if (!match) continue;
    const subnets = match.destinationSubnets ?? [];
    out.push({ serverNames: [], subnets, targets: targets(rule.route, view) });
    if (subnets.length === 0) break;
  }
  return out.filter((r) => r.targets.length > 0);
}

function applies(match: TlsMatch | TcpMatch, view: RouteView): boolean {
  const { proxy, labels } = view.context;
  if (match.port !== undefined && match.port !== 0 && match.port !== view.port) return false;
  if (match.gateways && match.gateways.length > 0 && !match.gateways.some((g) => view.gateways.has(g))) return false;
  if (!view.gateways.has(MESH_GATEWAY)) return match.sourceLabels === undefined && match.sourceNamespace === undefined;
  if (match.sourceNamespace && match.sourceNamespace !== proxy.namespace) return false;
  return labelsMatch(match.sourceLabels, labels);
}

/** Weights that are left out share equally. */
function targets(routes: readonly L4RouteDestination[] | undefined, view: RouteView): TcpTarget[] {
  const all = routes ?? [];
  const isWeighted = all.some((r) => (r.weight ?? 0) > 0);
  const live = all.map((r) => target(r.destination, view, isWeighted ? (r.weight ?? 0) : 1)).filter((t) => t.weight > 0);
  if (live.length > 1 && live.some((t) => t.tunnel)) reportTunnel(all.map((r) => r.destination), view);
  return live;
}

function target(destination: Destination, view: RouteView, weight: number): TcpTarget {
  const policy = destinationPolicy(destination, view);
  const { tunnel } = policy;
  const cluster = destinationCluster(destination, view);
  const isNamed = view.context.scope.byHost.get(destination.host)?.resolution === 'dynamic-dns';
  return {
    cluster,
    ...(isNamed ? { namePort: parseCluster(cluster)?.port } : {}),
    weight,
    idleTimeout: policy.connectionPool?.tcp?.idleTimeout,
    sourceHash: policy.loadBalancer?.consistentHash?.useSourceIp,
    tunnel: tunnel && { target: `${tunnel.targetHost}:${tunnel.targetPort}`, usePost: tunnel.protocol === 'POST' },
  };
}

function reportTunnel(destinations: readonly Destination[], { context }: RouteView): void {
  for (const { host } of destinations) {
    const service = context.scope.byHost.get(host);
    const policy = service && hostPolicy(context, service);
    if (policy?.trafficPolicy?.tunnel) context.report({ kind: 'DestinationRule', namespace: policy.namespace, name: policy.name, field: 'spec.trafficPolicy.tunnel', reason: 'a route with several destinations does not tunnel; route to this host alone' });
  }
}
