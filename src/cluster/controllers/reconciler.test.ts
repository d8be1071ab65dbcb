import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createReconciler } from './reconciler.ts';

function setUp(reconcile: (key: string) => Promise<{ afterMs: number } | void>, workers?: number) {
  const clock = new FakeClock();
  const queue = createReconciler({ name: 'test', clock, log: silentLog, reconcile, ...(workers ? { workers } : {}) });
  return { clock, queue };
}

test('a key queued many times before it is worked on is worked on once', async () => {
  const seen: string[] = [];
  const { clock, queue } = setUp(async (key) => void seen.push(key));
  for (const key of ['a', 'b', 'a', 'a']) queue.enqueue(key);
  queue.start();
  await clock.advance(0);
  assert.deepEqual(seen, ['a', 'b']);
});

test('a key queued while it is worked on is worked on again, and never twice at the same time', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const { clock, queue } = setUp(async () => {
    most = Math.max(most, ++running);
    runs++;
    await gate.promise;
    running--;
  });
  queue.start();
  queue.enqueue('a');
  await clock.advance(0);
  queue.enqueue('a');
  queue.enqueue('a');
  await clock.advance(0);
  assert.equal(runs, 1);
  gate.resolve();
  await clock.advance(0);
  assert.deepEqual({ runs, most }, { runs: 2, most: 1 });
});

test('a failure is retried after 5 ms, then 10, then 20; success forgets the failures', async () => {
  const at: number[] = [];
  let failures = 3;
  const { clock, queue } = setUp(async () => {
    at.push(clock.now());
    if (failures-- > 0) throw new Error('not yet');
  });
  const start = clock.now();
  queue.start();
  queue.enqueue('a');
  await clock.advance(1000);
  failures = 1;
  queue.enqueue('a');
  await clock.advance(5);
  assert.deepEqual(at.map((ms) => ms - start), [0, 5, 15, 35, 1000, 1005]);
});

test('of several times asked for, the earliest wins', async () => {
  const at: number[] = [];
  const { clock, queue } = setUp(async () => void at.push(clock.now()));
  const start = clock.now();
  queue.start();
  queue.enqueueAfter('a', 500);
  queue.enqueueAfter('a', 100);
  queue.enqueueAfter('a', 300);
  await clock.advance(1000);
  assert.deepEqual(at.map((ms) => ms - start), [100]);
});

test('a worker that asks to be called again is, and close ends that', async () => {
  let runs = 0;
  const { clock, queue } = setUp(async () => {
    runs++;
    return { afterMs: 100 };
  });
  queue.start();
  queue.enqueue('a');
  await clock.advance(250);
  assert.equal(runs, 3);
  await queue.close();
  await clock.advance(1000);
  assert.equal(runs, 3);
});

test('no more keys than workers are worked on at the same time', async () => {
  let running = 0;
  let most = 0;
  const { clock, queue } = setUp(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  }, 2);
  queue.start();
  for (let i = 0; i < 6; i++) queue.enqueue(String(i));
  for (let i = 0; i < 10; i++) await clock.advance(0);
  assert.deepEqual({ most, running }, { most: 2, running: 0 });
});
