import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { silentLog } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { ConfigMaps } from '../../kube/resource.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createApiServer } from '../apiserver/server.ts';
import { createCaches, isNewer } from './object-cache.ts';

async function setUp(t: TestContext) {
  const clock = new FakeClock();
  const server = createApiServer({ clock });
  const caches = createCaches({ client: server.client, clock, log: silentLog });
  t.after(async () => {
    await caches.close();
    await server.close();
  });
  const cache = caches.of(ConfigMaps);
  await caches.start();
  const seen: string[] = [];
  cache.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata.name}@${object.metadata.resourceVersion}`));
  return { client: server.client, cache, seen, clock };
}

const map = (name: string, owner?: Stored<ConfigMap>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...(owner ? { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid }] } : {}) },
});
const quiet = async (clock: FakeClock) => {
  for (let i = 0; i < 5; i++) await clock.advance(0);
};

test('an own write is there at once, and its event later changes nothing', async (t) => {
  const { client, cache, seen, clock } = await setUp(t);
  const made = await client.create(ConfigMaps, map('a'), { namespace: 'default' });
  cache.remember(made);
  assert.equal(cache.get('default/a')?.metadata.uid, made.metadata.uid);
  await quiet(clock);
  assert.equal(cache.list().length, 1);
  assert.equal(seen.filter((each) => each.startsWith('added')).length, 1);
});

test('the late answer of a write does not bring back what was deleted, nor an older state', async (t) => {
  const { client, cache, clock } = await setUp(t);
  const made = await client.create(ConfigMaps, map('a'), { namespace: 'default' });
  const newer = await client.update(ConfigMaps, { ...made, data: { v: '2' } });
  await quiet(clock);
  cache.remember(made);
  assert.equal(cache.get('default/a')?.metadata.resourceVersion, newer.metadata.resourceVersion);
  await client.delete(ConfigMaps, { namespace: 'default', name: 'a' });
  await quiet(clock);
  cache.remember(newer);
  assert.equal(cache.get('default/a'), undefined);
});

test('a name that is deleted and made again is another object', async (t) => {
  const { client, cache, clock } = await setUp(t);
  await client.create(ConfigMaps, map('a'), { namespace: 'default' });
  await client.delete(ConfigMaps, { namespace: 'default', name: 'a' });
  const second = await client.create(ConfigMaps, map('a'), { namespace: 'default' });
  cache.remember(second);
  await quiet(clock);
  assert.deepEqual(cache.list().map((each) => each.metadata.uid), [second.metadata.uid]);
});

test('dependents are found by the uid of their owner, also after the reference is gone', async (t) => {
  const { client, cache, clock } = await setUp(t);
  const owner = await client.create(ConfigMaps, map('owner'), { namespace: 'default' });
  const child = await client.create(ConfigMaps, map('child', owner), { namespace: 'default' });
  await quiet(clock);
  assert.deepEqual(cache.ownedBy(owner.metadata.uid).map((each) => each.metadata.name), ['child']);
  await client.update(ConfigMaps, { ...child, metadata: { ...child.metadata, ownerReferences: [] } });
  await quiet(clock);
  assert.deepEqual(cache.ownedBy(owner.metadata.uid), []);
});

for (const [a, b, want] of [['10', '9', true], ['9', '10', false], ['10', '10', false], ['123456789012345678901', '99', true]] as const) {
  test(`version ${a} is ${want ? '' : 'not '}newer than ${b}`, () => assert.equal(isNewer(a, b), want));
}
