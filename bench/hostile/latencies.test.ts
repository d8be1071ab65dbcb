import assert from 'node:assert/strict';
import test from 'node:test';
import { shareOf, undisturbed } from './latencies.ts';

for (const [name, request, gaps, expected] of [
  ['no gap', [0, 1, 3], [], [2]],
  ['a gap elsewhere', [0, 1, 3], [{ from: 10, to: 12 }], [2]],
  ['a gap for half of the time', [0, 0, 8], [{ from: 1, to: 3 }], [8]],
  ['a gap for more than that', [0, 0, 7], [{ from: 1, to: 3 }], []],
  ['what has gathered in a gap', [13, 13, 14], [{ from: 10, to: 12 }], []],
  ['a gap for a small part of a long time', [0, 0, 100], [{ from: 1, to: 3 }], [100]],
] as const) test(`what a request took: ${name}`, () => assert.deepEqual(undisturbed([request], gaps), expected));

test('the share of gaps is of all processors, and of the time that was measured', () => {
  assert.equal(shareOf([{ from: 0, to: 2 }, { from: 5, to: 6 }, { from: 9, to: 30 }], { from: 1, to: 11 }, 2), (1 + 1 + 2) / 20);
});
