/** The data path as a whole: takes Envoy resources, serves traffic by them. */
import type { Timer } from '../base/clock.ts';
import { bytesField, concat } from '../xds/wire.ts';
import { errorText } from '../base/errors.ts';
import { ClusterStore } from './config/cluster-store.ts';
import { decode, ResourceType } from './config/decode.ts';
import { awaitQuiet, awaitSilence, type Incoming, type Presence } from './ending.ts';
import { routeCompiler } from './config/http-manager.ts';
import { ListenerStore } from './config/listener-store.ts';
import { ResourceTable } from './config/resource-table.ts';
import { RouteStore } from './config/route-store.ts';
import { createBucketMaker } from './filters/bucket-maker.ts';
import type { FilterDeps } from './filters/registry.ts';
import { WasmPlugins } from './filters/wasm.ts';
import { createDateSource, type ProxyServices } from './http/services.ts';
import { ConnectionLimit } from './net/connection-limit.ts';
import { Handshakes } from './net/handshakes.ts';
import { createOriginalDestination, type OriginalDestination } from './net/original-dst.ts';
import { createSecretStore, type SecretStore } from './net/secret-store.ts';
import type { DataPath, ProxyState, Rejected, ResourceUpdate, RuntimeDeps } from './runtime-contract.ts';

export type { BindOptions, DataPath, ProxyNode, ProxyRuntime, ProxyState, Rejected, ResourceUpdate, RuntimeDeps } from './runtime-contract.ts';

const SWEEP_MS = 1000;
/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;
const TYPES = [ResourceType.Listener, ResourceType.Route, ResourceType.VirtualHost, ResourceType.Cluster, ResourceType.Endpoints, ResourceType.Secret] as const;
/** Secrets that the workload makes itself or reads from files; the control plane is not asked for them. */
const OWN_SECRET = /^(?:default|ROOTCA|file-root:.*|file-cert:.*|file-crl:.*)$/;

export function createRuntime(deps: RuntimeDeps): DataPath {
  return new Runtime(deps);
}

class Runtime implements DataPath {
  readonly #deps: RuntimeDeps;
  readonly #secrets: SecretStore;
  readonly #clusters: ClusterStore;
  readonly #listeners: ListenerStore;
  readonly #filters: FilterDeps;
  readonly #routes: RouteStore;
  readonly #tables: ReadonlyMap<string, ResourceTable>;
  readonly #interest = new Map<string, ReadonlySet<string>>();
  readonly #freed: ((name: string) => void)[] = [];
  readonly #interested: ((typeUrl: string, names: ReadonlySet<string>) => void)[] = [];
  readonly #end = { isAnnounced: false };
  /** Listeners that were accepted before their ports were known to be free. */
  readonly #unsure = new Map<string, { readonly version: string; readonly before: ReturnType<ResourceTable['get']> }>();
  #originalDestination: OriginalDestination | undefined;
  #sweep: Timer | undefined;
  #closed = false;

