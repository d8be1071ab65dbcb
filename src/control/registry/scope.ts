import type { Sidecar, SidecarEgress } from '../../api/sidecar.ts';
import type { Stored } from '../../kube/object.ts';
import { hostCovers, isWildcard, mostSpecific } from './hosts.ts';
import type { MeshService, MeshSettings } from './model.ts';
import { byAge } from './policies.ts';
import { isVisible, labelsMatch } from './visibility.ts';
import { MESH_GATEWAY, type RoutingRules } from './virtual-services.ts';

/** The part of the mesh that some proxies see: by namespace, exportTo and Sidecar object. Shared by all of them. */
export interface Scope {
  /** Equal for proxies that share it. */
  readonly key: string;
  readonly namespace: string;
  readonly services: readonly MeshService[];
  readonly byHost: ReadonlyMap<string, MeshService>;
  /** For sidecars, oldest first. */
  readonly routing: readonly RoutingRules[];
  readonly outbound: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  readonly sidecar?: Stored<Sidecar>;
  /** The rules for a host: of the most specific VirtualService host that covers it; of equals, the oldest that says
   * something about HTTP, or about TLS and TCP. */
  readonly rulesFor: (host: string, about: 'http' | 'l4') => RoutingRules | undefined;
  /** False when an egress listener for that port leaves the service out. */
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
  const seen = inputs.services.filter((s) => isVisible(s.exportTo, s.namespace, namespace) && (!egress || egress.some((e) => imports(e, s.host, s.namespace, namespace))));
  const byHost = new Map<string, MeshService>();
  for (const service of seen) {
    const other = byHost.get(service.host);
    if (!other || isPreferred(service, other, namespace)) byHost.set(service.host, service);
  }
  const routing = inputs.routing.filter(
    (r) => r.gateways.has(MESH_GATEWAY) && isVisible(r.exportTo, r.namespace, namespace) && (!egress || r.hosts.some((h) => egress.some((e) => imports(e, h, r.namespace, namespace)))),
  );
  return {
    key: sidecar ? `${namespace}~${sidecar.metadata.namespace}/${sidecar.metadata.name}` : namespace,
    namespace,
    services: [...byHost.values()],
    byHost,
    routing,
    outbound: sidecar?.spec?.outboundTrafficPolicy?.mode ?? (settings.config.outboundTrafficPolicy.mode === 'REGISTRY_ONLY' ? 'REGISTRY_ONLY' : 'ALLOW_ANY'),
    sidecar,
    rulesFor: rulesIndex(routing),
    allows: allowance(egress, namespace),
  };
}

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

function rulesIndex(routing: readonly RoutingRules[]): Scope['rulesFor'] {
  const index = { http: new Map<string, RoutingRules>(), l4: new Map<string, RoutingRules>() };
  for (const rules of routing) {
    for (const host of rules.hosts) {
      if (rules.http.length > 0 && !index.http.has(host)) index.http.set(host, rules);
      if (rules.tls.length + rules.tcp.length > 0 && !index.l4.has(host)) index.l4.set(host, rules);
    }
  }
  const wildcards = { http: [...index.http.keys()].filter(isWildcard), l4: [...index.l4.keys()].filter(isWildcard) };
  return (host, about) => {
    const exact = index[about].get(host);
    if (exact || wildcards[about].length === 0) return exact;
    const pattern = mostSpecific(wildcards[about], host);
    return pattern === undefined ? undefined : index[about].get(pattern);
  };
}
