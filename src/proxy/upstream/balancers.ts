/** Choosing among the hosts of one group. A balancer is made for a fixed list of hosts and made anew when the list changes. */
import type { Host } from './host.ts';
import { hash32 } from './hash.ts';

export interface PickInput {
  /** From the route's hash policy. */
  readonly hash: number | undefined;
  random(): number;
}

export interface Balancer {
  /** @param seed carries the position of round robin from one list to the next */
  pick(input: PickInput): Host | undefined;
}

export type BalancerPolicy =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request'; readonly choices: number }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly minimumSize: number; readonly maximumSize: number; readonly byHostname: boolean }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly byHostname: boolean };

export function createBalancer(policy: BalancerPolicy, hosts: readonly Host[], random: () => number): Balancer {
  if (hosts.length === 0) return { pick: () => undefined };
  switch (policy.kind) {
    case 'round-robin':
      return equalWeights(hosts) ? roundRobin(hosts, random) : weightedRoundRobin(hosts);
    case 'least-request':
      return leastRequest(hosts, policy.choices);
    case 'random':
      return { pick: weightedRandom(hosts) };
    case 'ring-hash':
      return ringHash(hosts, policy);
    case 'maglev':
      return maglev(hosts, policy);
  }
}

const weightOf = (host: Host) => host.config.weight;

function equalWeights(hosts: readonly Host[]): boolean {
  const first = hosts[0]?.config.weight;
  return hosts.every((host) => host.config.weight === first);
}

function roundRobin(hosts: readonly Host[], random: () => number): Balancer {
  // A random start, so that many proxies with the same list do not all begin with its first host.
  let next = Math.floor(random() * hosts.length);
  return {
    pick() {
      const host = hosts[next];
      next = next + 1 < hosts.length ? next + 1 : 0;
      return host;
    },
  };
}

/** Smooth weighted round robin: in each step every host gains its weight, the richest is chosen and pays the total. */
function weightedRoundRobin(hosts: readonly Host[]): Balancer {
  const credit = new Float64Array(hosts.length);
  const total = hosts.reduce((sum, host) => sum + weightOf(host), 0);
  return {
    pick() {
      let best = 0;
      for (let i = 0; i < hosts.length; i++) {
        credit[i] = (credit[i] ?? 0) + (hosts[i]?.config.weight ?? 0);
        if ((credit[i] ?? 0) > (credit[best] ?? 0)) best = i;
      }
      credit[best] = (credit[best] ?? 0) - total;
      return hosts[best];
    },
  };
}

function weightedRandom(hosts: readonly Host[]): (input: PickInput) => Host | undefined {
  if (equalWeights(hosts)) return ({ random }) => hosts[Math.floor(random() * hosts.length)];
  const bounds = new Float64Array(hosts.length);
  let total = 0;
  for (const [i, host] of hosts.entries()) bounds[i] = total += weightOf(host);
  return ({ random }) => {
    const point = random() * total;
    let low = 0;
    let high = bounds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bounds[middle] ?? 0) > point) high = middle;
      else low = middle + 1;
    }
    return hosts[low];
  };
}

/** Power of N choices: of N random hosts the one with the fewest active requests per weight. Envoy: LEAST_REQUEST, default N = 2. */
function leastRequest(hosts: readonly Host[], choices: number): Balancer {
  const pick = weightedRandom(hosts);
  const equal = equalWeights(hosts);
  const load = (host: Host) => (equal ? host.activeRequests : (host.activeRequests + 1) / weightOf(host));
  return {
    pick(input) {
      let best = pick(input);
      for (let i = 1; i < choices; i++) {
        const other = pick(input);
        if (other && best && load(other) < load(best)) best = other;
      }
      return best;
    },
  };
}

const hashName = (host: Host, byHostname: boolean) => (byHostname && host.config.hostname !== '' ? host.config.hostname : host.key);

/** Consistent hashing on a ring (ketama): each host owns points in proportion to its weight. */
function ringHash(hosts: readonly Host[], policy: { minimumSize: number; maximumSize: number; byHostname: boolean }): Balancer {
  const total = hosts.reduce((sum, host) => sum + weightOf(host), 0);
  const smallest = Math.min(...hosts.map(weightOf)) / total;
  const scale = Math.min(Math.ceil(smallest * policy.minimumSize) / smallest, policy.maximumSize);
  const points: { hash: number; host: Host }[] = [];
  for (const host of hosts) {
    const name = hashName(host, policy.byHostname);
    const count = Math.max(1, Math.round((scale * weightOf(host)) / total));
    for (let i = 0; i < count; i++) points.push({ hash: hash32(`${name}_${i}`), host });
  }
  points.sort((a, b) => a.hash - b.hash);
  return {
    pick(input) {
      const want = input.hash ?? Math.floor(input.random() * 2 ** 32);
      let low = 0;
      let high = points.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((points[middle]?.hash ?? 0) < want) low = middle + 1;
        else high = middle;
      }
      return (points[low] ?? points[0])?.host;
    },
  };
}

/** Maglev: a table that each host fills by its own permutation; lookups are one index. */
function maglev(hosts: readonly Host[], policy: { tableSize: number; byHostname: boolean }): Balancer {
  const size = policy.tableSize;
  const heaviest = Math.max(...hosts.map(weightOf));
  const rows = hosts
    .map((host) => ({ host, name: hashName(host, policy.byHostname) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ host, name }) => ({ host, offset: hash32(name) % size, skip: (hash32(name, 0x9e3779b9) % (size - 1)) + 1, next: 0, target: 0 }));
  const table: (Host | undefined)[] = Array.from({ length: size });
  let filled = 0;
  for (let round = 1; filled < size; round++) {
    for (const row of rows) {
      if (filled >= size) break;
      // A lighter host takes part in fewer rounds.
      if ((round * weightOf(row.host)) / heaviest < row.target) continue;
      row.target++;
      let slot = (row.offset + row.skip * row.next) % size;
      while (table[slot] !== undefined) slot = (row.offset + row.skip * ++row.next) % size;
      row.next++;
      table[slot] = row.host;
      filled++;
    }
  }
  return { pick: (input) => table[(input.hash ?? Math.floor(input.random() * 2 ** 32)) % size] };
}
