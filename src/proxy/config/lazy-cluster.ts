/** A cluster as it was told, made when it is first called: of the clusters that a sidecar knows it calls few, and in their encoded
 * form with their endpoints they cost a tenth. What it is told has been checked before. */
import type { ClusterState } from '../runtime-contract.ts';
import { type ClusterDeps, UpstreamCluster } from '../upstream/cluster.ts';
import { secretNames } from '../net/tls-settings.ts';
import { versionText } from '../upstream/hash.ts';
import type { ClusterSettings } from '../upstream/settings.ts';
import { compileCluster, compileEndpoints } from './clusters.ts';
import { decode } from './decode.ts';

const NONE: readonly string[] = [];

export class LazyCluster {
  readonly #deps: ClusterDeps;
  #value: Uint8Array;
  /** As it was told first, where threads must know that they mean the same one. */
  readonly #first: Uint8Array | undefined;
  /** Name of its endpoints, when they are told apart from it. */
  readonly service: string | undefined;
  readonly secretNames: readonly string[];
  #endpoints: Uint8Array | undefined;
  #made: UpstreamCluster | undefined;
  #onWarm: (() => void) | undefined;

  /** @param value an encoded Cluster
   * @param settings what it means; not kept */
  constructor(value: Uint8Array, settings: ClusterSettings, deps: ClusterDeps) {
    const { discovery } = settings;
    this.#deps = deps;
    this.#value = value;
    this.#first = deps.shared && value;
    this.service = discovery.kind === 'eds' ? discovery.service : undefined;
    const secrets = settings.transportMatches.flatMap(({ transport }) => secretNames(transport.tls)).concat(secretNames(settings.transport.tls));
    this.secretNames = secrets.length === 0 ? NONE : secrets;
    // Others wait for what DNS says of it.
    if (discovery.kind === 'dns') this.#made = new UpstreamCluster(settings, deps, this.#version());
  }

  /** Encoded, as it was told last. */
  get value(): Uint8Array {
    return this.#value;
  }

  /** Takes settings that make the same connections: see connectsAlike. */
  reconfigure(value: Uint8Array, settings: ClusterSettings): void {
    this.#value = value;
    this.#made?.reconfigure(settings);
  }

  /** The cluster at work. */
  get(): UpstreamCluster {
    return (this.#made ??= this.#make());
  }

  /** Somebody has asked for it; what was not called has nothing to tell. */
  get called(): boolean {
    return this.#made !== undefined;
  }

  takeEjections(): void {
    this.#made?.takeEjections();
  }

  /** Knows its hosts (there may be none). */
  get warm(): boolean {
    return this.#made ? this.#made.warm : this.service === undefined || this.#endpoints !== undefined;
  }

  whenWarm(run: () => void): void {
    if (this.warm) run();
    else if (this.#made) this.#made.whenWarm(run);
    else this.#onWarm = run;
  }

  /** @param value an encoded ClusterLoadAssignment that has been checked */
  setEndpoints(value: Uint8Array): void {
    this.#endpoints = value;
    if (this.#made) return takeEndpoints(this.#made, value);
    this.#onWarm?.();
    this.#onWarm = undefined;
  }

  state(): ClusterState {
    if (this.#made) return this.#made.state();
    const cluster = this.#make();
    const state = cluster.state();
    cluster.close();
    return state;
  }

  close(): void {
    this.#made?.close();
  }

  destroy(): void {
    this.#made?.destroy();
  }

  #version(): string {
    return this.#first === undefined ? '' : versionText(this.#first);
  }

  #make(): UpstreamCluster {
    const cluster = new UpstreamCluster(compileCluster(decode('cluster', this.#value)), this.#deps, this.#version());
    if (this.#endpoints) takeEndpoints(cluster, this.#endpoints);
    else if (this.#onWarm) cluster.whenWarm(this.#onWarm);
    return cluster;
  }
}

function takeEndpoints(cluster: UpstreamCluster, value: Uint8Array): void {
  const { hosts, overprovisioning } = compileEndpoints(decode('endpoints', value));
  cluster.setHosts(hosts, overprovisioning);
}
