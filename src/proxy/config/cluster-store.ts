/** The clusters in force and their endpoints. A changed cluster takes over when it knows its hosts; until then the old one serves.
 * Where the change does not concern connections, they and the hosts stay. */
import type { UpstreamCluster, ClusterDeps } from '../upstream/cluster.ts';
import type { ClusterState } from '../runtime-contract.ts';
import { connectsAlike } from './cluster-change.ts';
import { compileCluster, compileEndpoints } from './clusters.ts';
import { decode } from './decode.ts';
import { LazyCluster } from './lazy-cluster.ts';

export class ClusterStore {
  readonly #deps: ClusterDeps;
  readonly #active = new Map<string, LazyCluster>();
  /** What is to take over. */
  readonly #warming = new Map<string, LazyCluster>();
  /** Encoded, by service. */
  readonly #endpoints = new Map<string, Uint8Array>();
  /** Those whose endpoints are told apart from them, by service. */
  readonly #members = new Map<string, LazyCluster[]>();
  readonly #onWarm: () => void;

  constructor(deps: ClusterDeps, onWarm: () => void) {
    this.#deps = deps;
    this.#onWarm = onWarm;
  }

  get(name: string): UpstreamCluster | undefined {
    return this.#active.get(name)?.get();
  }

  /** @throws ConfigError */
  setCluster(name: string, value: Uint8Array): void {
    const settings = compileCluster(decode('cluster', value));
    const active = this.#active.get(name);
    const warming = this.#warming.get(name);
    if (active && !warming && connectsAlike(active.value, value)) return active.reconfigure(value, settings);
    const next = new LazyCluster(value, settings, this.#deps);
    this.#join(next);
    if (!active) {
      this.#active.set(name, next);
      next.whenWarm(this.#onWarm);
      return;
    }
    if (warming) this.#end(warming);
    this.#warming.set(name, next);
    next.whenWarm(() => {
      if (this.#warming.get(name) !== next) return;
      this.#end(active);
      this.#active.set(name, next);
      this.#warming.delete(name);
      this.#onWarm();
    });
  }

  removeCluster(name: string): void {
    for (const clusters of [this.#active, this.#warming]) {
      const cluster = clusters.get(name);
      clusters.delete(name);
      if (cluster) this.#end(cluster);
    }
  }

  /** @throws ConfigError */
  setEndpoints(name: string, value: Uint8Array): void {
    compileEndpoints(decode('endpoints', value));
    this.#endpoints.set(name, value);
    for (const cluster of this.#members.get(name) ?? []) cluster.setEndpoints(value);
  }

  /** Hosts stay as they were: Envoy, too, takes a removed assignment for a control plane that has nothing to say. */
  removeEndpoints(name: string): void {
    this.#endpoints.delete(name);
  }

  /** Another thread has ejected hosts of it, or let them in again. */
  takeEjections(name: string): void {
    this.#active.get(name)?.takeEjections();
    this.#warming.get(name)?.takeEjections();
  }

  warm(name: string): boolean {
    return !this.#warming.has(name) && this.#active.get(name)?.warm !== false;
  }

  get allWarm(): boolean {
    return this.#warming.size === 0 && this.#active.values().every(({ warm }) => warm);
  }

  get counts(): { readonly total: number; readonly warming: number } {
    return { total: this.#active.size, warming: [...this.#active.values()].filter(({ warm }) => !warm).length };
  }

  endpointNames(): Iterable<string> {
    return this.#members.keys();
  }

  secretNames(): string[] {
    return this.#each().flatMap((cluster) => [...cluster.secretNames]);
  }

  states(): ClusterState[] {
    return Array.from(this.#active.values(), (cluster) => cluster.state());
  }

  /** Of those that somebody has called. */
  calledStates(): ClusterState[] {
    return [...this.#active.values()].flatMap((cluster) => (cluster.called ? [cluster.state()] : []));
  }

  close(): void {
    for (const cluster of this.#each()) cluster.destroy();
    this.#active.clear();
    this.#warming.clear();
    this.#members.clear();
  }

  #join(cluster: LazyCluster): void {
    const { service } = cluster;
    if (service === undefined) return;
    this.#members.getOrInsertComputed(service, () => []).push(cluster);
    const endpoints = this.#endpoints.get(service);
    if (endpoints) cluster.setEndpoints(endpoints);
  }

  #end(cluster: LazyCluster): void {
    this.#leave(cluster);
    cluster.close();
  }

  #leave(cluster: LazyCluster): void {
    const { service } = cluster;
    if (service === undefined) return;
    const others = (this.#members.get(service) ?? []).filter((member) => member !== cluster);
    if (others.length > 0) this.#members.set(service, others);
    else this.#members.delete(service);
  }

  #each(): LazyCluster[] {
    return [...this.#active.values(), ...this.#warming.values()];
  }
}
