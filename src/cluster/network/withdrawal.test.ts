import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Informer } from '../../kube/informer.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { awaitWithdrawn } from './withdrawal.ts';

const IP = '10.244.0.9';

/** Slices with one endpoint, whose readiness the test sets; undefined: no such endpoint. */
function slicesOf(ready: boolean | undefined) {
  const listeners = new Set<(event: never) => void>();
  let held = ready;
  const list = () => (held === undefined ? [] : [{ endpoints: [{ addresses: [IP], conditions: { ready: held } }] }]);
  const informer = {
    list,
    subscribe(listener: (event: never) => void) {
      listeners.add(listener);
      if (list().length > 0) listener({} as never);
      return () => void listeners.delete(listener);
    },
  } as unknown as Informer<EndpointSlice>;
  return {
    informer,
    set(next: boolean) {
      held = next;
      for (const listener of listeners) listener({} as never);
    },
  };
}

async function start(ready: boolean | undefined) {
  const clock = new FakeClock();
  const slices = slicesOf(ready);
  let isDone = false;
  void awaitWithdrawn(slices.informer, clock, IP).then(() => (isDone = true));
  await clock.advance(0);
  return { clock, slices, isDone: () => isDone };
}

test('a pod that no service lists ends at once', async () => {
  assert.ok((await start(undefined)).isDone());
});

test('a pod in use ends some time after it was withdrawn, so that those who read the slices can act on it', async () => {
  const { clock, slices, isDone } = await start(true);
  await clock.advance(300);
  slices.set(false);
  await clock.advance(300);
  assert.equal(isDone(), false);
  await clock.advance(100);
  assert.ok(isDone());
});

test('a pod that was withdrawn a moment before waits too', async () => {
  const { clock, isDone } = await start(false);
  assert.equal(isDone(), false);
  await clock.advance(400);
  assert.ok(isDone());
});

test('a pod that is never withdrawn ends all the same', async () => {
  const { clock, isDone } = await start(true);
  await clock.advance(1400);
  assert.ok(isDone());
});
