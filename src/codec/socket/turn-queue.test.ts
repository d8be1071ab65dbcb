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

test('sources take turns, however much each of them asks for', () => {
  const { schedule, next } = turns();
  const queue = new TurnQueue(3, schedule);
  const done: string[] = [];
  const ask = (name: string, source: string, pieces = 1): void => {
    let left = pieces;
    queue.add({
      source,
      proceed() {
        done.push(name);
        return --left > 0;
      },
    });
  };
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) ask(name, 'a');
  ask('b1', 'b', 2);
  next();
  assert.deepEqual(done.splice(0), ['a1', 'b1', 'a2']);
  ask('c1', 'c');
  next();
  assert.deepEqual(done.splice(0), ['b1', 'a3', 'c1']);
  next();
  assert.deepEqual(done.splice(0), ['a4', 'a5']);
  assert.equal(next(), false);
});

test('who asks again while it is his turn is not forgotten', () => {
  const { schedule, next } = turns();
  const queue = new TurnQueue(1, schedule);
  let done = 0;
  const again = { proceed: () => (++done < 3 && queue.add(again), false) };
  queue.add(again);
  for (let i = 0; i < 4; i++) next();
  assert.equal(done, 3);
});

test('who is taken out has no turn; who asks when the last of his source has been is not forgotten', () => {
  const { schedule, next } = turns();
  const queue = new TurnQueue(1, schedule);
  const done: string[] = [];
  const backlog = (name: string, then?: () => void) => ({ proceed: () => (done.push(name), then?.(), false) });
  const [gone, later] = [backlog('gone'), backlog('later')];
  const first = backlog('first', () => {
    queue.remove(first);
    queue.add(later);
  });
  for (const each of [gone, first]) queue.add(each);
  queue.remove(gone);
  next();
  assert.deepEqual(done, ['first']);
  next();
  assert.deepEqual(done, ['first', 'later']);
});
