/** Whether a change may be one of the listeners by which a class of clients calls. To plan them is to look at every service. */
import { hostOfKey, isHeadless, isHttp, type MeshService } from '../registry/model.ts';
import type { Scope } from '../registry/scope.ts';
import type { MeshSnapshot, SnapshotDiff } from '../registry/snapshot.ts';
import { isVisible } from '../registry/visibility.ts';
import type { Context } from '../translate/context.ts';

/** Ports, addresses, TCP routes and policies stand in listeners, and the pods of headless services.
 * @param routes names of those that the listeners have now */
export function affectsListeners(diff: SnapshotDiff, { scope, snapshot }: Context, routes: readonly string[]): boolean {
  if (diff.hostPolicies.size > 0 || [...diff.routing].some((rules) => rules.tls.length + rules.tcp.length > 0)) return true;
  if (diff.services.size > 0 && (hasRulesForBytes(scope) || !areBehindShared(diff, { scope, snapshot, routes }))) return true;
  if (diff.endpoints.size === 0) return false;
  const isPods = (service: MeshService | undefined) => service !== undefined && isHeadless(service) && diff.endpoints.has(service.key);
  return [...diff.endpoints].some((key) => isPods(scope.byHost.get(hostOfKey(key)))) || scope.hidden.some(isPods);
}

/** Rules for bytes and for TLS stand in listeners, and lead to a port that the service they name may have, or what it is an alias of. */
const hasRulesForBytes = ({ routing }: Scope): boolean => routing.some(({ tls, tcp }) => tls.length + tcp.length > 0);

/** Services of which everybody sees everything, and that speak HTTP only, stand behind listeners that they share with others: who
 * comes and goes is told by routes, as long as each port has somebody. */
function areBehindShared(diff: SnapshotDiff, { scope, snapshot, routes }: { scope: Scope; snapshot: MeshSnapshot; routes: readonly string[] }): boolean {
  if (scope.sidecar || !areAlone(diff, snapshot)) return false;
  const ports = new Set<number>();
  for (const service of diff.services) {
    const { resolution, exportTo, namespace } = service;
    if (resolution === 'alias' || resolution === 'dynamic-dns' || isHeadless(service) || !isVisible(exportTo, namespace, scope.namespace)) return false;
    for (const { port, protocol } of service.ports) {
      if (!isHttp(protocol)) return false;
      ports.add(port);
    }
  }
  const isServed = (port: number) => scope.services.some((service) => service.resolution !== 'alias' && service.ports.some((p) => p.port === port && isHttp(p.protocol)));
  return ports.values().every((port) => routes.includes(String(port)) && isServed(port));
}

/** Each has, and had, its host for itself, so that none hides another. The same for all clients. */
function areAlone(diff: SnapshotDiff, { services }: MeshSnapshot): boolean {
  let answer = known.get(diff);
  if (answer === undefined) {
    const hosts = new Set(diff.services.values().map(({ host }) => host));
    const now = new Set(services.filter(({ host }) => hosts.has(host)));
    answer = haveHosts(now) && haveHosts(diff.services.difference(now)) && now.isSubsetOf(diff.services);
    known.set(diff, answer);
  }
  return answer;
}

const haveHosts = (services: ReadonlySet<MeshService>): boolean => new Set(services.values().map(({ host }) => host)).size === services.size;

const known = new WeakMap<SnapshotDiff, boolean>();
