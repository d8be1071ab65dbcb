import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { OwnBucket } from './token-bucket.ts';

test('a bucket fills steadily, and tells what is left and when there is a token again', async () => {
  const clock = new FakeClock();
  const bucket = new OwnBucket(3, { tokens: 3, intervalMs: 60_000 }, clock);
  assert.deepEqual([bucket.remaining, bucket.resetS], [3, 0]);
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.take()), [true, true, true, false]);
  assert.deepEqual([bucket.remaining, bucket.resetS], [0, 20]);
  await clock.advance(8_500);
  assert.deepEqual([bucket.take(), bucket.remaining, bucket.resetS], [false, 0, 12]);
  await clock.advance(12_000);
  assert.deepEqual([bucket.remaining, bucket.resetS, bucket.take(), bucket.take()], [1, 0, true, false]);
  await clock.advance(600_000);
  assert.deepEqual([bucket.remaining, bucket.size], [3, 3]);
});
