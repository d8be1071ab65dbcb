import type { EncodedResource } from '../../xds/resource.ts';
import { sameSets, type Sets, type Target } from '../../xds/target.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import type { LabelTerms } from '../registry/label-terms.ts';
import { Cell } from '../registry/memo.ts';
import type { Workload } from '../registry/model.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import type { Program, SetsByType } from '../patch/program.ts';
import type { GatewayPorts } from '../patch/match.ts';
import type { Context } from '../translate/context.ts';
import type { Proxy } from '../translate/proxy.ts';
import type { Audience } from './audience.ts';
import type { EdgeResources } from './edge-resources.ts';
import type { OwnResources } from './own-resources.ts';
import { ProxylessResources } from './proxyless-resources.ts';
import type { Made, Workshop } from './workshop.ts';

/** Where views find what they put together. */
export interface Shelf {
  readonly snapshot: MeshSnapshot;
  readonly terms: LabelTerms;
  readonly workshop: Workshop;
  contextOf(proxy: Proxy): Context;
  audience(context: Context): Audience;
  own(context: Context): OwnResources;
  edge(context: Context): EdgeResources;
  /** The patches for the proxy; undefined when there is none. */
  program(context: Context, gatewayPorts: GatewayPorts): Program | undefined;
  secret(name: string, proxy: Proxy): Made | undefined;
}

const NONE: Sets = [];
const NO_PORTS: GatewayPorts = new Map();

/** What one proxy is to hold: what is for all that see what it sees, and what is its own. Asked often, so that nothing is looked
 * up again as long as the snapshot is the same, and little when what concerns the proxy has not changed. */
export class ProxyView {
  readonly #proxy: Proxy;
  readonly #shelf: Shelf;
  #snapshot: MeshSnapshot | undefined;
  #workload: Workload | undefined;
  #terms: LabelTerms | undefined;
  #audience: Audience | undefined;
  #own: OwnResources | undefined;
  #edge: EdgeResources | undefined;
  #secrets: { readonly made: readonly Made[]; readonly sets: Sets } = { made: [], sets: [ResourceSet.empty] };
  /** Never changed: targets keep it. */
  #sets: SetsByType = new Map();
  /** Before patches; the same as `#sets` where there is none. */
  #plain: SetsByType = this.#sets;
  readonly #collected = new Cell<SetsByType>();
  #program: Program | undefined;
  #ports: GatewayPorts = NO_PORTS;
  /** What the patches were laid over last. */
  #patchedFrom: SetsByType | undefined;
  #target: Target | undefined;
  readonly #proxyless: ProxylessResources | undefined;

  constructor(proxy: Proxy, shelf: Shelf) {
    this.#proxy = proxy;
    this.#shelf = shelf;
    this.#proxyless = proxy.isProxyless ? new ProxylessResources(shelf) : undefined;
  }

