import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressPool, podAddress, podMac } from './addresses.ts';

test('numbers become addresses of the pod range', () => {
  assert.equal(podAddress(2), '10.244.0.2');
  assert.equal(podAddress(258), '10.244.1.2');
  assert.equal(podMac(258), '0a:58:0a:f4:01:02');
});

test('an address that was let go is not taken again at once', () => {
  const pool = new AddressPool();
  const first = pool.take();
  pool.release(first);
  assert.notEqual(pool.take(), first);
});

test('the pool gives each address once, never one that ends in 0 or 255, and says when it is empty', () => {
  const pool = new AddressPool();
  const taken = new Set<number>();
  assert.throws(() => {
    for (;;) taken.add(pool.take());
  }, /no pod address is free/);
  assert.equal(taken.size, 256 * 254 - 1);
  assert.ok([...taken].every((n) => (n & 255) !== 0 && (n & 255) !== 255));
  pool.release(300);
  assert.equal(pool.take(), 300);
});
