/** Lists of pairs as modules and hosts pass them to each other. proxy-wasm ABI, "Serialized map": the number of pairs, the two lengths of each
 * (32 bits, little endian), then each key and each value, ended by a zero byte. */

/** More than any header block may hold. */
const MAX_PAIRS = 10_000;

export type Pair = readonly [key: Buffer, value: Buffer];

export function encodePairs(pairs: readonly Pair[]): Buffer {
  const size = pairs.reduce((sum, [key, value]) => sum + 8 + key.length + 1 + value.length + 1, 4);
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(pairs.length, 0);
  let at = 4;
  for (const part of pairs.flat()) at = bytes.writeUInt32LE(part.length, at);
  for (const part of pairs.flat()) at += part.copy(bytes, at) + 1;
  return bytes;
}

/** @param bytes of a module: whatever it likes
 * @returns undefined when they are no list of pairs; else views of the bytes */
export function decodePairs(bytes: Buffer): Pair[] | undefined {
  if (bytes.length === 0) return [];
  if (bytes.length < 4) return undefined;
  const count = bytes.readUInt32LE(0);
  let at = 4 + count * 8;
  if (count > MAX_PAIRS || at > bytes.length) return undefined;
  const part = (index: number): Buffer | undefined => {
    const length = bytes.readUInt32LE(4 + index * 4);
    const end = at + length;
    if (end >= bytes.length || bytes[end] !== 0) return undefined;
    const found = bytes.subarray(at, end);
    at = end + 1;
    return found;
  };
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const key = part(i * 2);
    const value = key && part(i * 2 + 1);
    if (!key || !value) return undefined;
    pairs.push([key, value]);
  }
  return pairs;
}
