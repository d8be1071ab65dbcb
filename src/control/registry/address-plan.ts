/** Which virtual addresses the hosts of ServiceEntries should have. Pure. Istio: `ipallocate`, 240.240.0.0/16 and 2001:2::/48. */
import { hash } from 'node:crypto';
import type { ServiceEntry } from '../../api/service-entry.ts';
import type { Stored } from '../../kube/object.ts';
import { addressedHosts } from './allocated-addresses.ts';
import { byAge } from './by-age.ts';

export interface HostAddress {
  readonly value: string;
  readonly host: string;
}

export interface AddressChange {
  readonly entry: Stored<ServiceEntry>;
  /** What the status should hold; empty: nothing. */
  readonly addresses: readonly HostAddress[];
}

export interface AddressPlan {
  readonly changes: readonly AddressChange[];
  /** Entries for which no address is left. */
  readonly exhausted: readonly Stored<ServiceEntry>[];
}

/** Numbers 1 to 65534 of the range. */
const SIZE = 65_534;
const v4 = (n: number): string => `240.240.${n >> 8}.${n & 255}`;
const v6 = (n: number): string => `2001:2::f0f0:${n.toString(16)}`;

/** Keeps what is there and adds what is missing; of two hosts with one address the older entry's keeps it. The first choice
 * follows from the names, so that an entry that comes back gets the address that it had. */
export function planAddresses(entries: readonly Stored<ServiceEntry>[]): AddressPlan {
  const ordered = entries.toSorted(byAge);
  const taken = new Set(ordered.flatMap((e) => e.spec.addresses ?? []));
  const kept = new Map(ordered.map((entry) => [entry, keep(entry, taken)]));
  const changes: AddressChange[] = [];
  const exhausted: Stored<ServiceEntry>[] = [];
  for (const entry of ordered) {
    const have = kept.get(entry) ?? [];
    const missing = addressedHosts(entry).filter((host) => !have.some((a) => a.host === host));
    const added = missing.map((host) => allocate(`${entry.metadata.namespace}/${entry.metadata.name}/${host}`, host, taken));
    if (added.some((a) => a.length === 0)) exhausted.push(entry);
    const addresses = [...have, ...added.flat()];
    if (!isSame(addresses, entry.status?.addresses ?? [])) changes.push({ entry, addresses });
  }
  return { changes, exhausted };
}

/** The addresses in the status that may stay. */
function keep(entry: Stored<ServiceEntry>, taken: Set<string>): HostAddress[] {
  const hosts = addressedHosts(entry);
  return (entry.status?.addresses ?? []).flatMap(({ value = '', host = '' }) => {
    if (!hosts.includes(host) || !isOurs(value) || taken.has(value)) return [];
    taken.add(value);
    return [{ value, host }];
  });
}

const isOurs = (value: string): boolean => /^240\.240\.\d{1,3}\.\d{1,3}$/.test(value) || value.startsWith('2001:2::');

function allocate(seed: string, host: string, taken: Set<string>): HostAddress[] {
  const start = hash('sha1', seed, 'buffer').readUInt32BE(0) % SIZE;
  for (let i = 0; i < SIZE; i++) {
    const n = ((start + i) % SIZE) + 1;
    if (taken.has(v4(n)) || taken.has(v6(n))) continue;
    taken.add(v4(n)).add(v6(n));
    return [{ value: v4(n), host }, { value: v6(n), host }];
  }
  return [];
}

const isSame = (a: readonly HostAddress[], b: readonly { value?: string; host?: string }[]): boolean =>
  a.length === b.length && a.every((x, i) => x.value === b[i]?.value && x.host === b[i]?.host);