  /** @param names what was asked for, where that cannot be listed: secrets, and everything of clients without a proxy */
  resources(typeUrl: string, names: Iterable<string> = []): Sets {
    if (this.#proxyless) return this.#proxyless.resources(typeUrl, names, () => this.#shelf.contextOf(this.#proxy));
    this.#refresh();
    if (typeUrl === TypeUrl.Secret) return this.#secretSets(names);
    return this.#sets.get(typeUrl) ?? NONE;
  }

  /** What there is now; does not change afterwards, except what cannot be listed. */
  target(): Target {
    const { snapshot } = this.#shelf;
    if (this.#target?.number === snapshot.number) return this.#target;
    this.resources(TypeUrl.Cluster);
    const { number, version } = snapshot;
    const sets = this.#sets;
    const isListed = (typeUrl: string) => !this.#proxyless && typeUrl !== TypeUrl.Secret;
    this.#target = { number, version, resources: (typeUrl, names) => (isListed(typeUrl) ? (sets.get(typeUrl) ?? NONE) : this.resources(typeUrl, names)) };
    return this.#target;
  }

  #refresh(): void {
    const { snapshot } = this.#shelf;
    const before = this.#snapshot;
    if (snapshot === before) return;
    this.#snapshot = snapshot;
    let context: Context | undefined;
    const contextOf = () => (context ??= this.#shelf.contextOf(this.#proxy));
    const hasMoved = !before || this.#mayHaveMoved(before, snapshot);
    if (hasMoved) this.#settle(contextOf());
    this.#audience?.update(snapshot, this.#shelf.terms, contextOf);
    if (this.#audience) this.#own?.update(snapshot, this.#audience, contextOf);
    this.#edge?.update(snapshot, contextOf);
    this.#collect();
    this.#patch(hasMoved || before.envoyFilters !== snapshot.envoyFilters, contextOf);
  }

  /** What came of the patches that the proxy gets. */
  get patched(): { readonly program: Program; readonly given: SetsByType } | undefined {
    return this.#program && { program: this.#program, given: this.#plain };
  }

  /** Other labels, or other objects that ask for labels, and it may belong to another class. */
  #mayHaveMoved(before: MeshSnapshot, after: MeshSnapshot): boolean {
    return before.settings !== after.settings || before.sidecars !== after.sidecars || this.#shelf.terms !== this.#terms || after.workloads.get(this.#proxy.address) !== this.#workload;
  }

  #settle(context: Context): void {
    this.#workload = context.snapshot.workloads.get(this.#proxy.address);
    this.#terms = this.#shelf.terms;
    this.#audience = this.#shelf.audience(context);
    if (this.#proxy.kind === 'router') this.#edge = this.#shelf.edge(context);
    else this.#own = this.#shelf.own(context);
  }

  #collect(): void {
    const { clusters, endpoints, routes, virtualHosts, names } = this.#audience ?? EMPTY;
    const own = this.#own ?? EMPTY;
    const edge = this.#edge;
    this.#plain = this.#collected.get([clusters, own.clusters, edge?.clusters, endpoints, edge?.listeners, own.sharedListeners, own.listeners, edge?.routes, routes, own.routes, (edge ?? own).extensions, (edge ?? own).runtime, virtualHosts, names], () => keptSets(this.#plain, new Map<string, Sets>([
      [TypeUrl.Cluster, [clusters, own.clusters, ...(edge ? [edge.clusters] : [])]],
      [TypeUrl.Endpoints, [endpoints]],
      [TypeUrl.Listener, edge ? [edge.listeners] : [own.sharedListeners, own.listeners]],
      [TypeUrl.Route, edge ? [edge.routes] : [routes, own.routes]],
      [TypeUrl.VirtualHost, [virtualHosts]],
      [TypeUrl.NameTable, [names]],
      [TypeUrl.ExtensionConfig, [(edge ?? own).extensions]],
      [TypeUrl.Runtime, [(edge ?? own).runtime]],
    ])));
  }

  /** Nothing is done for proxies that no EnvoyFilter is meant for. */
  #patch(mayDiffer: boolean, contextOf: () => Context): void {
    const old = this.#program;
    const { snapshot: now } = this.#shelf;
    const ports = this.#edge?.ports ?? NO_PORTS;
    if (now.envoyFilters.size === 0) this.#program = undefined;
    else if (mayDiffer || this.#ports !== ports) this.#program = this.#shelf.program(contextOf(), ports);
    else if (old) old.usedAt = now.number;
    this.#ports = ports;
    const given = this.#plain;
    const patched = this.#program?.over(given, old === this.#program ? this.#patchedFrom : undefined) ?? given;
    this.#patchedFrom = given;
    this.#sets = patched === given ? given : keptSets(this.#sets, patched);
  }

  #secretSets(names: Iterable<string>): Sets {
    const made = [...names].flatMap((name) => this.#shelf.secret(name, this.#proxy) ?? []);
    const set = (this.#secrets.sets[0] ?? ResourceSet.empty).become(made.flatMap((m): EncodedResource[] => (m.resource ? [m.resource] : [])));
    if (set !== this.#secrets.sets[0]) this.#secrets = { made, sets: [set] };
    else this.#secrets = { made, sets: this.#secrets.sets };
    return this.#secrets.sets;
  }
}

/** The same map, and in it the same arrays, as before where nothing differs. */
function keptSets(before: SetsByType, now: SetsByType): SetsByType {
  if (before === now || [...now].every(([typeUrl, sets]) => sameSets(before.get(typeUrl) ?? NONE, sets))) return before;
  return new Map([...now].map(([typeUrl, sets]) => [typeUrl, kept(before.get(typeUrl), sets)]));
}

/** The same array as before when nothing in it differs. */
const kept = (before: Sets | undefined, now: Sets): Sets => (before && sameSets(before, now) ? before : now);

const EMPTY = { clusters: ResourceSet.empty, endpoints: ResourceSet.empty, routes: ResourceSet.empty, extensions: ResourceSet.empty, runtime: ResourceSet.empty, virtualHosts: ResourceSet.empty, names: ResourceSet.empty, listeners: ResourceSet.empty, sharedListeners: ResourceSet.empty };
