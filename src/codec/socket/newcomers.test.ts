import assert from 'node:assert/strict';
import test from 'node:test';
import { Newcomers } from './newcomers.ts';

/** Turns that are taken by hand, and how many newcomers had theirs. */
function setUp(): { newcomers: Newcomers; come: (count: number) => void; servedNextTurn: () => number } {
  const waiting: (() => void)[] = [];
  const newcomers = new Newcomers((run) => void waiting.push(run));
  let served = 0;
  return {
    newcomers,
    come(count) {
      for (let i = 0; i < count; i++) newcomers.add({ proceed: () => ++served < 0 });
    },
    servedNextTurn() {
      const before = served;
      waiting.shift()?.();
      return served - before;
    },
  };
}

test('one newcomer in three turns, and more by what was done for others', () => {
  const { newcomers, come, servedNextTurn } = setUp();
  const known = (count: number): void => {
    for (let i = 0; i < count; i++) newcomers.countKnown();
  };
  const turns = (count: number): number[] => Array.from({ length: count }, servedNextTurn);
  known(1000);
  come(100);
  assert.deepEqual(turns(6), [0, 0, 1, 0, 0, 1], 'what was done while nobody waited does not count');
  known(40);
  assert.deepEqual(turns(3), [10, 0, 1]);
  known(2);
  assert.deepEqual(turns(3), [0, 1, 0]);
});
