import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createBucketMaker } from '../filters/bucket-maker.ts';
import { makeHost } from '../testkit/hosts.ts';
import { DEFAULT_LIMITS, SharedBreakers } from '../upstream/breakers.ts';
import { createOutlierDetector } from '../upstream/outlier.ts';
import { SharedMemory } from '../upstream/outlier-memory.ts';
import { createSlotMemory, type SharedSlot, SharedSlots } from './shared-state.ts';

/** As two threads see the same memory. */
const two = () => {
  const memory = createSlotMemory();
  return [new SharedSlots(memory), new SharedSlots(memory)] as const;
};
const held = (slot: SharedSlot | undefined): SharedSlot => slot ?? assert.fail('there is room');

test('threads that ask for one key change the same numbers', () => {
  const [here, there] = two();
  const a = held(here.acquire('a'));
  held(here.acquire('b')).counts[0] = 9;
  a.counts[0] = 5;
  a.values[1] = 0.5;
  const other = held(there.acquire('a'));
  assert.deepEqual([other.counts[0], other.values[1]], [5, 0.5]);
});

test('a slot that nobody holds begins anew, and not before all it counted is closed', () => {
  const [here, there] = two();
  const first = held(here.acquire('a'));
  held(there.acquire('a')).release();
  first.values[0] = 7;
  first.counts[0] = 1;
  first.release();
  const second = held(here.acquire('a'));
  assert.deepEqual([second.counts[0], second.values[0]], [0, 0]);
  first.counts[0] = 0;
  assert.equal(second.counts[0], 0);
});

test('there is room for as many as are held, and again when they are released', () => {
  const [here] = two();
  for (let i = 0; i < 100_000; i++) held(here.acquire(`key ${i}`)).release();
  const many = Array.from({ length: 20_000 }, (_, i) => held(here.acquire(`held ${i}`)));
  for (const [i, slot] of many.entries()) slot.counts[0] = i;
  assert.ok(many.every((slot, i) => slot.counts[0] === i));
});

test('limits are for what all threads have open, what is told is each thread’s own', () => {
  const [here, there] = two();
  const limits = { ...DEFAULT_LIMITS, maxConnections: 3, maxRequests: 2, maxPending: 1, maxRetries: 1 };
  const [a, b] = [new SharedBreakers(limits, held(here.acquire('web'))), new SharedBreakers(limits, held(there.acquire('web')))];
  a.requests++;
  b.requests++;
  b.pending++;
  a.retries++;
  a.connections += 2;
  assert.deepEqual([a.canRequest, b.canRequest, a.canQueue, b.canRetry, b.canConnect], [false, false, false, false, true]);
  assert.deepEqual([a.requests, b.requests, a.pending, b.connections], [1, 1, 0, 0]);
  a.requests--;
  b.pending--;
  assert.deepEqual([b.canRequest, a.canQueue], [true, true]);
  b.limits = { ...limits, retryBudget: { share: 0.5, minimum: 0 } };
  assert.equal(b.maxRetries, 0.5);
});

test('a bucket of one configuration is one in all threads, others are others', async () => {
  const [here, there] = two();
  const clock = new FakeClock();
  const fill = { tokens: 1, intervalMs: 1000 };
  const [a, b] = [createBucketMaker(clock, here).within('listener', Buffer.from('v1')), createBucketMaker(clock, there).within('listener', Buffer.from('v1'))];
  const [first, second] = [a.make(3, fill), a.make(3, fill)];
  const same = b.make(3, fill);
  assert.deepEqual([first.take(), same.take(), first.take(), same.take(), first.take()], [true, true, true, false, false]);
  assert.deepEqual([same.remaining, same.resetS, second.take()], [0, 1, true]);
  assert.equal(createBucketMaker(clock, there).within('listener', Buffer.from('v2')).make(3, fill).remaining, 3);
  await clock.advance(1000);
  assert.deepEqual([same.take(), first.take()], [true, false]);
});

test('a host fails in a row whichever thread calls it, is out for all once, and comes back for all once', async () => {
  const clock = new FakeClock();
  const settings = {
    consecutive5xx: 4, enforcing5xx: 1, consecutiveGateway: 0, enforcingGateway: 0, splitLocal: false, consecutiveLocal: 3, enforcingLocal: 1,
    intervalMs: 1000, baseEjectionMs: 3000, maxEjectionMs: 300_000, maxEjectionPercent: 100, alwaysEjectOne: false, monitors: [],
  };
  const threads = two().map((slots) => {
    const hosts = [makeHost(1), makeHost(2)];
    for (const host of hosts) host.keepIn(new SharedMemory(held(slots.acquire(`host ${host.key}`))));
    const thread = { hosts, changes: 0, detector: createOutlierDetector(settings, { clock, random: () => 0, hosts: () => hosts, changed: () => void thread.changes++ }) };
    return thread;
  });
  const [here = assert.fail(), there = assert.fail()] = threads;
  const answer = ({ hosts, detector }: typeof here, status: number) => detector.onStatus(hosts[0] ?? assert.fail(), status);
  for (const thread of [here, there, here]) answer(thread, 500);
  answer(there, 200);
  for (const thread of [here, there, here]) answer(thread, 500);
  assert.equal(here.hosts[0]?.ejected, false);
  answer(there, 500);
  assert.deepEqual([here.hosts[0]?.ejected, there.hosts[0]?.ejected, here.hosts[1]?.ejected], [true, true, false]);
  assert.deepEqual([here.detector.counts.enforced, there.detector.counts.enforced], [0, 1]);
  assert.equal(here.hosts[0]?.state(clock.monotonic()).ejection?.cause, 'consecutive_5xx');
  await clock.advance(3000);
  assert.deepEqual([here.hosts[0]?.ejected, there.hosts[0]?.ejected, here.changes + there.changes], [false, false, 2]);
  assert.equal(here.hosts[0]?.outlier.backOff, 1);
  // Each interval forgives one ejection, not one in each thread.
  for (let i = 0; i < 4; i++) answer(here, 500);
  for (let i = 0; i < 4; i++) answer(there, 500);
  assert.deepEqual([here.hosts[0]?.outlier.ejections, here.hosts[0]?.outlier.backOff], [2, 2]);
  await clock.advance(7000);
  assert.equal(there.hosts[0]?.outlier.backOff, 1);
  for (const { detector } of threads) detector.close();
});

test('shares of successes are those of all threads since a thread has looked', () => {
  const [here, there] = two().map((slots) => new SharedMemory(held(slots.acquire('host'))));
  if (!here || !there) return assert.fail();
  here.intervalTotal++;
  there.intervalTotal++;
  there.intervalSuccess++;
  assert.deepEqual([here.intervalTotal, there.intervalTotal, here.intervalSuccess], [2, 2, 1]);
  here.intervalTotal = 0;
  there.intervalTotal++;
  assert.deepEqual([here.intervalTotal, there.intervalTotal], [1, 3]);
});
