/** All hosts of a cluster, and who gets the next request: a priority by health, in it a locality by weight, in that a host by policy. */
import { type Balancer, type BalancerPolicy, createBalancer, NOBODY } from './balancers.ts';
import { EdfScheduler } from './edf.ts';
import { type Hash64, remainder } from './hash.ts';
import { createHashing, isHashing, type WeightedHost } from './hashing.ts';
import type { Host, Locality } from './host.ts';
import { priorityLoads } from './priority-load.ts';

export interface HostSetSettings {
  readonly policy: BalancerPolicy;
  /** Percent; Envoy's default 50. 0 disables panic. */
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
}

export interface HostSetDeps {
  random(): number;
  /** Monotonic ms. */
  now(): number;
}

/** Envoy's default, percent. */
export const OVERPROVISIONING = 140;

interface Level {
  readonly healthyLoad: number;
  readonly degradedLoad: number;
  readonly healthy: Balancer;
  readonly degraded: Balancer;
}

type Availability = 'healthy' | 'degraded' | 'all';

const isDegraded = (host: Host): boolean => !host.ejected && host.config.health === 'DEGRADED';
const FIT: Readonly<Record<Availability, (host: Host) => boolean>> = { healthy: (host) => host.healthy, degraded: isDegraded, all: () => true };

export class HostSet {
  readonly #settings: HostSetSettings;
  readonly #deps: HostSetDeps;
  readonly #turns = new Map<string, { next: number }>();
  #levels: readonly Level[] = [];
  /** When one priority gets everything. */
  #only: Balancer | undefined = NOBODY;

  constructor(settings: HostSetSettings, deps: HostSetDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** Called when hosts come, go or change their health. */
  update(hosts: readonly Host[], overprovisioning = OVERPROVISIONING): void {
    const now = this.#deps.now();
    for (const host of hosts) if (host.healthy) host.healthySinceMs ??= now;
    const priorities = [...new Set(hosts.map((host) => host.config.priority))].sort((a, b) => a - b);
    const members = priorities.map((priority) => hosts.filter((host) => host.config.priority === priority));
    const counts = members.map((level) => ({ all: level.length, healthy: level.filter(FIT.healthy).length, degraded: level.filter(FIT.degraded).length }));
    const loads = priorityLoads(counts, { overprovisioning, panicThreshold: this.#settings.panicThreshold });
    this.#levels = members.map((level, i): Level => {
      const load = loads[i] ?? { healthy: 0, degraded: 0, panic: false };
      const group = (fit: Availability) => this.#group(level, fit, { overprovisioning, name: `${priorities[i]}` });
      return {
        healthyLoad: load.healthy,
        degradedLoad: load.degraded,
        healthy: load.healthy > 0 ? group(load.panic ? 'all' : 'healthy') : NOBODY,
        degraded: load.degraded > 0 ? group(load.panic ? 'all' : 'degraded') : NOBODY,
      };
    });
    this.#only = this.#levels.length === 0 ? NOBODY : this.#levels.find((level) => level.healthyLoad === 100)?.healthy;
  }

  /** @returns undefined when no host is fit */
  pick(hash: Hash64 | undefined, attempt: number): Host | undefined {
    return (this.#only ?? this.#choose(hash)).pick(hash, attempt);
  }

  #choose(hash: Hash64 | undefined): Balancer {
    const byHash = hash !== undefined && isHashing(this.#settings.policy);
    const point = byHash ? remainder(hash, 100) : Math.floor(this.#deps.random() * 100);
    let total = 0;
    for (const level of this.#levels) if (point < (total += level.healthyLoad)) return level.healthy;
    for (const level of this.#levels) if (point < (total += level.degradedLoad)) return level.degraded;
    return NOBODY;
  }

  #group(level: readonly Host[], fit: Availability, context: { overprovisioning: number; name: string }): Balancer {
    const { policy, localityWeighted } = this.#settings;
    if (isHashing(policy)) {
      // Only those hosts are in a table that are healthy (all in panic); there is none for the degraded.
      const usable = FIT[fit === 'degraded' ? 'healthy' : fit];
      return createHashing(policy, localityWeighted ? localityShares(level, usable) : shares(level.filter(usable), 1), this.#deps.random);
    }
    const name = `${context.name} ${fit}`;
    const flat = () => createBalancer(policy, level.filter(FIT[fit]), { ...this.#deps, turn: this.#turn(name) });
    if (!localityWeighted || fit === 'all') return flat();
    const localities = [...byLocality(level)].flatMap(([locality, hosts]) => {
      const usable = hosts.filter(FIT[fit]);
      // A locality gives up traffic only when it has lost more hosts than the factor makes up for.
      const weight = (hosts[0]?.config.localityWeight ?? 0) * Math.min(1, ((usable.length / hosts.length) * context.overprovisioning) / 100);
      return weight > 0 ? [{ weight, balancer: createBalancer(policy, usable, { ...this.#deps, turn: this.#turn(`${name} ${locality}`) }) }] : [];
    });
    const [only] = localities;
    if (!only) return flat();
    if (localities.length === 1) return only.balancer;
    const turns = new EdfScheduler(localities, ({ weight }) => weight, Math.floor(this.#deps.random() * localities.length));
    return { pick: (hash, attempt) => turns.pick()?.balancer.pick(hash, attempt) };
  }

  /** A random start, so that many proxies with the same list do not all begin with its first host. */
  #turn(name: string): { next: number } {
    let turn = this.#turns.get(name);
    if (!turn) this.#turns.set(name, (turn = { next: Math.floor(this.#deps.random() * 0x10000) }));
    return turn;
  }
}

function byLocality(hosts: readonly Host[]): Map<string, Host[]> {
  return Map.groupBy(hosts, ({ config: { locality } }) => localityText(locality));
}

const localityText = (locality: Locality): string => `${locality.region}/${locality.zone}/${locality.subZone}`;

/** Weights that add up to `whole`. */
function shares(hosts: readonly Host[], whole: number): WeightedHost[] {
  const total = hosts.reduce((sum, host) => sum + host.config.weight, 0);
  return hosts.map((host) => ({ host, weight: (host.config.weight * whole) / total }));
}

function localityShares(hosts: readonly Host[], fit: (host: Host) => boolean): WeightedHost[] {
  const localities = [...byLocality(hosts).values()];
  const weight = (members: readonly Host[]) => members[0]?.config.localityWeight ?? 0;
  const total = localities.reduce((sum, members) => sum + weight(members), 0);
  return localities.flatMap((members) => (weight(members) > 0 ? shares(members.filter(fit), weight(members) / total) : []));
}
