import assert from 'node:assert/strict';
import test from 'node:test';
import { Handshakes } from './handshakes.ts';
import { TurnQueue } from '../../codec/socket/turn-queue.ts';

function lab(most: number): { handshakes: Handshakes; begun: number[]; givenUp: number[]; admit: (name: number, source?: string) => () => void; turn: () => void } {
  const turns: (() => void)[] = [];
  const handshakes = new Handshakes(most, new TurnQueue(2, (run) => void turns.push(run)));
  const begun: number[] = [];
  const givenUp: number[] = [];
  return {
    handshakes, begun, givenUp,
    admit: (name, source) => handshakes.admit({ source, begin: () => void begun.push(name), giveUp: () => void givenUp.push(name) }),
    turn: () => turns.shift()?.(),
  };
}

test('of a burst so many begin in each turn, in their order; who has gone is passed over', () => {
  const { begun, admit, turn } = lab(100);
  const leave = [1, 2, 3, 4, 5].map((name) => admit(name));
  assert.deepEqual(begun, []);
  turn();
  assert.deepEqual(begun, [1, 2]);
  leave[2]?.();
  turn();
  assert.deepEqual(begun, [1, 2, 4, 5]);
});

test('addresses take turns', () => {
  const { begun, admit, turn } = lab(100);
  for (const name of [1, 2, 3, 4]) admit(name, '192.0.2.1');
  admit(5, '192.0.2.2');
  turn();
  assert.deepEqual(begun, [1, 5]);
  turn();
  assert.deepEqual(begun, [1, 5, 2, 3]);
});

test('who has been at it for longest makes room; who is done is not counted', () => {
  const { handshakes, begun, givenUp, admit, turn } = lab(3);
  const leave = [1, 2, 3].map((name) => admit(name));
  turn();
  turn();
  leave[1]?.();
  admit(4);
  assert.deepEqual(givenUp, []);
  admit(5);
  assert.deepEqual([givenUp, handshakes.givenUp], [[1], 1]);
  turn();
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
});
