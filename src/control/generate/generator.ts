import { SecretSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { labelSignature, labelTerms, sameTerms, type LabelTerms } from '../registry/label-terms.ts';
import { Cell } from '../registry/memo.ts';
import type { Workload } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import { sidecarFor } from '../registry/scope.ts';
import { diffSnapshots, type LeftOut, type MeshSnapshot, type SnapshotDiff } from '../registry/snapshot.ts';
import type { GatewayPorts } from '../patch/match.ts';
import { joined } from '../patch/pass.ts';
import type { Program } from '../patch/program.ts';
import { Programs } from '../patch/programs.ts';
import { patchReports } from '../patch/reports.ts';
import type { Context } from '../translate/context.ts';
import type { Proxy } from '../translate/proxy.ts';
import { buildSecret } from '../translate/secrets.ts';
import { Audience } from './audience.ts';
import { HostPartsStore } from './host-parts.ts';
import { EdgeResources } from './edge-resources.ts';
import { encode } from './encode.ts';
import { noEndpoints } from './outbound-resources.ts';
import type { OriginIndex } from './origin-index.ts';
import { OwnResources } from './own-resources.ts';
import { ProxyView, type Shelf } from './proxy-view.ts';
import { noRoutes, VirtualHosts } from './virtual-hosts.ts';
import { Workshop, type Made } from './workshop.ts';

export type Resources = ReadonlyMap<string, EncodedResource>;

/** How many snapshots something is kept that no proxy has asked for. */
const KEPT_SNAPSHOTS = 8;

/** Makes the resources of proxies out of the newest snapshot. What several proxies share is made and encoded once; what did
 * not change since the last snapshot is not made again. Not tied to connections. */
export class Generator implements Shelf {
  readonly workshop = new Workshop();
  readonly #virtualHosts = new VirtualHosts();
  readonly #hostParts = new HostPartsStore(this.workshop);
  readonly #audiences = new Map<string, Audience>();
  readonly #own = new Map<string, OwnResources>();
  readonly #edges = new Map<string, EdgeResources>();
  readonly #programs = new Programs((resource) => this.workshop.origins.add(resource));
  readonly #views = new WeakMap<Proxy, ProxyView>();
  readonly #terms = new Cell<LabelTerms>();
  #termsBefore: LabelTerms | undefined;
  #changes = new WeakMap<MeshSnapshot, SnapshotDiff>();
  #snapshot: MeshSnapshot;

  constructor(snapshot: MeshSnapshot) {
    this.#snapshot = snapshot;
  }

  get snapshot(): MeshSnapshot {
    return this.#snapshot;
  }

  /** Where to look for what was made from an object. */
  get origins(): OriginIndex {
    return this.workshop.origins;
  }

  /** The same object as long as it says the same: when it is another, every proxy may belong to another class. */
  get terms(): LabelTerms {
    const { routing, hostPolicies, settings } = this.#snapshot;
    return this.#terms.get([routing, hostPolicies, settings], () => (this.#termsBefore = sameTerms(this.#termsBefore, labelTerms(this.#snapshot))));
  }

  /** Objects that could not be translated, with the reason. */
  get leftOut(): LeftOut[] {
    const made = [...this.#audiences.values(), ...this.#own.values(), ...this.#edges.values()].flatMap((thing) => thing.reports);
    return [...new Map([...this.#snapshot.leftOut, ...made].map((l) => [JSON.stringify(l), l])).values()];
  }

  use(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot;
    this.#changes = new WeakMap();
    const oldest = snapshot.number - KEPT_SNAPSHOTS;
    for (const things of [this.#audiences, this.#own, this.#edges]) for (const [key, { usedAt }] of things) if (usedAt < oldest) things.delete(key);
    for (const audience of this.#audiences.values()) audience.sweep(oldest);
    this.#programs.sweep(oldest);
  }

  /** What has changed since an older snapshot. */
  changesSince(before: MeshSnapshot): SnapshotDiff {
    let diff = this.#changes.get(before);
    if (!diff) this.#changes.set(before, (diff = diffSnapshots(before, this.#snapshot)));
    return diff;
  }

  contextOf(proxy: Proxy): Context {
    const { workloads, settings, sidecars } = this.#snapshot;
    const found = workloads.get(proxy.address);
    const workload = found?.namespace === proxy.namespace ? found : undefined;
    const labels = workload?.labels ?? proxy.labels;
    const sidecar = proxy.kind === 'sidecar' ? sidecarFor(sidecars, { namespace: proxy.namespace, labels }, settings.config.rootNamespace) : undefined;
    const scope = this.workshop.scope(this.#snapshot, { namespace: proxy.namespace, sidecar });
    return { snapshot: this.#snapshot, settings, proxy: located(proxy, workload), workload, labels, scope, report: this.workshop.report };
  }

  /** What a proxy is to hold, kept up with the snapshots. */
  viewOf(proxy: Proxy): ProxyView {
    let view = this.#views.get(proxy);
    if (!view) this.#views.set(proxy, (view = new ProxyView(proxy, this)));
    return view;
  }

  /** What a proxy should hold now: everything of a type, or what there is under some names. */
  resources(proxy: Proxy, typeUrl: string, names: ReadonlySet<string> | 'all'): Resources {
    const view = this.viewOf(proxy);
    const all = view.resources(typeUrl, names === 'all' ? undefined : names);
    if (names === 'all') return new Map(all.flatMap((set) => [...set].map((r) => [r.name, r] as const)));
    const found = [...names].flatMap((name) => all.flatMap((set) => set.get(name) ?? []).at(0) ?? this.absent(typeUrl, name) ?? []);
    return new Map(found.map((r) => [r.name, r]));
  }

  /** Nobody shall wait for endpoints and routes that do not exist. */
  absent(typeUrl: string, name: string): EncodedResource | undefined {
    if (typeUrl === TypeUrl.Endpoints) return noEndpoints(name);
    return typeUrl === TypeUrl.Route ? noRoutes(name) : undefined;
  }

  /** True when something that is made from the object is for the proxy: for those that have not got it yet. */
  wants(proxy: Proxy, origin: Origin): boolean {
    const view = this.viewOf(proxy);
    if (proxy.kind === 'sidecar' && this.contextOf(proxy).scope.routing.some((rules) => rules.origins.includes(origin))) return true;
    for (const [typeUrl, names] of this.origins.get(origin)) {
      const sets = view.resources(typeUrl, names);
      for (const name of names) if (sets.some((set) => set.get(name)?.origins.has(origin))) return true;
    }
    return false;
  }

  /** Of those that are alike in everything that decides what they call. */
  audience(context: Context): Audience {
    const kin = kinKey(context, labelSignature(this.terms, context.labels));
    const key = `${context.scope.key} ${context.proxy.namespace} ${kin}`;
    return this.#audiences.getOrInsertComputed(key, () => new Audience({ key, kin, hostParts: this.#hostParts, workshop: this.workshop, virtualHosts: this.#virtualHosts, changesSince: (before) => this.changesSince(before) }));
  }

  own(context: Context): OwnResources {
    const key = workloadKey(context);
    return this.#own.getOrInsertComputed(key, () => new OwnResources(key, this.workshop));
  }

  edge(context: Context): EdgeResources {
    const key = workloadKey(context);
    return this.#edges.getOrInsertComputed(key, () => new EdgeResources(key, this.workshop));
  }

  program(context: Context, gatewayPorts: GatewayPorts): Program | undefined {
    return this.#programs.for(context, gatewayPorts);
  }

  /** What patches of EnvoyFilters do not do, to be told of their objects.
   * @param proxies those that are connected: a patch that is for one of them is in effect */
  patchReports(proxies: Iterable<Proxy>): LeftOut[] {
    if (this.#snapshot.envoyFilters.size === 0) return [];
    const patched = [...proxies].flatMap((proxy) => this.viewOf(proxy).patched ?? []);
    const outcome = joined(patched.map(({ program, given }) => program.outcome(given)));
    return [...this.#programs.ineffective(this.#snapshot), ...patchReports(patched.map(({ program }) => program), outcome)];
  }

  /** A gateway gets secrets of its own namespace only. */
  secret(name: string, proxy: Proxy): Made | undefined {
    if (proxy.kind !== 'router') return undefined;
    const { secrets } = this.#snapshot;
    return this.workshop.make(`secret ${proxy.namespace} ${name}`, [secrets], { kind: 'Secret', namespace: proxy.namespace, name }, () => {
      const secret = buildSecret(name, proxy.namespace, secrets);
      return secret && encode(SecretSchema, name, secret);
    });
  }
}

/** A proxy that does not say where it is, is where the node of its workload is. Istio: the same. */
function located(proxy: Proxy, workload: Workload | undefined): Proxy {
  return proxy.locality.region !== '' || !workload || workload.locality.region === '' ? proxy : { ...proxy, locality: workload.locality };
}

/** All that is known of a proxy but what is its own, and its namespace: whatever else makes a difference makes a class of its own. */
function kinKey({ proxy }: Context, labels: string): string {
  const { id: _id, address, name: _name, namespace: _namespace, labels: _labels, workloadName: _workload, metadata: _metadata, machine: _machine, ports: _ports, ...rest } = proxy;
  return `${labels} ${address.includes(':') ? 'v6' : ''} ${JSON.stringify(rest, plain)}`;
}

/** Equal for replicas, which get the same. */
function workloadKey({ scope, proxy, labels, workload }: Context): string {
  const { id, address, name, labels: _labels, metadata: _metadata, machine: _machine, ...rest } = proxy;
  const isTold = proxy.workloadName !== '';
  const usesAddress = proxy.kind === 'sidecar' && scope.sidecar?.spec?.ingress?.some((i) => i.defaultEndpoint?.startsWith('0.0.0.0'));
  const isAlone = proxy.kind === 'router' && !workload;
  return JSON.stringify([rest, scope.key, labels, isTold ? '' : name, workload ? [...workload.namedPorts] : [], address.includes(':'), usesAddress ? address : '', isAlone ? id : ''], plain);
}

const plain = (_key: string, value: unknown): unknown => (value instanceof Set ? [...value].sort() : value);
