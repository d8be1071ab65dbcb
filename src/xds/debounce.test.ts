import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../testkit/fake-clock.ts';
import { createDebounce } from './debounce.ts';

test('a burst is one run, after it has been quiet', async () => {
  const clock = new FakeClock();
  let runs = 0;
  const debounced = createDebounce({ quietMs: 10, maxMs: 200, clock }, () => void (runs += 1));
  for (let i = 0; i < 5; i++) {
    debounced.trigger();
    await clock.advance(5);
  }
  assert.equal(runs, 0);
  await clock.advance(10);
  assert.equal(runs, 1);
});

test('a burst that does not end is cut at the longest wait', async () => {
  const clock = new FakeClock();
  let runs = 0;
  const debounced = createDebounce({ quietMs: 10, maxMs: 200, clock }, () => void (runs += 1));
  for (let i = 0; i < 60; i++) {
    debounced.trigger();
    await clock.advance(5);
  }
  assert.equal(runs, 1);
});

test('nothing runs after the end', async () => {
  const clock = new FakeClock();
  const debounced = createDebounce({ quietMs: 10, maxMs: 200, clock }, () => assert.fail('ran'));
  debounced.trigger();
  debounced.close();
  debounced.trigger();
  await clock.advance(1000);
});
