/** The clusters in force and their endpoints. A changed cluster takes over when it knows its hosts; until then the old one serves.
 * Where the change does not concern connections, they and the hosts stay. */
import { UpstreamCluster, type ClusterDeps } from '../upstream/cluster.ts';
import type { ClusterState } from '../runtime-contract.ts';
import { connectsAlike } from './cluster-change.ts';
import { type CompiledEndpoints, compileCluster, compileEndpoints } from './clusters.ts';
import { decode } from './decode.ts';

interface Entry {
  active: UpstreamCluster;
  warming: UpstreamCluster | undefined;
  /** As it was encoded, of the later of the two. */
  value: Uint8Array;
}

export class ClusterStore {
  readonly #deps: ClusterDeps;
  readonly #clusters = new Map<string, Entry>();
  readonly #endpoints = new Map<string, CompiledEndpoints>();
  readonly #onWarm: () => void;

  constructor(deps: ClusterDeps, onWarm: () => void) {
    this.#deps = deps;
    this.#onWarm = onWarm;
  }

  get(name: string): UpstreamCluster | undefined {
    return this.#clusters.get(name)?.active;
  }

  /** @throws ConfigError */
  setCluster(name: string, value: Uint8Array): void {
    const settings = compileCluster(decode('cluster', value));
    const entry = this.#clusters.get(name);
    if (entry && !entry.warming && connectsAlike(entry.value, value)) {
      entry.active.reconfigure(settings);
      entry.value = value;
      return;
    }
    const next = new UpstreamCluster(settings, this.#deps);
    const endpoints = settings.discovery.kind === 'eds' ? this.#endpoints.get(settings.discovery.service) : undefined;
    if (endpoints) next.setHosts(endpoints.hosts, endpoints.overprovisioning);
    if (!entry) {
      this.#clusters.set(name, { active: next, warming: undefined, value });
      next.whenWarm(this.#onWarm);
      return;
    }
    entry.warming?.close();
    entry.warming = next;
    entry.value = value;
    next.whenWarm(() => {
      if (entry.warming !== next) return;
      entry.active.close();
      entry.active = next;
      entry.warming = undefined;
      this.#onWarm();
    });
  }

  removeCluster(name: string): void {
    const entry = this.#clusters.get(name);
    this.#clusters.delete(name);
    entry?.active.close();
    entry?.warming?.close();
  }

  /** @throws ConfigError */
  setEndpoints(name: string, value: Uint8Array): void {
    const compiled = compileEndpoints(decode('endpoints', value));
    this.#endpoints.set(name, compiled);
    for (const { active, warming } of this.#clusters.values()) {
      for (const cluster of warming ? [active, warming] : [active]) {
        const { discovery } = cluster.settings;
        if (discovery.kind === 'eds' && discovery.service === name) cluster.setHosts(compiled.hosts, compiled.overprovisioning);
      }
    }
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

  endpointNames(): string[] {
    return this.#each().flatMap(({ settings }) => (settings.discovery.kind === 'eds' ? [settings.discovery.service] : []));
  }

  secretNames(): string[] {
    return this.#each().flatMap((cluster) => cluster.secretNames);
  }

  states(): ClusterState[] {
    return [...this.#clusters.values()].map(({ active }) => active.state());
  }

  close(): void {
    for (const cluster of this.#each()) cluster.destroy();
    this.#clusters.clear();
  }

  #each(): UpstreamCluster[] {
    return [...this.#clusters.values()].flatMap(({ active, warming }) => (warming ? [active, warming] : [active]));
  }
}
