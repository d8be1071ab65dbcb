import type { Sidecar, SidecarEgress } from '../../api/sidecar.ts';
import type { Stored } from '../../kube/object.ts';
import { hostCovers, isWildcard, mostSpecific } from './hosts.ts';
import type { MeshService, MeshSettings, ServicePort } from './model.ts';
import { byAge } from './policies.ts';
import { isVisible, labelsMatch } from './visibility.ts';
import { MESH_GATEWAY, type RoutingRules } from './virtual-services.ts';

/** The part of the mesh that some proxies see: by namespace, exportTo and Sidecar object. Shared by all of them. */
export interface Scope {
  /** Equal for proxies that share it. */
  readonly key: string;
  readonly namespace: string;
  /** Sorted by host, so that what is made of them does not depend on the order in which objects were created. */
  readonly services: readonly MeshService[];
  /** Services of the mesh that calls can reach although they are out of sight: all of them, when what is unknown is let
   * through. None when it is refused. */
  readonly hidden: readonly MeshService[];
  readonly byHost: ReadonlyMap<string, MeshService>;
  /** For sidecars, oldest first. */
  readonly routing: readonly RoutingRules[];
  readonly outbound: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  readonly sidecar?: Stored<Sidecar>;
  /** The rules for a host: of the most specific VirtualService host that covers it; of equals, the oldest that says
   * something about HTTP, or about TLS and TCP. */
  readonly rulesFor: (host: string, about: 'http' | 'l4') => RoutingRules | undefined;
  /** The oldest rules about HTTP that name just this host. */
  readonly bareRules: (host: string) => RoutingRules | undefined;
  /** False when the service is out of sight, or an egress listener for that port leaves it out. */
  readonly allows: (service: MeshService, port: number) => boolean;
}

export interface ScopeInputs {
  readonly namespace: string;
  readonly sidecar?: Stored<Sidecar>;
  readonly services: readonly MeshService[];
  readonly routing: readonly RoutingRules[];
  readonly settings: MeshSettings;
}

/** The Sidecar object of a workload: one that selects it, then its namespace's, then the root namespace's. */
export function sidecarFor(objects: readonly Stored<Sidecar>[], subject: { namespace: string; labels: Readonly<Record<string, string>> }, rootNamespace: string): Stored<Sidecar> | undefined {
  const ordered = objects.toSorted(byAge);
  const own = ordered.filter((s) => s.metadata.namespace === subject.namespace);
  const selector = (s: Stored<Sidecar>) => s.spec?.workloadSelector?.labels;
  const hasSelector = (s: Stored<Sidecar>) => Object.keys(selector(s) ?? {}).length > 0;
  return (
    own.find((s) => hasSelector(s) && labelsMatch(selector(s), subject.labels)) ??
    own.find((s) => !hasSelector(s)) ??
    ordered.find((s) => s.metadata.namespace === rootNamespace && !hasSelector(s))
  );
}

export function buildScope(inputs: ScopeInputs): Scope {
  const { namespace, sidecar, settings } = inputs;
  const egress = sidecar?.spec?.egress;
  const outbound = sidecar?.spec?.outboundTrafficPolicy?.mode ?? (settings.config.outboundTrafficPolicy.mode === 'REGISTRY_ONLY' ? 'REGISTRY_ONLY' : 'ALLOW_ANY');
  const sees = (s: MeshService) => isVisible(s.exportTo, s.namespace, namespace) && (!egress || egress.some((e) => imports(e, s.host, s.namespace, namespace)));
  const byHost = new Map<string, MeshService>();
  for (const service of inputs.services) {
    if (!sees(service)) continue;
    const other = byHost.get(service.host);
    if (!other || isPreferred(service, other, namespace)) byHost.set(service.host, service);
  }
  if (outbound !== 'REGISTRY_ONLY') for (const service of inputs.services) if (!byHost.has(service.host) && service.ports.some(isMixed)) byHost.set(service.host, service);
  const imported = allowance(egress, namespace);
  const allows: Scope['allows'] = (service, port) =>
    byHost.get(service.host) === service && ((sees(service) && imported(service, port)) || (outbound !== 'REGISTRY_ONLY' && service.ports.some((p) => p.port === port && isMixed(p))));
  const routing = inputs.routing.filter(
    (r) => r.gateways.has(MESH_GATEWAY) && isVisible(r.exportTo, r.namespace, namespace) && (!egress || r.hosts.some((h) => egress.some((e) => imports(e, h, r.namespace, namespace)))),
  );
  return {
    key: sidecar ? `${namespace}~${sidecar.metadata.namespace}/${sidecar.metadata.name}` : namespace,
    namespace,
    services: [...byHost.values()].sort((a, b) => (a.host < b.host ? -1 : 1)),
    hidden: outbound === 'REGISTRY_ONLY' ? [] : inputs.services.filter((s) => !s.isMeshExternal && s.ports.some((p) => !allows(s, p.port))),
    byHost,
    routing,
    outbound,
    sidecar,
    ...rulesIndex(routing),
    allows,
  };
}

/** Only the service's own cluster can tell which endpoints of such a port take mutual TLS: it stays in sight, or its calls
 * would have to choose between plaintext where mutual TLS is meant and mutual TLS where nobody understands it. */
const isMixed = (port: ServicePort): boolean => port.mutualTls === 'some';

/** The client's namespace first, then Kubernetes over ServiceEntry, then the oldest. */
function isPreferred(a: MeshService, b: MeshService, namespace: string): boolean {
  if ((a.namespace === namespace) !== (b.namespace === namespace)) return a.namespace === namespace;
  if (a.origin !== b.origin) return a.origin === 'Kubernetes';
  return a.createdMs < b.createdMs;
}

function imports(egress: SidecarEgress, host: string, owner: string, viewer: string): boolean {
  return egress.hosts.some((text) => {
    const slash = text.indexOf('/');
    const from = slash < 0 ? '*' : text.slice(0, slash);
    const isFrom = from === '*' || (from === '.' && owner === viewer) || from === owner;
    return isFrom && hostCovers(text.slice(slash + 1), host);
  });
}

function allowance(egress: readonly SidecarEgress[] | undefined, namespace: string): Scope['allows'] {
  if (!egress) return () => true;
  return (service, port) => {
    const onPort = egress.filter((e) => e.port?.number === port);
    const listeners = onPort.length > 0 ? onPort : egress.filter((e) => e.port?.number === undefined);
    return listeners.some((e) => imports(e, service.host, service.namespace, namespace));
  };
}

function rulesIndex(routing: readonly RoutingRules[]): Pick<Scope, 'rulesFor' | 'bareRules'> {
  const index = { http: new Map<string, RoutingRules>(), l4: new Map<string, RoutingRules>() };
  for (const rules of routing) {
    for (const host of rules.hosts) {
      if (rules.http.length > 0 && !index.http.has(host)) index.http.set(host, rules);
      if (rules.tls.length + rules.tcp.length > 0 && !index.l4.has(host)) index.l4.set(host, rules);
    }
  }
  const wildcards = { http: [...index.http.keys()].filter(isWildcard), l4: [...index.l4.keys()].filter(isWildcard) };
  const rulesFor: Scope['rulesFor'] = (host, about) => {
    const exact = index[about].get(host);
    if (exact || wildcards[about].length === 0) return exact;
    const pattern = mostSpecific(wildcards[about], host);
    return pattern === undefined ? undefined : index[about].get(pattern);
  };
  return { rulesFor, bareRules: (host) => index.http.get(host) };
}
