/** Random changes of well-formed input. Nothing clever: no coverage, many tries. */
import type { Random, Target } from './target.ts';

const NUMBERS = ['0', '-1', '1e9', '1e999999999', '18446744073709551616', '9007199254740993', '0.0000000001', '4294967296', '-0', 'NaN'];
const BYTES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x2e, 0x2f, 0x3a, 0x5c, 0x7f, 0x80, 0xc0, 0xff];
const TOKENS = ['__proto__', 'constructor', 'null', '{}', '[]', '""', '{', '}', '[', ']', '\r\n', '\u0000', '%2e', '../', '𝒳', ...NUMBERS];
const MAX_BYTES = 1 << 16;

type Mutation = (input: Buffer, random: Random, target: Target) => Buffer;

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
  (input, random, target) => splice(input, random(input.length + 1), 0, Buffer.from(pick(target.words?.length ? [...target.words, ...TOKENS] : TOKENS, random))),
  function replaceNumber(input, random) {
    const content = input.toString('latin1');
    const found = [...content.matchAll(/\d+/g)];
    const chosen = found[random(found.length)];
    return chosen ? splice(input, chosen.index, chosen[0].length, Buffer.from(pick(NUMBERS, random))) : input;
  },
  function cross(input, random, target) {
    const other = pick(target.seeds, random);
    const at = random(other.length + 1);
    return Buffer.concat([input.subarray(0, random(input.length + 1)), other.subarray(at, at + random(64))]);
  },
];

/** A seed with one to six changes; now and then plain noise. */
export function mutated(target: Target, random: Random): Buffer {
  if (random(50) === 0) return Buffer.from(Array.from({ length: random(200) }, () => random(256)));
  let input = pick(target.seeds, random);
  for (let changes = random(7); changes > 0 && input.length > 0; changes--) input = pick(MUTATIONS, random)(input, random, target);
  return input.subarray(0, MAX_BYTES);
}
