import type { MeshConfig } from '../../api/mesh-config.ts';
import type { Sidecar, SidecarEgress } from '../../api/sidecar.ts';
import type { Stored } from '../../kube/object.ts';
import { hostCovers, isWildcard, mostSpecific } from './hosts.ts';
import type { MeshService, MeshSettings, ServicePort } from './model.ts';
import { byAge } from './by-age.ts';
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
  readonly outbound: MeshConfig['outboundTrafficPolicy']['mode'];
  readonly sidecar?: Stored<Sidecar>;
  /** The rules for a host: of the most specific VirtualService host that covers it; of equals, the oldest that says
   * something about HTTP, or about TLS and TCP. */
  readonly rulesFor: (host: string, about: 'http' | 'l4') => RoutingRules | undefined;
  /** The oldest rules about HTTP that name just this host. */
  readonly bareRules: (host: string) => RoutingRules | undefined;
  /** Hosts of aliases that lead to a host. */
  readonly aliasesOf: ReadonlyMap<string, readonly string[]>;
  /** Egress listeners that bring in a port of a service: those for that port, else the catch-all; none when it is out of sight.
   * Without a Sidecar object, and for what is in sight although its scope hides it, one that says nothing. */
  readonly listenersOf: (service: MeshService, port: number) => readonly SidecarEgress[];
  /** Whether captured calls to a port of the service are meant for it. */
  readonly allows: (service: MeshService, port: number) => boolean;
  /** Whether an egress listener of the Sidecar object brings in the service. */
  readonly imports: (listener: SidecarEgress, service: MeshService) => boolean;
  /** Whether the port can be called in any way. */
  readonly reaches: (service: MeshService, port: number) => boolean;
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
  const outbound = sidecar?.spec?.outboundTrafficPolicy?.mode ?? settings.config.outboundTrafficPolicy.mode;
  const common = egress ? undefined : commonSight(inputs.services);
  const { seen, byHost } = common ?? sightOf(inputs);
  const isOpen = outbound !== 'REGISTRY_ONLY';
  if (isOpen && !common) for (const service of inputs.services) if (!byHost.has(service.host) && service.ports.some(isMixed)) byHost.set(service.host, service);
  const listenersOf: Scope['listenersOf'] = (service, port) => {
    if (byHost.get(service.host) !== service) return NONE;
    if (!egress && seen.has(service)) return ALL;
    const found = listenersOn(egress, port).filter((e) => seen.get(service)?.includes(e));
    if (found.length > 0) return found;
    return isOpen && service.ports.some((p) => p.port === port && isMixed(p)) ? ALL : NONE;
  };
  const allows: Scope['allows'] = (service, port) => listenersOf(service, port).length > 0;
  const takesRequests = (settings.config.proxyHttpPort ?? 0) > 0;
  const routing = !egress && isCommon(inputs.routing) ? inputs.routing : inputs.routing.filter(
    (r) => r.gateways.has(MESH_GATEWAY) && isVisible(r.exportTo, r.namespace, namespace) && (!egress || r.hosts.some((h) => egress.some((e) => imports(e, h, r.namespace, namespace)))),
  );
  return {
    key: sidecar ? `${namespace}~${sidecar.metadata.namespace}/${sidecar.metadata.name}` : namespace,
    namespace,
    services: common ? byName(inputs.services) : byName([...byHost.values()]),
    hidden: !isOpen || common ? [] : inputs.services.filter((s) => !s.isMeshExternal && s.ports.some((p) => !allows(s, p.port))),
    byHost,
    routing,
    outbound,
    sidecar,
    ...rulesIndex(routing),
    aliasesOf: common ? common.aliasesOf : aliasIndex(byHost),
    listenersOf,
    allows,
    imports: (listener, service) => byHost.get(service.host) === service && seen.get(service)?.includes(listener) === true,
    reaches: (service, port) => allows(service, port) || (byHost.get(service.host) === service && (takesRequests || seen.get(service)?.some(isForAnyPort) === true)),
  };
}

/** Which services a namespace sees, and by which egress listeners. */
interface Sight {
  readonly seen: ReadonlyMap<MeshService, readonly SidecarEgress[]>;
  readonly byHost: Map<string, MeshService>;
}

