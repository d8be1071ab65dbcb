/** Random changes of inputs that are known to get somewhere. */
import type { Part } from './shape.ts';
import type { Random, Target } from './target.ts';

const NUMBERS = ['0', '-1', '1e9', '1e999999999', '18446744073709551616', '9007199254740993', '0.0000000001', '4294967296', '-0', 'NaN'];
const BYTES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x2e, 0x2f, 0x3a, 0x5c, 0x7f, 0x80, 0xc0, 0xff];
const TOKENS = ['__proto__', 'constructor', 'null', '{}', '[]', '""', '{', '}', '[', ']', '\r\n', '\u0000', '%2e', '../', '𝒳', ...NUMBERS];
const MAX_BYTES = 1 << 16;

/** What there is to start from. */
export interface Material {
  readonly target: Target;
  readonly pool: readonly Buffer[];
}

type Mutation = (input: Buffer, random: Random, from: Material) => Buffer;

const pick = <T>(items: readonly T[], random: Random): T => items[random(items.length)] as T;
const splice = (input: Buffer, at: number, remove: number, add: Buffer): Buffer => Buffer.concat([input.subarray(0, at), add, input.subarray(at + remove)]);

const MUTATIONS: readonly Mutation[] = [
  function flipBit(input, random) {
    const copy = Buffer.from(input);
    const at = random(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
    return copy;
  },
  function setByte(input, random) {
    const copy = Buffer.from(input);
    copy[random(copy.length)] = random(2) === 0 ? pick(BYTES, random) : random(256);
    return copy;
  },
  (input, random) => splice(input, random(input.length + 1), 0, Buffer.from([pick(BYTES, random)])),
  (input, random) => splice(input, random(input.length), 1 + random(8), Buffer.alloc(0)),
  (input, random) => input.subarray(0, random(input.length + 1)),
  function repeatPart(input, random) {
    const from = random(input.length);
    const part = input.subarray(from, from + 1 + random(32));
    return splice(input, from, 0, Buffer.concat(Array<Buffer>(1 + random(random(20) === 0 ? 2000 : 4)).fill(part)));
  },
  (input, random, { target }) => splice(input, random(input.length + 1), 0, Buffer.from(pick(target.words?.length ? [...target.words, ...TOKENS] : TOKENS, random))),
  function replaceNumber(input, random) {
    const content = input.toString('latin1');
    const found = [...content.matchAll(/\d+/g)];
    const chosen = found[random(found.length)];
    return chosen ? splice(input, chosen.index, chosen[0].length, Buffer.from(pick(NUMBERS, random))) : input;
  },
  function addToNumber(input, random) {
    const size = 1 + random(4);
    if (input.length < size) return input;
    const copy = Buffer.from(input);
    const at = random(input.length - size + 1);
    const top = 256 ** size;
    const value = random(4) === 0 ? pick([0, 1, top / 2 - 1, top / 2, top - 1], random) : copy.readUIntBE(at, size) + random(33) - 16;
    copy.writeUIntBE((value + top) % top, at, size);
    return copy;
  },
  function cross(input, random, { pool }) {
    const other = pick(pool, random);
    const at = random(other.length + 1);
    return Buffer.concat([input.subarray(0, random(input.length + 1)), other.subarray(at, at + random(64))]);
  },
];

/** Changes the parts of an input that has a shape, and writes it with lengths that are right. */
function reshaped(input: Buffer, random: Random, from: Material): Buffer {
  const { shape } = from.target;
  const parts = shape?.parse(input);
  if (!shape || !parts || parts.length === 0) return input;
  const other = shape.parse(pick(from.pool, random)) ?? parts;
  return shape.write(changed(parts, random, { from, other }));
}

function changed(parts: readonly Part[], random: Random, of: { from: Material; other: readonly Part[] }): readonly Part[] {
  const at = random(parts.length);
  const part = parts[at];
  if (!part) return parts;
  // Downwards, most of the time.
  if (!Buffer.isBuffer(part.body) && random(4) > 0) return parts.with(at, { ...part, body: changed(part.body as readonly Part[], random, of) });
  const stranger = anyOf(of.other, random) ?? part;
  switch (random(7)) {
    case 0:
      return parts.toSpliced(at, 1);
    case 1:
      return parts.toSpliced(at, 0, ...Array<Part>(1 + random(random(20) === 0 ? 300 : 3)).fill(part));
    case 2:
      return parts.toSpliced(random(parts.length + 1), 0, stranger);
    case 3:
      return parts.with(at, stranger).with(random(parts.length), part);
    case 4:
      return parts.with(at, { ...part, body: stranger.body });
    case 5:
      return parts.with(at, { ...part, tag: pick(MUTATIONS, random)(part.tag.length === 0 ? Buffer.alloc(1) : part.tag, random, of.from) });
    default:
      return Buffer.isBuffer(part.body) && part.body.length > 0 ? parts.with(at, { ...part, body: pick(MUTATIONS, random)(part.body, random, of.from) }) : parts.with(at, { ...part, body: Buffer.alloc(0) });
  }
}

/** A part at any depth. */
function anyOf(parts: readonly Part[], random: Random): Part | undefined {
  let level = parts;
  for (;;) {
    const part = level[random(level.length)];
    if (!part || Buffer.isBuffer(part.body) || random(3) === 0) return part;
    level = part.body as readonly Part[];
  }
}

/** One of the pool with one to six changes; now and then plain noise. */
export function mutated(from: Material, random: Random): Buffer {
  if (random(100) === 0) return Buffer.from(Array.from({ length: random(200) }, () => random(256)));
  let input = pick(from.pool, random);
  for (let changes = 1 + random(6); changes > 0 && input.length > 0; changes--) {
    input = from.target.shape && random(2) === 0 ? reshaped(input, random, from) : pick(MUTATIONS, random)(input, random, from);
    if (input.length > MAX_BYTES) input = input.subarray(0, MAX_BYTES);
  }
  return input;
}
