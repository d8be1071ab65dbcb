import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS, SharedBreakers } from '../upstream/breakers.ts';
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
