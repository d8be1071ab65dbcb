/** Addresses and ranges of IPv4 and IPv6, as bytes. */
import { isIP } from 'node:net';

/** 4 or 16 bytes, or undefined when `text` is not an address. IPv4-mapped IPv6 (`::ffff:1.2.3.4`) becomes IPv4. */
export function parseAddress(text: string): Uint8Array | undefined {
  const family = isIP(text);
  if (family === 4) return Uint8Array.from(text.split('.'), Number);
  if (family !== 6) return undefined;
  return unmap(parseV6(text.split('%')[0] ?? text));
}

/** The text of an address of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  // A URL's host is written in the short form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

export interface Cidr {
  readonly address: Uint8Array;
  readonly prefix: number;
}

/** `10.0.0.0/8`; an address alone is the range of that one address. */
export function parseCidr(text: string): Cidr | undefined {
  const [host = '', length] = text.split('/');
  const address = parseAddress(host);
  if (!address) return undefined;
  const bits = address.length * 8;
  const prefix = length === undefined ? bits : Number(length);
  return Number.isInteger(prefix) && prefix >= 0 && prefix <= bits && length !== '' ? { address, prefix } : undefined;
}

export function cidrContains(range: Cidr, address: Uint8Array): boolean {
  if (range.address.length !== address.length) return false;
  const whole = range.prefix >> 3;
  for (let i = 0; i < whole; i++) if (range.address[i] !== address[i]) return false;
  const rest = range.prefix & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return ((range.address[whole] ?? 0) & mask) === ((address[whole] ?? 0) & mask);
}

/** Many ranges at once: asks in time that depends on how many different lengths they have, not on how many there are. */
export class CidrSet {
  /** By length of the address and of the prefix, longest prefix first. */
  readonly #groups: { readonly bytes: number; readonly prefix: number; readonly networks: Set<string> }[] = [];
  readonly size: number;

  constructor(ranges: readonly Cidr[]) {
    this.size = ranges.length;
    for (const { address, prefix } of ranges) {
      let group = this.#groups.find((g) => g.bytes === address.length && g.prefix === prefix);
      if (!group) this.#groups.push((group = { bytes: address.length, prefix, networks: new Set() }));
      group.networks.add(network(address, prefix));
    }
    this.#groups.sort((a, b) => b.prefix - a.prefix);
  }

  /** Length of the longest prefix that contains the address; -1 when none does. */
  longest(address: Uint8Array): number {
    return this.#groups.find((g) => g.bytes === address.length && g.networks.has(network(address, g.prefix)))?.prefix ?? -1;
  }
}

/** One text for each range: host bits are cleared, and an address stands alone, `10.0.0.7/8` → `10.0.0.0/8`, `10.0.0.7/32` → `10.0.0.7`.
 * What is no range stays as it is. */
export function networkText(text: string): string {
  if (!text.includes('/')) return text;
  const range = parseCidr(text);
  if (!range) return text;
  const { address, prefix } = range;
  if (prefix === address.length * 8) return formatIp(address);
  const cleared = address.map((byte, i) => (prefix >= 8 * (i + 1) ? byte : prefix <= 8 * i ? 0 : byte & (0xff << (8 * (i + 1) - prefix))));
  return `${formatIp(cleared)}/${prefix}`;
}

/** The address with everything behind the prefix cleared, as a key. */
function network(address: Uint8Array, prefix: number): string {
  const whole = prefix >> 3;
  const rest = prefix & 7;
  const head = String.fromCharCode(...address.subarray(0, whole));
  return rest === 0 ? head : head + String.fromCharCode((address[whole] ?? 0) & (0xff << (8 - rest)) & 0xff);
}

function parseV6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = '', tail] = text.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = tail === undefined ? front : [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  all.forEach((group, i) => {
    bytes[i * 2] = group >> 8;
    bytes[i * 2 + 1] = group & 0xff;
  });
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function unmap(bytes: Uint8Array): Uint8Array {
  const mapped = bytes.subarray(0, 10).every((b) => b === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}
