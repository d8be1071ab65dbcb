/** The clusters in force and their endpoints. A changed cluster takes over when it knows its hosts; until then the old one serves.
 * Where the change does not concern connections, they and the hosts stay. */
import type { UpstreamCluster, ClusterDeps } from '../upstream/cluster.ts';
import type { ClusterState } from '../runtime-contract.ts';
import { connectsAlike } from './cluster-change.ts';
import { compileCluster, compileEndpoints } from './clusters.ts';
import { decode } from './decode.ts';
import { LazyCluster } from './lazy-cluster.ts';

interface Entry {
  active: LazyCluster;
  warming: LazyCluster | undefined;
}

export class ClusterStore {
  readonly #deps: ClusterDeps;
  readonly #clusters = new Map<string, Entry>();
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
    return this.#clusters.get(name)?.active.get();
  }

  /** @throws ConfigError */
  setCluster(name: string, value: Uint8Array): void {
    const settings = compileCluster(decode('cluster', value));
    const entry = this.#clusters.get(name);
    if (entry && !entry.warming && connectsAlike(entry.active.value, value)) return entry.active.reconfigure(value, settings);
    const next = new LazyCluster(value, settings, this.#deps);
    this.#join(next);
    if (!entry) {
      this.#clusters.set(name, { active: next, warming: undefined });
      next.whenWarm(this.#onWarm);
      return;
    }
    if (entry.warming) this.#leave(entry.warming);
    entry.warming?.close();
    entry.warming = next;
    next.whenWarm(() => {
      if (entry.warming !== next) return;
      this.#leave(entry.active);
      entry.active.close();
      entry.active = next;
      entry.warming = undefined;
      this.#onWarm();
    });
  }

  removeCluster(name: string): void {
    const entry = this.#clusters.get(name);
    this.#clusters.delete(name);
    for (const cluster of entry ? both(entry) : []) {
      this.#leave(cluster);
      cluster.close();
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

  warm(name: string): boolean {
    const entry = this.#clusters.get(name);
    return entry === undefined || (entry.warming === undefined && entry.active.warm);
  }

  get allWarm(): boolean {
    return [...this.#clusters.values()].every(({ active, warming }) => warming === undefined && active.warm);
  }

  get counts(): { readonly total: number; readonly warming: number } {
    return { total: this.#clusters.size, warming: [...this.#clusters.values()].filter(({ active }) => !active.warm).length };
  }

  endpointNames(): Iterable<string> {
    return this.#members.keys();
  }

  secretNames(): string[] {
    return this.#each().flatMap((cluster) => [...cluster.secretNames]);
  }

  states(): ClusterState[] {
    return Array.from(this.#clusters.values(), ({ active }) => active.state());
  }

  /** Of those that somebody has called. */
  calledStates(): ClusterState[] {
    return [...this.#clusters.values()].flatMap(({ active }) => (active.called ? [active.state()] : []));
  }

  close(): void {
    for (const cluster of this.#each()) cluster.destroy();
    this.#clusters.clear();
    this.#members.clear();
  }

  #join(cluster: LazyCluster): void {
    const { service } = cluster;
    if (service === undefined) return;
    this.#members.getOrInsertComputed(service, () => []).push(cluster);
    const endpoints = this.#endpoints.get(service);
    if (endpoints) cluster.setEndpoints(endpoints);
  }

  #leave(cluster: LazyCluster): void {
    const { service } = cluster;
    if (service === undefined) return;
    const others = (this.#members.get(service) ?? []).filter((member) => member !== cluster);
    if (others.length > 0) this.#members.set(service, others);
    else this.#members.delete(service);
  }

  #each(): LazyCluster[] {
    return [...this.#clusters.values()].flatMap(both);
  }
}

const both = ({ active, warming }: Entry): LazyCluster[] => (warming ? [active, warming] : [active]);
