import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from './clock.ts';

const DAY_MS = 86_400_000;
/** Of a timer of Node. */
const LONGEST_MS = 2 ** 31 - 1;

test('what is due in forty days is due then, though timers of Node end after 24', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let runs = 0;
  systemClock.after(40 * DAY_MS, () => runs++);
  t.mock.timers.tick(LONGEST_MS);
  t.mock.timers.tick(40 * DAY_MS - LONGEST_MS - 1);
  assert.equal(runs, 0);
  t.mock.timers.tick(1);
  assert.equal(runs, 1);
});

test('what is due in forty days can be cancelled on the first as on the thirtieth', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const days of [1, 30]) {
    const timer = systemClock.after(40 * DAY_MS, () => assert.fail('cancelled'));
    for (let day = 0; day < days; day++) t.mock.timers.tick(DAY_MS);
    timer.cancel();
    for (let day = 0; day < 40; day++) t.mock.timers.tick(DAY_MS);
  }
});