function sightOf({ services, namespace, sidecar }: Pick<ScopeInputs, 'services' | 'namespace' | 'sidecar'>): Sight {
  const egress = sidecar?.spec?.egress;
  const seen = new Map<MeshService, readonly SidecarEgress[]>();
  const byHost = new Map<string, MeshService>();
  for (const service of byName(services)) {
    if (!isVisible(service.exportTo, service.namespace, namespace)) continue;
    const importers = egress ? egress.filter((e) => imports(e, service.host, service.namespace, namespace)) : ALL;
    if (importers.length === 0) continue;
    seen.set(service, importers);
    const other = byHost.get(service.host);
    if (!other || isPreferred(service, other, namespace)) byHost.set(service.host, service);
  }
  return { seen, byHost };
}

/** What every namespace without a Sidecar object sees, when all see the same, which is the default: every service is for everybody, and
 * none has the host of another. Made once for all of them. */
function commonSight(services: readonly MeshService[]): (Sight & Pick<Scope, 'aliasesOf'>) | undefined {
  return sights.getOrInsertComputed(services, () => {
    if (!services.every(({ exportTo }) => exportTo.includes('*'))) return undefined;
    const sight = sightOf({ services, namespace: '' });
    return sight.byHost.size === services.length ? { ...sight, aliasesOf: aliasIndex(sight.byHost) } : undefined;
  });
}

const sights = new WeakMap<readonly MeshService[], (Sight & Pick<Scope, 'aliasesOf'>) | undefined>();

/** The rules are for everybody. */
const isCommon = (routing: readonly RoutingRules[]): boolean => commonRules.getOrInsertComputed(routing, () => routing.every((rules) => rules.gateways.has(MESH_GATEWAY) && rules.exportTo.includes('*')));
const commonRules = new WeakMap<readonly RoutingRules[], boolean>();

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

const EVERYTHING: SidecarEgress = { hosts: ['*/*'] };
const ALL: readonly SidecarEgress[] = [EVERYTHING];
const NONE: readonly SidecarEgress[] = [];

/** Sorted by host; of one host in the order in which they came. A list that is sorted already is not sorted again, and all scopes of
 * a snapshot begin with the same. */
function byName(services: readonly MeshService[]): readonly MeshService[] {
  let known = sorted.get(services);
  if (!known) {
    const isSorted = services.every((service, i) => i === 0 || (services[i - 1]?.host ?? '') <= service.host);
    known = isSorted ? services : services.toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : 0));
    sorted.set(services, known);
  }
  return known;
}

const sorted = new WeakMap<readonly MeshService[], readonly MeshService[]>();

/** A listener for the port takes it from the catch-all. */
function listenersOn(egress: readonly SidecarEgress[] | undefined, port: number): readonly SidecarEgress[] {
  if (!egress) return ALL;
  const onPort = egress.filter((e) => e.port?.number === port && !isForAnyPort(e));
  return onPort.length > 0 ? onPort : egress.filter((e) => e.port === undefined);
}

/** A listener through which all ports of its services are called: by requests to an HTTP proxy, or on a Unix socket. */
export const isForAnyPort = (egress: SidecarEgress): boolean => egress.port?.protocol?.toUpperCase() === 'HTTP_PROXY' || (egress.bind?.startsWith('unix:') ?? false);

/** Aliases by what they lead to; through other aliases, too. */
function aliasIndex(byHost: ReadonlyMap<string, MeshService>): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const service of byHost.values()) if (service.aliasOf !== undefined) for (const host of aliasChain(service, byHost)) index.getOrInsertComputed(host, () => []).push(service.host);
  return index;
}

/** Hosts that an alias leads to, one after the other; the last is the service, if there is one. */
export function aliasChain(service: MeshService, byHost: ReadonlyMap<string, MeshService>): string[] {
  const hosts: string[] = [];
  for (let next = service.aliasOf; next !== undefined && next !== service.host && !hosts.includes(next); next = byHost.get(next)?.aliasOf) hosts.push(next);
  return hosts;
}

type RulesIndex = Pick<Scope, 'rulesFor' | 'bareRules'>;

const indexes = new WeakMap<readonly RoutingRules[], RulesIndex>();

const rulesIndex = (routing: readonly RoutingRules[]): RulesIndex => indexes.getOrInsertComputed(routing, () => makeIndex(routing));

function makeIndex(routing: readonly RoutingRules[]): RulesIndex {
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
