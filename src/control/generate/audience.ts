import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { EncodedResource } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import { TAKES_VIRTUAL_HOSTS } from '../../xds/type-urls.ts';
import { hostCovers, isWildcard } from '../registry/hosts.ts';
import type { LabelTerms } from '../registry/label-terms.ts';
import { Cell } from '../registry/memo.ts';
import { hostOfKey } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import type { Scope } from '../registry/scope.ts';
import type { ConfigPart, LeftOut, MeshSnapshot, SnapshotDiff } from '../registry/snapshot.ts';
import { passthroughClusters } from '../translate/builtin-clusters.ts';
import type { Context } from '../translate/context.ts';
import { declaredRoutes } from '../translate/egress-listeners.ts';
import { VIRTUAL_OUTBOUND } from '../translate/names.ts';
import { buildOutboundListener, buildVirtualOutbound } from '../translate/outbound-listeners.ts';
import { isShared, routesAt, sharedHosts } from '../translate/outbound-routes.ts';
import { encode } from './encode.ts';
import { NOTHING, type HostParts, type HostPartsStore } from './host-parts.ts';
import { affectsListeners } from './listener-effects.ts';
import { sidecarOrigins } from './origins.ts';
import { planListeners, type PlannedOutbound } from './outbound-plans.ts';
import { declaredTable, RouteTable, soleRoutes, type SoleRoutes } from './route-table.ts';
import type { StableTelemetry } from './stable.ts';
import type { VirtualHosts } from './virtual-hosts.ts';
import type { Made, Workshop } from './workshop.ts';

/** Parts of the mesh of which it is known what their change means for what a client calls: by host, or nothing. A change of any
 * other part makes everything again. */
const BY_HOST: readonly ConfigPart[] = ['services', 'routing', 'hostPolicies'];
const OF_NO_CONCERN: readonly ConfigPart[] = ['gateways', 'sidecars', 'requestAuthentications', 'authorizationPolicies', 'telemetries', 'envoyFilters', 'wasmPlugins', 'modules', 'jwks'];
const KNOWN: ReadonlySet<ConfigPart> = new Set([...BY_HOST, ...OF_NO_CONCERN]);

const NO_PLANS: PlannedOutbound = { shared: [], own: [], hidden: { addresses: [], text: '' }, routes: [] };

export interface AudienceDeps {
  /** What its clients have in common. */
  readonly key: string;
  /** The same without their namespace. */
  readonly kin: string;
  readonly hostParts: HostPartsStore;
  readonly workshop: Workshop;
  readonly virtualHosts: VirtualHosts;
  /** What has changed since an older snapshot. */
  changesSince(snapshot: MeshSnapshot): SnapshotDiff;
}

/** What clients of one class call: all that see the same services and policies. Kept up host by host: what a change does not
 * concern is not looked at. */
export class Audience {
  readonly #deps: AudienceDeps;
  readonly #hosts = new Map<string, HostParts>();
  readonly #tables = new Map<string, RouteTable>();
  readonly #soles = new Map<string, SoleRoutes>();
  /** By table: the virtual hosts that stand in the set of all. */
  readonly #shelved = new Map<string, ResourceSet>();
  readonly #listeners = new Map<string, SharedListeners>();
  /** Of hosts of which there is something to report. */
  readonly #reports = new Map<string, readonly LeftOut[]>();
  #planReports: readonly LeftOut[] = [];
  #snapshot: MeshSnapshot | undefined;
  /** Number of the snapshot for which it was asked last. */
  usedAt = 0;
  #scope: Scope | undefined;
  outbound: PlannedOutbound = NO_PLANS;
  clusters = ResourceSet.empty;
  endpoints = ResourceSet.empty;
  /** Of sidecars; gateways have routes of their own, and ask nobody for names. */
  routes = ResourceSet.empty;
  /** By name of the shared routes, for clients that take virtual hosts one by one. */
  virtualHosts = ResourceSet.empty;
  /** One resource for each service, under its host. */
  names = ResourceSet.empty;

  constructor(deps: AudienceDeps) {
    this.#deps = deps;
  }

