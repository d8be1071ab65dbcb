/** Which group of a cluster's hosts gets the next request: priorities by health, localities by weight, panic when too few are healthy.
 *
 * Why: traffic must leave a failing zone or priority before all of it has failed, and must not crush the few that are left.
 * A priority carries `healthy / all × 1.4` of the load (overprovisioning factor), up to all of it; the next takes the rest. When
 * the priorities together cannot carry 100 %, they share it in proportion. When the healthy share of a priority's hosts is below
 * the panic threshold, health is ignored there: better some errors everywhere than an avalanche. Envoy: "Priority levels",
 * "Locality weighted load balancing", "Panic threshold". */
import { type Balancer, type BalancerPolicy, createBalancer, type PickInput } from './balancers.ts';
import type { Host, Locality } from './host.ts';

export interface HostSetSettings {
  readonly policy: BalancerPolicy;
  /** 0…1; Envoy's default 0.5. 0 disables panic. */
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
  /** Envoy's default 1.4. */
  readonly overprovisioning: number;
}

export interface HostSet {
  pick(input: PickInput): Host | undefined;
}

interface Group {
  readonly weight: number;
  readonly balancer: Balancer;
}

interface Level {
  readonly load: number;
  readonly groups: readonly Group[];
  readonly total: number;
}

export function buildHostSet(hosts: readonly Host[], settings: HostSetSettings, random: () => number): HostSet {
  const priorities = [...new Set(hosts.map((host) => host.config.priority))].sort((a, b) => a - b);
  const levels = priorities.map((priority) => hosts.filter((host) => host.config.priority === priority));
  const loads = priorityLoads(levels, settings);
  const built = levels.map((level, i) => buildLevel(level, loads[i] ?? 0, settings, random));
  const only = built.length === 1 ? built[0]?.groups : undefined;
  const single = only?.length === 1 ? only[0]?.balancer : undefined;
  if (single) return single;
  return {
    pick(input) {
      const level = choose(built, 1, (l) => l.load, input.random());
      const group = level && choose(level.groups, level.total, (g) => g.weight, input.random());
      return group?.balancer.pick(input);
    },
  };
}

function choose<T>(items: readonly T[], total: number, weight: (item: T) => number, random: number): T | undefined {
  let point = random * total;
  for (const item of items) {
    point -= weight(item);
    if (point < 0) return item;
  }
  return items.findLast((item) => weight(item) > 0);
}

/** Share of the traffic per priority, adding up to 1. */
function priorityLoads(levels: readonly (readonly Host[])[], settings: HostSetSettings): number[] {
  const health = levels.map((level) => Math.min(1, share(level) * settings.overprovisioning));
  const sum = health.reduce((a, b) => a + b, 0);
  if (sum === 0) return levels.map((_, i) => (i === 0 ? 1 : 0));
  const capacity = Math.min(1, sum);
  let left = 1;
  return health.map((value) => {
    const load = Math.min(left, value / capacity);
    left -= load;
    return load;
  });
}

function share(level: readonly Host[]): number {
  return level.length === 0 ? 0 : level.filter((host) => host.healthy).length / level.length;
}

function buildLevel(level: readonly Host[], load: number, settings: HostSetSettings, random: () => number): Level {
  const panic = share(level) < settings.panicThreshold;
  const eligible = (hosts: readonly Host[]): readonly Host[] => {
    if (panic) return hosts;
    const healthy = hosts.filter((host) => host.healthy);
    // Degraded hosts serve only when nobody else can.
    return healthy.length > 0 ? healthy : hosts.filter((host) => !host.ejected && host.config.health === 'DEGRADED');
  };
  if (!settings.localityWeighted) {
    return { load, total: 1, groups: [{ weight: 1, balancer: createBalancer(settings.policy, eligible(level), random) }] };
  }
  const groups: Group[] = [];
  for (const hosts of byLocality(level).values()) {
    const usable = eligible(hosts);
    const weight = (hosts[0]?.config.localityWeight ?? 0) * Math.min(1, (usable.length / hosts.length) * settings.overprovisioning);
    if (weight > 0) groups.push({ weight, balancer: createBalancer(settings.policy, usable, random) });
  }
  return { load, groups, total: groups.reduce((sum, group) => sum + group.weight, 0) };
}

function byLocality(hosts: readonly Host[]): Map<string, Host[]> {
  const map = new Map<string, Host[]>();
  const key = (locality: Locality) => `${locality.region}/${locality.zone}/${locality.subZone}`;
  for (const host of hosts) {
    const list = map.get(key(host.config.locality));
    if (list) list.push(host);
    else map.set(key(host.config.locality), [host]);
  }
  return map;
}
