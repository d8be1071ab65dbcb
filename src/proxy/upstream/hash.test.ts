import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combine, hashText, remainder, xxHash64 } from './hash.ts';

/** The specification in its own words, on whole 64-bit numbers: what the halves are checked against. */
function reference(bytes: Uint8Array, seed: bigint): bigint {
  const [p1, p2, p3, p4, p5] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n] as const;
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  const rotl = (value: bigint, by: bigint) => u64((value << by) | (value >> (64n - by)));
  const round = (acc: bigint, input: bigint) => u64(rotl(u64(acc + input * p2), 31n) * p1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let acc = u64(seed + p5);
  if (bytes.length >= 32) {
    const lanes = [u64(seed + p1 + p2), u64(seed + p2), seed, u64(seed - p1)];
    for (; at + 32 <= bytes.length; at += 32) for (const [i, lane] of lanes.entries()) lanes[i] = round(lane, view.getBigUint64(at + i * 8, true));
    acc = u64([1n, 7n, 12n, 18n].reduce((sum, by, i) => sum + rotl(lanes[i] ?? 0n, by), 0n));
    for (const lane of lanes) acc = u64((acc ^ round(0n, lane)) * p1 + p4);
  }
  acc = u64(acc + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) acc = u64(rotl(acc ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4);
  if (at + 4 <= bytes.length) {
    acc = u64(rotl(u64(acc ^ (BigInt(view.getUint32(at, true)) * p1)), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) acc = u64(rotl(u64(acc ^ (BigInt(bytes[at] ?? 0) * p5)), 11n) * p1);
  acc = u64((acc ^ (acc >> 33n)) * p2);
  acc = u64((acc ^ (acc >> 29n)) * p3);
  return acc ^ (acc >> 32n);
}

const known = [
  ['', 0, 'ef46db3751d8e999'],
  ['a', 0, 'd24ec4f1a98c6e5b'],
  ['abc', 0, '44bc2cf5ad770999'],
] as const;
for (const [text, seed, want] of known) test(`xxHash64 of ${JSON.stringify(text)} is as published`, () => assert.equal(hashText(xxHash64(text, { high: 0, low: seed })), want));

test('every length, with and without a seed, hashes as the specification says', () => {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, () => next() & 0xff);
    for (const seed of [{ high: 0, low: 0 }, { high: 0, low: 1 }, { high: next(), low: next() }]) {
      const want = reference(bytes, (BigInt(seed.high) << 32n) | BigInt(seed.low));
      assert.equal(hashText(xxHash64(Buffer.from(bytes).toString('latin1'), seed)), want.toString(16).padStart(16, '0'), `length ${length}`);
    }
  }
});

test('the remainder is that of the whole number', () => {
  for (const text of ['a', 'b', '10.0.0.1:80', 'something longer than thirty-two bytes, so that all lanes run']) {
    const hash = xxHash64(text);
    const whole = (BigInt(hash.high) << 32n) | BigInt(hash.low);
    for (const divisor of [1, 2, 100, 1021, 65_536, 65_537, 5_000_011]) assert.equal(remainder(hash, divisor), Number(whole % BigInt(divisor)));
  }
});

test('hashes combine in order, and equal ones do not cancel out', () => {
  const [a, b] = [xxHash64('a'), xxHash64('b')];
  assert.equal(combine(undefined, a), a);
  assert.notDeepEqual(combine(a, b), combine(b, a));
  assert.notDeepEqual(combine(a, a), { high: 0, low: 0 });
});
