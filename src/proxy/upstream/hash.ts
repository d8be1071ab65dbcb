/** 32-bit MurmurHash3 of a string's bytes (latin1): spreads well and needs no BigInt. Keys only have to agree between requests of
 * one proxy fleet, not with other software. */
export function hash32(text: string, seed = 0): number {
  let h = seed | 0;
  const whole = text.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const k = (text.charCodeAt(i) & 0xff) | ((text.charCodeAt(i + 1) & 0xff) << 8) | ((text.charCodeAt(i + 2) & 0xff) << 16) | ((text.charCodeAt(i + 3) & 0xff) << 24);
    h ^= scramble(k);
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  let k = 0;
  for (let i = text.length - 1; i >= whole; i--) k = (k << 8) | (text.charCodeAt(i) & 0xff);
  h ^= scramble(k) ^ text.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scramble(k: number): number {
  const mixed = Math.imul(k, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
