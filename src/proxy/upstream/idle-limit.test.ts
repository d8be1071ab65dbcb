import assert from 'node:assert/strict';
import test from 'node:test';
import { IdleLimit } from './idle-limit.ts';

test('without a word from the server connections may be idle for as long as the pool likes', () => {
  assert.equal(new IdleLimit().usableMs(Infinity), Infinity);
});

test('a connection is given up a while before the server closes it', () => {
  const limit = new IdleLimit();
  assert.equal(limit.usableMs(20_000), 19_000);
  assert.equal(limit.usableMs(2000), 1600);
});

test('two connections that the server closed at the same age tell its limit', () => {
  const limit = new IdleLimit();
  limit.onClosedIdle(5020);
  assert.equal(limit.usableMs(Infinity), Infinity, 'one may be chance');
  limit.onClosedIdle(5003);
  assert.equal(limit.usableMs(Infinity), 4003);
  assert.equal(limit.usableMs(60_000), 59_000, 'what the server says counts for more');
});

test('closings at different ages, or of young connections, tell nothing', () => {
  const limit = new IdleLimit();
  for (const age of [5000, 9000, 800, 3, 3, 60_000]) limit.onClosedIdle(age);
  assert.equal(limit.usableMs(Infinity), Infinity);
});
