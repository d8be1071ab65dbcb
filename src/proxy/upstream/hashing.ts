/** Consistent hashing: a key goes to the same host as long as that host is there, and to the same one as with Envoy.
 * Tables are made at the first pick: most clusters of a sidecar never see a request. */
import { type Balancer, NOBODY } from './balancers.ts';
import { type Hash64, ONE, randomHash, remainder, xxHash64 } from './hash.ts';
import type { Host } from './host.ts';

export type HashPolicy =
  | { readonly kind: 'ring-hash'; readonly minimumSize: number; readonly maximumSize: number; readonly byHostname: boolean }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly byHostname: boolean };

export interface WeightedHost {
  readonly host: Host;
  /** All weights add up to 1. */
  readonly weight: number;
}

export const isHashing = (policy: { readonly kind: string }): policy is HashPolicy => policy.kind === 'ring-hash' || policy.kind === 'maglev';

export function createHashing(policy: HashPolicy, hosts: readonly WeightedHost[], random: () => number): Balancer {
  if (hosts.length === 0) return NOBODY;
  let made: Lookup | undefined;
  return {
    pick(hash, attempt) {
      made ??= policy.kind === 'ring-hash' ? ring(policy, hosts) : maglev(policy, hosts);
      return made(hash ?? randomHash(random), attempt);
    },
  };
}

type Lookup = (hash: Hash64, attempt: number) => Host | undefined;

/** What stands for a host: metadata `envoy.lb` `hash_key`, its name when asked for, else its address. */
function hashName(host: Host, byHostname: boolean): string {
  const own = host.config.metadata['envoy.lb']?.['hash_key'];
  if (typeof own === 'string' && own !== '') return own;
  return byHostname && host.config.hostname !== '' ? host.config.hostname : host.key;
}

/** Each host owns points on a ring in proportion to its weight; a key belongs to the next point. Envoy: RingHashLoadBalancer (ketama). */
function ring(policy: { minimumSize: number; maximumSize: number; byHostname: boolean }, hosts: readonly WeightedHost[]): Lookup {
  const smallest = Math.min(...hosts.map(({ weight }) => weight));
  // So many points that the lightest host has a whole number of them.
  const scale = Math.min(Math.ceil(smallest * policy.minimumSize) / smallest, policy.maximumSize);
  const points: { hash: Hash64; host: Host }[] = [];
  let target = 0;
  for (const { host, weight } of hosts) {
    const name = hashName(host, policy.byHostname);
    target += scale * weight;
    for (let i = 0; points.length < target; i++) points.push({ hash: xxHash64(`${name}_${i}`), host });
  }
  points.sort((a, b) => a.hash.high - b.hash.high || a.hash.low - b.hash.low);
  const highs = Uint32Array.from(points, ({ hash }) => hash.high);
  const lows = Uint32Array.from(points, ({ hash }) => hash.low);
  const owners = points.map(({ host }) => host);
  return (hash, attempt) => {
    let from = 0;
    let to = owners.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const high = highs[middle] ?? 0;
      if (high < hash.high || (high === hash.high && (lows[middle] ?? 0) < hash.low)) from = middle + 1;
      else to = middle;
    }
    return owners[(from + attempt) % owners.length];
  };
}

/** A table that the hosts fill in turn, each by a permutation of its own; a lookup is one index. Envoy: MaglevLoadBalancer. */
function maglev(policy: { tableSize: number; byHostname: boolean }, hosts: readonly WeightedHost[]): Lookup {
  const { tableSize } = policy;
  const heaviest = Math.max(...hosts.map(({ weight }) => weight));
  const rows = hosts
    .map(({ host, weight }) => ({ host, weight, name: hashName(host, policy.byHostname) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ host, weight, name }) => ({ host, weight, slot: remainder(xxHash64(name), tableSize), skip: remainder(xxHash64(name, ONE), tableSize - 1) + 1, target: 0 }));
  const table = new Int32Array(tableSize).fill(-1);
  let filled = 0;
  for (let round = 1; filled < tableSize; round++) {
    for (const [i, row] of rows.entries()) {
      if (filled >= tableSize) break;
      // A lighter host takes part in fewer rounds.
      if (round * row.weight < row.target) continue;
      row.target += heaviest;
      while (table[row.slot] !== -1) row.slot = (row.slot + row.skip) % tableSize;
      table[row.slot] = i;
      filled++;
    }
  }
  return (hash, attempt) => {
    // Another try takes another key. Envoy: `hash ^ (2^64 − attempt)`.
    const key = attempt === 0 ? hash : { high: ~hash.high >>> 0, low: (hash.low ^ -attempt) >>> 0 };
    return rows[table[remainder(key, tableSize)] ?? -1]?.host;
  };
}
