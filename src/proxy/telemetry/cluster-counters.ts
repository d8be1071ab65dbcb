/** Per-cluster counts under Envoy's names: what people look for in `/stats` and `/clusters` first. */
import type { Destination, Outcome } from '../outcome.ts';

export interface ClusterCount {
  /** By response code. */
  readonly codes: Map<number, number>;
  requests: number;
  retries: number;
  timeouts: number;
  connectFailures: number;
  pendingOverflow: number;
}

/** Clusters are bounded by configuration; a configuration that replaces its clusters for ever is not. */
const MAX_CLUSTERS = 5000;

export const blankCount = (): ClusterCount => ({ codes: new Map(), requests: 0, retries: 0, timeouts: 0, connectFailures: 0, pendingOverflow: 0 });

export class ClusterCounters {
  readonly #byName = new Map<string, ClusterCount>();
  readonly #byDestination = new WeakMap<Destination, ClusterCount>();

  record(outcome: Outcome): void {
    const { upstream } = outcome;
    if (outcome.kind !== 'http' || !upstream) return;
    const count = this.#of(upstream.destination);
    if (!count) return;
    count.requests += 1;
    if (upstream.attempts > 1) count.retries += upstream.attempts - 1;
    if (outcome.responseCode > 0) count.codes.set(outcome.responseCode, (count.codes.get(outcome.responseCode) ?? 0) + 1);
    for (const flag of outcome.flags) {
      if (flag === 'UT') count.timeouts += 1;
      else if (flag === 'UF') count.connectFailures += 1;
      else if (flag === 'UO') count.pendingOverflow += 1;
    }
  }

  get(cluster: string): ClusterCount | undefined {
    return this.#byName.get(cluster);
  }

  entries(): Iterable<[name: string, count: ClusterCount]> {
    return this.#byName;
  }

  reset(): void {
    for (const count of this.#byName.values()) {
      count.codes.clear();
      count.requests = count.retries = count.timeouts = count.connectFailures = count.pendingOverflow = 0;
    }
  }

  #of(destination: Destination): ClusterCount | undefined {
    const known = this.#byDestination.get(destination) ?? this.#byName.get(destination.cluster);
    if (known) {
      this.#byDestination.set(destination, known);
      return known;
    }
    if (this.#byName.size >= MAX_CLUSTERS) return undefined;
    const made = blankCount();
    this.#byName.set(destination.cluster, made);
    this.#byDestination.set(destination, made);
    return made;
  }
}
