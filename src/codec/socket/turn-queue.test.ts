import assert from 'node:assert/strict';
import test from 'node:test';
import { TurnQueue } from './turn-queue.ts';

/** Turns that are taken by hand. */
function turns(): { schedule: (run: () => void) => void; next: () => boolean } {
  const waiting: (() => void)[] = [];
  return {
    schedule: (run) => void waiting.push(run),
    next() {
      const run = waiting.shift();
      run?.();
      return run !== undefined;
    },
  };
}

test('so many pieces in each turn, and those who ask take turns', () => {
  const { schedule, next } = turns();
  const queue = new TurnQueue(4, schedule);
  const done: string[] = [];
  const ask = (name: string, pieces: number): void => {
    let left = pieces;
    queue.add({
      proceed() {
        done.push(name);
        return --left > 0;
      },
    });
  };
  ask('much', 100);
  ask('little', 1);
  ask('some', 2);
  assert.deepEqual(done, [], 'nothing in this turn');
  next();
  assert.deepEqual(done.splice(0), ['much', 'little', 'some', 'much']);
  ask('late', 1);
  next();
  assert.deepEqual(done.splice(0), ['some', 'much', 'late', 'much']);
  for (let i = 0; i < 24; i++) assert.equal(next(), true);
  assert.equal(done.length, 96);
  assert.equal(next(), false, 'and then it rests');
  ask('again', 1);
  assert.equal(next(), true);
});