  constructor(deps: RuntimeDeps) {
    this.#deps = deps;
    const { clock, secrets, outcomes, tracer, peer, log, bind, node } = deps;
    const random = deps.random ?? Math.random;
    this.#secrets = createSecretStore(secrets);
    this.#clusters = new ClusterStore({ clock, random, secrets: this.#secrets, shared: deps.shared }, () => {});
    const clusters = { get: (name: string) => this.#clusters.get(name) };
    const services: ProxyServices = { clock, random, outcomes, tracer, clusters, ownAddress: node.id.split('~')[1] ?? '', end: this.#end, handshakes: new Handshakes(deps.maxHandshakes), ticketSecret: deps.shared?.ticketSecret, date: createDateSource(clock) };
    const plugins = new WasmPlugins({ clock, clusters, log: log.scope('wasm'), node, env: deps.env ?? {} });
    this.#filters = { clock, random, peer, clusters, plugins, buckets: createBucketMaker(clock, deps.shared?.slots) };
    this.#routes = new RouteStore(routeCompiler(this.#filters));
    this.#listeners = new ListenerStore({
      services,
      secrets: this.#secrets,
      bind,
      log,
      limit: deps.maxConnections === undefined ? undefined : new ConnectionLimit(deps.maxConnections, { clock, log, slot: deps.shared?.slots.acquire('connections') }),
      onPortFree: (name) => {
        for (const listener of this.#freed) listener(name);
      },
      originalDestination: () => (this.#originalDestination ??= createOriginalDestination()),
      context: { filters: this.#filters, routes: (name) => this.#routes.get(name), gateway: node.id.startsWith('router~') },
    });
    this.#tables = new Map(TYPES.map((type) => [type, new ResourceTable(clock)]));
    this.#scheduleSweep();
  }

  apply(update: ResourceUpdate): Rejected[] {
    const table = this.#tables.get(update.typeUrl);
    if (!table) return update.upserted.map(({ name }) => ({ name, message: `resources of type ${update.typeUrl} are not used` }));
    const rejected: Rejected[] = [];
    for (const name of update.removed) {
      this.#remove(update.typeUrl, name);
      table.remove(name);
    }
    for (const { name, version, value } of update.upserted) {
      try {
        if (!table.same(name, value)) this.#set(update.typeUrl, name, value);
        if (update.typeUrl === ResourceType.Listener) this.#unsure.set(name, { version, before: table.get(name) });
        table.accept(name, version, value);
      } catch (error) {
        const message = errorText(error);
        table.refuse(name, version, message);
        rejected.push({ name, message });
      }
    }
    table.seen = true;
    if (update.typeUrl === ResourceType.VirtualHost) this.#takeHosts();
    this.#tellInterest();
    return rejected;
  }

  bound(): Promise<Rejected[]> | undefined {
    const unsure = new Map(this.#unsure);
    this.#unsure.clear();
    return this.#listeners.bound()?.then((refused) => {
      const table = this.#tables.get(ResourceType.Listener);
      for (const { name, message } of refused) {
        const known = unsure.get(name);
        table?.restore(name, known?.before);
        table?.refuse(name, known?.version ?? '', message);
      }
      return refused;
    });
  }

  /** Listeners may have waited for them. */
  #takeHosts(): void {
    if (this.#routes.hasHosts) return;
    this.#routes.hasHosts = true;
    this.#listeners.activate();
  }

  onPortFree(listener: (name: string) => void): void {
    this.#freed.push(listener);
  }

  onInterest(listener: (typeUrl: string, names: ReadonlySet<string>) => void): void {
    this.#interested.push(listener);
    for (const [typeUrl, names] of this.#interest) listener(typeUrl, names);
  }

  ready(): boolean {
    const seen = (type: string) => this.#tables.get(type)?.seen === true;
    return seen(ResourceType.Cluster) && seen(ResourceType.Listener) && this.#clusters.allWarm && this.#listeners.ready;
  }

  announceEnd(): void {
    this.#end.isAnnounced = true;
    this.#listeners.announceEnd();
  }

  silence(limitMs: number): Promise<void> {
    return awaitSilence(() => this.incoming(), { clock: this.#deps.clock, limitMs });
  }

  async drain(acceptMs = 0): Promise<void> {
    this.announceEnd();
    await awaitQuiet(this, this.#deps.clock, acceptMs);
    await this.stop();
  }

  incoming(): Incoming {
    return this.#listeners.incoming();
  }

  presence(): Presence {
    return { openConnections: this.#listeners.openConnections, sinceAcceptedMs: this.#deps.clock.monotonic() - this.#listeners.lastAcceptedAt };
  }

  closeIdle(idleMs: number): void {
    this.#listeners.closeIdle(this.#deps.clock.monotonic() - idleMs);
  }

  takeEjections(cluster: string): void {
    this.#clusters.takeEjections(cluster);
  }

  stop(): Promise<void> {
    return this.#listeners.drain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep?.cancel();
    this.#listeners.close();
    this.#clusters.close();
    this.#secrets.close();
  }

  /** Nothing is worked out before it is read. */
  look(): ProxyState {
    return this.snapshot();
  }

  snapshot(): ProxyState {
    const warm = (type: string, name: string): boolean => {
      if (type === ResourceType.Cluster) return this.#clusters.warm(name);
      return type === ResourceType.Listener ? this.#listeners.warm(name) : true;
    };
    const resources = new Map([...this.#tables].map(([type, table]) => {
      const states = table.states((name) => warm(type, name));
      if (type === ResourceType.Route) return [type, states.map((state) => ({ ...state, value: this.#withHosts(state.name, state.value) }))] as const;
      return [type, type === ResourceType.Secret ? states.map((state) => ({ ...state, value: new Uint8Array() })) : states] as const;
    }));
    const clusters = this.#clusters;
    return {
      resources,
      get clusters() {
        return clusters.states();
      },
      get calledClusters() {
        return clusters.calledStates();
      },
      clusterCounts: clusters.counts,
      listeners: this.#listeners.states(),
      activeRequests: this.#listeners.activeRequests,
    };
  }

  /** The routes as one message. */
  #withHosts(routes: string, value: Uint8Array): Uint8Array {
    const hosts = (this.#tables.get(ResourceType.VirtualHost)?.states(() => true) ?? []).filter(({ name }) => name.startsWith(`${routes}/`));
    return hosts.length === 0 ? value : concat([value, ...hosts.flatMap((host) => bytesField(VIRTUAL_HOSTS, host.value))]);
  }

  /** @throws ConfigError */
  #set(typeUrl: string, name: string, value: Uint8Array): void {
    switch (typeUrl) {
      case ResourceType.Cluster:
        return this.#clusters.setCluster(name, value);
      case ResourceType.Endpoints:
        return this.#clusters.setEndpoints(name, value);
      case ResourceType.Route:
        this.#routes.set(name, value);
        return this.#listeners.activate();
      case ResourceType.VirtualHost:
        return this.#routes.setHost(name, value);
      case ResourceType.Listener:
        return this.#listeners.set(name, value);
      case ResourceType.Secret:
        return this.#secrets.set(name, decode('secret', value));
    }
  }

  #remove(typeUrl: string, name: string): void {
    switch (typeUrl) {
      case ResourceType.Cluster:
        return this.#clusters.removeCluster(name);
      case ResourceType.Endpoints:
        return this.#clusters.removeEndpoints(name);
      case ResourceType.Route:
        return this.#routes.remove(name);
      case ResourceType.VirtualHost:
        return this.#routes.removeHost(name);
      case ResourceType.Listener:
        return this.#listeners.remove(name);
      case ResourceType.Secret:
        return this.#secrets.remove(name);
    }
  }

  #tellInterest(): void {
    const secrets = [...this.#clusters.secretNames(), ...this.#listeners.secretNames()].filter((name) => !OWN_SECRET.test(name));
    this.#tell(ResourceType.Endpoints, this.#clusters.endpointNames());
    this.#tell(ResourceType.Route, this.#listeners.routeNames());
    this.#tell(ResourceType.Secret, secrets);
  }

  #tell(typeUrl: string, names: Iterable<string>): void {
    const next = new Set(names);
    const before = this.#interest.get(typeUrl);
    if (before && before.size === next.size && [...next].every((name) => before.has(name))) return;
    this.#interest.set(typeUrl, next);
    for (const listener of this.#interested) listener(typeUrl, next);
  }

  #scheduleSweep(): void {
    this.#sweep = this.#deps.clock.after(SWEEP_MS, () => {
      this.#listeners.sweep(this.#deps.clock.monotonic());
      this.#scheduleSweep();
    });
    this.#sweep.unref();
  }
}
