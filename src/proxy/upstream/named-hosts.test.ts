import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { NamedHosts } from './named-hosts.ts';

test('a name is looked up once for all who ask, and is then known', async () => {
  const names = new NamedHosts(systemClock, 4);
  assert.equal(names.address('localhost'), undefined);
  const asked = names.resolve('localhost');
  assert.equal(names.resolve('localhost'), asked);
  assert.equal(await asked, '127.0.0.1');
  assert.equal(names.address('localhost'), '127.0.0.1');
});

test('an old address is good until there is a new one', async () => {
  let now = 0;
  const names = new NamedHosts({ ...systemClock, monotonic: () => now }, 4);
  await names.resolve('localhost');
  now = 3_600_000;
  assert.equal(names.address('localhost'), '127.0.0.1');
});

test('addresses are their own, and names that nobody has are nobody’s', async () => {
  const names = new NamedHosts(systemClock, 4);
  assert.deepEqual([names.address('10.1.2.3'), names.address('::1')], ['10.1.2.3', '::1']);
  assert.equal(await names.resolve('nobody.invalid'), undefined);
  assert.equal(names.address('nobody.invalid'), undefined);
});