  get reports(): LeftOut[] {
    return [...this.#planReports, ...[...this.#reports.values()].flat(), ...[...this.#listeners.values(), ...this.#tables.values(), ...this.#soles.values()].flatMap((t) => t.reports)];
  }

  /** @param contextOf of any client of the class: they are alike in everything that matters here */
  update(snapshot: MeshSnapshot, terms: LabelTerms, contextOf: () => Context): void {
    this.usedAt = snapshot.number;
    if (snapshot === this.#snapshot) return;
    const before = this.#snapshot;
    const diff = before && this.#deps.changesSince(before);
    this.#snapshot = snapshot;
    if (diff && !concerns(diff) && diff.endpoints.size === 0 && !diff.config.has('sidecars')) return;
    const context = contextOf();
    const isAnew = !diff || this.#scope?.sidecar !== context.scope.sidecar || [...diff.config].some((part) => !KNOWN.has(part));
    this.#scope = context.scope;
    if (isAnew) this.#clear();
    const hosts = isAnew ? new Set([...this.#hosts.keys(), ...sharedHosts(context)]) : this.#changedHosts(diff, context.scope);
    const withEndpoints = isAnew ? hosts : hosts.union(new Set(diff.endpoints.values().map(hostOfKey)));
    if (isAnew) this.clusters = this.clusters.with(this.#passthrough(context), []);
    this.#updateHosts(withEndpoints, context, terms);
    if (context.proxy.kind === 'router') return;
    if (isAnew || affectsListeners(diff, context, this.outbound.routes)) {
      const { value, reports } = this.#deps.workshop.noting(() => planListeners(context, this.outbound));
      this.outbound = value;
      this.#planReports = reports;
    }
    this.#updateRoutes(hosts, context);
  }

  /** One object for all classes that get the same, so that they can hold the same set. */
  #passthrough(context: Context): EncodedResource[] {
    const { kin, workshop } = this.#deps;
    return passthroughClusters(context).flatMap((cluster) => workshop.make(`cluster ${cluster.name} ${kin}`, [context.settings], { kind: 'Cluster', namespace: '', name: cluster.name }, () => encode(ClusterSchema, cluster.name, cluster)).resource ?? []);
  }

  /** Listeners that workloads share which log alike, and by the same objects. */
  sharedListeners(telemetry: StableTelemetry, origins: readonly Origin[], context: Context): SharedListeners {
    const key = `${telemetry.logs} ${origins.join()}`;
    const listeners = this.#listeners.getOrInsertComputed(key, () => new SharedListeners());
    listeners.update(this.outbound, { telemetry, origins, context, workshop: this.#deps.workshop, key: `${this.#deps.key} ${key}` });
    return listeners;
  }

  /** Forgets kinds of listeners that nobody has asked for since that snapshot. */
  sweep(number: number): void {
    for (const [key, listeners] of this.#listeners) if (listeners.usedAt < number) this.#listeners.delete(key);
  }

  #clear(): void {
    this.#tables.clear();
    this.#soles.clear();
  }

  #changedHosts(diff: SnapshotDiff, scope: Scope): Set<string> {
    const patterns = [...diff.routing].flatMap((rules) => rules.hosts).concat([...diff.hostPolicies].map((policy) => policy.host));
    const hosts = new Set([...[...diff.services].map((service) => service.host), ...patterns]);
    for (const host of hosts) for (const alias of scope.aliasesOf.get(host) ?? []) hosts.add(alias);
    for (const pattern of new Set(patterns)) {
      if (!isWildcard(pattern)) continue;
      for (const known of [this.#hosts.keys(), scope.byHost.keys()]) for (const host of known) if (hostCovers(pattern, host)) hosts.add(host);
    }
    return hosts;
  }

  #updateHosts(hosts: ReadonlySet<string>, context: Context, terms: LabelTerms): void {
    const clusters = new Changes();
    const endpoints = new Changes();
    const names = new Changes();
    for (const host of hosts) {
      const before = this.#hosts.get(host) ?? NOTHING;
      const after = this.#make(host, context, terms);
      if (after === NOTHING) this.#hosts.delete(host);
      else this.#hosts.set(host, after);
      const reports = [...after.clusters, ...after.endpoints, ...after.names].flatMap((made) => made.reports);
      if (reports.length > 0) this.#reports.set(host, reports);
      else this.#reports.delete(host);
      clusters.replace(before.clusters, after.clusters);
      endpoints.replace(before.endpoints, after.endpoints);
      names.replace(before.names, after.names);
    }
    this.clusters = clusters.on(this.clusters);
    this.endpoints = endpoints.on(this.endpoints);
    this.names = names.on(this.names);
  }

  #make(host: string, context: Context, terms: LabelTerms): HostParts {
    const service = context.scope.byHost.get(host);
    return !service ? NOTHING : this.#deps.hostParts.of(service, this.#deps.kin, { context, terms });
  }

  #updateRoutes(hosts: ReadonlySet<string>, context: Context): void {
    const names = new Set(this.outbound.routes);
    const gone = [...this.routes].map((r) => r.name).filter((name) => !names.has(name));
    for (const name of gone) {
      this.#tables.delete(name);
      this.#soles.delete(name);
    }
    const made = [...names].map((name) => this.#routesOf(name, hosts, context));
    for (const resource of made) if (this.routes.get(resource.name) !== resource) this.#deps.workshop.origins.add(resource);
    this.routes = this.routes.with(made, gone);
    this.#updateVirtualHosts();
  }

  #updateVirtualHosts(): void {
    const upserts: EncodedResource[] = [];
    const removed: string[] = [];
    for (const name of new Set([...this.#shelved.keys(), ...this.#tables.keys()])) {
      const [old, now] = [this.#shelved.get(name) ?? ResourceSet.empty, this.#tables.get(name)?.hosts ?? ResourceSet.empty];
      if (old === now) continue;
      this.#shelved.set(name, now);
      for (const host of now.touchedSince(old) ?? new Set([...old, ...now].map((r) => r.name))) {
        const resource = now.get(host);
        if (!resource && old.has(host)) removed.push(host);
        else if (resource && old.get(host) !== resource) upserts.push(resource);
      }
    }
    for (const resource of upserts) this.#deps.workshop.origins.add(resource);
    this.virtualHosts = this.virtualHosts.with(upserts, removed);
  }

  #routesOf(name: string, hosts: ReadonlySet<string>, context: Context): EncodedResource {
    const declared = declaredRoutes(name, context);
    if (!declared) return isShared(name) ? this.#tableRoutes(name, hosts, context) : this.#soleRoutes(name, hosts, context);
    const made = declaredTable(name, declared, { context, virtualHosts: this.#deps.virtualHosts });
    const known = this.#soles.get(name)?.resource;
    const resource = known?.version === made.resource.version ? known : made.resource;
    this.#soles.set(name, { ...made, resource });
    return resource;
  }

  #tableRoutes(name: string, hosts: ReadonlySet<string>, context: Context): EncodedResource {
    const known = this.#tables.get(name);
    if (known) return known.update(hosts, context);
    const table = new RouteTable(name, this.#deps.virtualHosts, context.proxy.extensions.has(TAKES_VIRTUAL_HOSTS));
    this.#tables.set(name, table);
    return table.update(sharedHosts(context), context);
  }

  #soleRoutes(name: string, hosts: ReadonlySet<string>, context: Context): EncodedResource {
    const known = this.#soles.get(name);
    const { host } = routesAt(name, context);
    if (known && !hosts.has(host) && known.behind.isDisjointFrom(hosts)) return known.resource;
    const made = soleRoutes(name, context, this.#deps.virtualHosts);
    this.#soles.set(name, made);
    return made.resource;
  }
}

const concerns = (diff: SnapshotDiff): boolean => [...diff.config].some((part) => !OF_NO_CONCERN.includes(part));

/** What happens to a set. */
class Changes {
  readonly #upserts: EncodedResource[] = [];
  readonly #removed: string[] = [];

  replace(before: readonly Made[], after: readonly Made[]): void {
    for (const { resource } of before) if (resource) this.#removed.push(resource.name);
    for (const { resource } of after) if (resource) this.#upserts.push(resource);
  }

  on(set: ResourceSet): ResourceSet {
    return set.with(this.#upserts, this.#removed);
  }
}

interface ListenerParts {
  readonly telemetry: StableTelemetry;
  readonly origins: readonly Origin[];
  readonly context: Context;
  readonly workshop: Workshop;
  readonly key: string;
}

export class SharedListeners {
  readonly #cell = new Cell<readonly Made[]>();
  #made: readonly Made[] = [];
  set = ResourceSet.empty;
  usedAt = 0;

  get reports(): LeftOut[] {
    return this.#made.flatMap((made) => made.reports);
  }

  update({ shared, hidden }: PlannedOutbound, parts: ListenerParts): void {
    const { telemetry, origins, context, workshop } = parts;
    const { settings, scope, snapshot } = context;
    this.usedAt = snapshot.number;
    const made = this.#cell.get([shared, hidden, settings, scope.outbound, scope.sidecar], () => {
      const make = (name: string, deps: readonly unknown[], at: { origins: readonly Origin[]; build: () => Parameters<typeof encode<typeof ListenerSchema>>[2] }) =>
        workshop.make(`listener ${parts.key} ${name}`, [settings, scope.outbound, at.origins.join(), ...deps], { kind: 'Listener', namespace: scope.namespace, name, origins: at.origins }, () => encode(ListenerSchema, name, at.build(), at));
      return [
        make(VIRTUAL_OUTBOUND, [hidden.text], { origins: [...sidecarOrigins(context), ...origins], build: () => buildVirtualOutbound(hidden.addresses, context, telemetry) }),
        ...shared.map(({ plan, text }) => make(plan.name, [text], { origins: [...plan.origins, ...origins], build: () => buildOutboundListener(plan, context, telemetry) })),
      ];
    });
    if (made === this.#made) return;
    this.#made = made;
    this.set = this.set.become(made.flatMap((m) => m.resource ?? []));
  }
}
