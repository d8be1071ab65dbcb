import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { decodePairs, encodePairs } from './pairs.ts';

const bytes = fc.uint8Array({ maxLength: 30 }).map((part) => Buffer.from(part));
const pairs = fc.array(fc.tuple(bytes, bytes), { maxLength: 8 });

test('pairs come back as they were, whatever bytes are in them', () => {
  fc.assert(fc.property(pairs, (given) => assert.deepEqual(decodePairs(encodePairs(given)), given)));
});

test('bytes that are no list of pairs are refused, and none are read that are not there', () => {
  const mangled = fc.tuple(pairs, fc.nat(), fc.nat(255), fc.nat(20)).map(([given, at, byte, cut]) => {
    const encoded = encodePairs(given);
    encoded[at % encoded.length] = byte;
    return encoded.subarray(0, Math.max(0, encoded.length - cut));
  });
  fc.assert(fc.property(fc.oneof(bytes, mangled), (given) => {
    const found = decodePairs(given);
    const octets = (found ?? []).flat().reduce((sum, part) => sum + part.length + 5, 4);
    assert.ok(found === undefined || given.length === 0 || octets <= given.length);
  }), { numRuns: 2000 });
});

for (const [what, given] of [
  ['a count without lengths', Buffer.from([1, 0, 0, 0])],
  ['a count that is far too large', Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
  ['a length that is far too large', Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0])],
  ['a key that does not end', Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x61, 0])],
] as const) {
  test(`no pairs: ${what}`, () => assert.equal(decodePairs(given), undefined));
}
