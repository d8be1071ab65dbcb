import assert from 'node:assert/strict';
import test from 'node:test';
import { shareOf, undisturbed } from './latencies.ts';

const GAP = [{ from: 110, to: 113 }];
for (const [name, request, gaps, expected] of [
  ['no gap', [120, 121, 123], [], [2]],
  ['a gap in its window', [140, 140, 143], GAP, []],
  ['gaps that are little together', [140, 140, 143], [{ from: 110, to: 111 }, { from: 130, to: 131 }], [3]],
  ['gaps that are much together', [140, 140, 143], [{ from: 110, to: 111 }, { from: 130, to: 132 }], []],
  ['what has gathered in the window before', [160, 160, 163], GAP, []],
  ['two windows after', [200, 200, 203], GAP, [3]],
  ['a gap that begins while it is under way', [95, 95, 105], GAP, []],
  ['a gap that begins when it has waited for longer', [40, 40, 400], GAP, [360]],
  ['a gap over two windows', [99, 99, 99.5], [{ from: 98, to: 102.5 }], [0.5]],
] as const) test(`what a request took: ${name}`, () => assert.deepEqual(undisturbed([request], gaps), expected));

test('the share of gaps is of all processors, and of the time that was measured', () => {
  assert.equal(shareOf([{ from: 0, to: 2 }, { from: 5, to: 6 }, { from: 9, to: 30 }], { from: 1, to: 11 }, 2), (1 + 1 + 2) / 20);
});
