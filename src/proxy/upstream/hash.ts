/** 64-bit hashes for consistent balancing: xxHash64, as Envoy takes for keys, ring points and Maglev permutations, so that
 * both send a key to the same host. Numbers of JavaScript hold 53 bits exactly, so a hash is two unsigned halves.
 * xxHash: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const ZERO: Hash64 = { high: 0, low: 0 };
export const ONE: Hash64 = { high: 0, low: 1 };

// The primes of the specification, halved.
const P1H = 0x9e3779b1;
const P1L = 0x85ebca87;
const P2H = 0xc2b2ae3d;
const P2L = 0x27d4eb4f;
const P3H = 0x165667b1;
const P3L = 0x9e3779f9;
const P4H = 0x85ebca77;
const P4L = 0xc2b2ae63;
const P5H = 0x27d4eb2f;
const P5L = 0x165667c5;

// Result of the last operation: two halves cannot be returned without an allocation each.
let high = 0;
let low = 0;

function multiply(ah: number, al: number, bh: number, bl: number): void {
  const a0 = al & 0xffff;
  const a1 = al >>> 16;
  const b0 = bl & 0xffff;
  const b1 = bl >>> 16;
  const first = a0 * b0;
  const middle = a1 * b0 + Math.floor(first / 0x10000);
  const second = a0 * b1 + (middle & 0xffff);
  high = (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(second / 0x10000) + Math.imul(ah, bl) + Math.imul(al, bh)) >>> 0;
  low = ((second << 16) | (first & 0xffff)) >>> 0;
}

function add(ah: number, al: number, bh: number, bl: number): void {
  const sum = al + bl;
  low = sum >>> 0;
  high = (ah + bh + (sum > 0xffffffff ? 1 : 0)) >>> 0;
}

/** @param by 1…31 */
function rotate(ah: number, al: number, by: number): void {
  high = ((ah << by) | (al >>> (32 - by))) >>> 0;
  low = ((al << by) | (ah >>> (32 - by))) >>> 0;
}

/** One lane: `rotl(lane + input × P2, 31) × P1` */
function round(laneH: number, laneL: number, inputH: number, inputL: number): void {
  multiply(inputH, inputL, P2H, P2L);
  add(laneH, laneL, high, low);
  rotate(high, low, 31);
  multiply(high, low, P1H, P1L);
}

function word(text: string, at: number): number {
  return ((text.charCodeAt(at) & 0xff) | ((text.charCodeAt(at + 1) & 0xff) << 8) | ((text.charCodeAt(at + 2) & 0xff) << 16) | ((text.charCodeAt(at + 3) & 0xff) << 24)) >>> 0;
}

/** @param text one char per byte (latin1) */
export function xxHash64(text: string, seed: Hash64 = ZERO): Hash64 {
  const { length } = text;
  let at = 0;
  if (length >= 32) at = stripes(text, seed);
  else add(seed.high, seed.low, P5H, P5L);
  add(high, low, 0, length);
  for (; at + 8 <= length; at += 8) {
    const accH = high;
    const accL = low;
    round(0, 0, word(text, at + 4), word(text, at));
    // A rotation by 27 bits.
    rotate((accH ^ high) >>> 0, (accL ^ low) >>> 0, 27);
    multiply(high, low, P1H, P1L);
    add(high, low, P4H, P4L);
  }
  if (at + 4 <= length) {
    const accH = high;
    const accL = low;
    multiply(0, word(text, at), P1H, P1L);
    rotate((accH ^ high) >>> 0, (accL ^ low) >>> 0, 23);
    multiply(high, low, P2H, P2L);
    add(high, low, P3H, P3L);
    at += 4;
  }
  for (; at < length; at++) {
    const accH = high;
    const accL = low;
    multiply(0, text.charCodeAt(at) & 0xff, P5H, P5L);
    rotate((accH ^ high) >>> 0, (accL ^ low) >>> 0, 11);
    multiply(high, low, P1H, P1L);
  }
  return avalanche();
}

/** All whole 32-byte stripes, in four lanes. @returns where the rest begins */
function stripes(text: string, seed: Hash64): number {
  add(P1H, P1L, P2H, P2L);
  add(high, low, seed.high, seed.low);
  const lanes = [high, low];
  add(P2H, P2L, seed.high, seed.low);
  lanes.push(high, low, seed.high, seed.low);
  // seed − P1
  add(~P1H >>> 0, ~P1L >>> 0, 0, 1);
  add(high, low, seed.high, seed.low);
  lanes.push(high, low);
  let at = 0;
  for (; at + 32 <= text.length; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      round(lanes[lane * 2] ?? 0, lanes[lane * 2 + 1] ?? 0, word(text, at + lane * 8 + 4), word(text, at + lane * 8));
      lanes[lane * 2] = high;
      lanes[lane * 2 + 1] = low;
    }
  }
  let sumH = 0;
  let sumL = 0;
  for (const [lane, by] of [1, 7, 12, 18].entries()) {
    rotate(lanes[lane * 2] ?? 0, lanes[lane * 2 + 1] ?? 0, by);
    add(sumH, sumL, high, low);
    sumH = high;
    sumL = low;
  }
  for (let lane = 0; lane < 4; lane++) {
    round(0, 0, lanes[lane * 2] ?? 0, lanes[lane * 2 + 1] ?? 0);
    multiply((sumH ^ high) >>> 0, (sumL ^ low) >>> 0, P1H, P1L);
    add(high, low, P4H, P4L);
    sumH = high;
    sumL = low;
  }
  return at;
}

function avalanche(): Hash64 {
  // h ^= h >> 33
  low = (low ^ (high >>> 1)) >>> 0;
  multiply(high, low, P2H, P2L);
  // h ^= h >> 29
  low = (low ^ ((low >>> 29) | (high << 3))) >>> 0;
  high = (high ^ (high >>> 29)) >>> 0;
  multiply(high, low, P3H, P3L);
  // h ^= h >> 32
  return { high, low: (low ^ high) >>> 0 };
}

/** Several hashes as one: the earlier ones are rotated, so that equal ones do not cancel out. Envoy: HashPolicyImpl::generateHash. */
export function combine(before: Hash64 | undefined, next: Hash64): Hash64 {
  if (before === undefined) return next;
  rotate(before.high, before.low, 1);
  return { high: (high ^ next.high) >>> 0, low: (low ^ next.low) >>> 0 };
}

/** @param divisor below 2^26, so that no step leaves the exact range */
export function remainder(hash: Hash64, divisor: number): number {
  return ((hash.high % divisor) * (0x100000000 % divisor) + hash.low) % divisor;
}

export function randomHash(random: () => number): Hash64 {
  return { high: Math.floor(random() * 0x100000000), low: Math.floor(random() * 0x100000000) };
}

/** 16 hexadecimal digits. */
export const hashText = ({ high: h, low: l }: Hash64): string => h.toString(16).padStart(8, '0') + l.toString(16).padStart(8, '0');

/** Tells a configuration from its other versions; the same in all threads. */
export const versionText = (bytes: Uint8Array): string => hashText(xxHash64(Buffer.from(bytes).toString('latin1')));
