import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHost } from '../testkit/hosts.ts';
import { xxHash64 } from './hash.ts';
import { createHashing, type HashPolicy } from './hashing.ts';
import type { Host } from './host.ts';

const RING: HashPolicy = { kind: 'ring-hash', minimumSize: 1024, maximumSize: 8_388_608, byHostname: false };
const MAGLEV: HashPolicy = { kind: 'maglev', tableSize: 65_537, byHostname: false };

const noLuck = () => assert.fail('with a hash nothing is left to chance');
const create = (policy: HashPolicy, hosts: readonly Host[], random: () => number = noLuck) => {
  const total = hosts.reduce((sum, { config }) => sum + config.weight, 0);
  return createHashing(policy, hosts.map((host) => ({ host, weight: host.config.weight / total })), random);
};
const keys = Array.from({ length: 5000 }, (_, i) => xxHash64(`key${i}`));
const owners = (policy: HashPolicy, hosts: readonly Host[]) => {
  const balancer = create(policy, hosts);
  return keys.map((key) => balancer.pick(key, 0));
};
const shareOf = (host: Host | undefined, all: readonly (Host | undefined)[]) => all.filter((owner) => owner === host).length / all.length;
const several = (count: number) => Array.from({ length: count }, (_, i) => makeHost(i + 1));

for (const [name, policy] of [['ring hash', RING], ['maglev', MAGLEV]] as const) {
  test(`${name} sends a key to the same host whatever the order of the hosts`, () => {
    const hosts = several(5);
    assert.deepEqual(owners(policy, hosts), owners(policy, hosts.toReversed()));
  });

  test(`${name} spreads keys evenly, or by weight`, () => {
    const equal = several(4);
    for (const host of equal) assert.ok(Math.abs(shareOf(host, owners(policy, equal)) - 0.25) < 0.06);
    const heavy = makeHost(1, { weight: 3 });
    assert.ok(Math.abs(shareOf(heavy, owners(policy, [heavy, makeHost(2)])) - 0.75) < 0.06);
  });

  test(`${name} moves few keys when a host leaves`, () => {
    const hosts = several(5);
    const [before, after] = [owners(policy, hosts), owners(policy, hosts.slice(0, 4))];
    const moved = before.filter((owner, i) => owner !== hosts[4] && owner !== after[i]).length;
    // A ring of the same size has more points per host that stays: some keys move between them, as with Envoy.
    assert.ok(moved / keys.length < 0.15, `${moved} of ${keys.length} moved`);
  });

  test(`${name} finds somebody else for another attempt, and the same one each time`, () => {
    const balancer = create(policy, several(5));
    const others = keys.filter((key) => balancer.pick(key, 0) !== balancer.pick(key, 1)).length;
    assert.ok(others / keys.length > 0.6, `${others}`);
    for (const key of keys.slice(0, 20)) assert.equal(balancer.pick(key, 3), balancer.pick(key, 3));
  });

  test(`${name} without a key is left to chance`, () => {
    let asked = 0;
    assert.ok(create(policy, several(3), () => (asked++, 0.5)).pick(undefined, 0));
    assert.equal(asked, 2);
  });

  test(`${name} goes by a host's hash key before its name and address`, () => {
    const at = (index: number, hostname: string, hashKey?: string) => makeHost(index, { hostname, metadata: hashKey === undefined ? {} : { 'envoy.lb': { hash_key: hashKey } } });
    const byName = { ...policy, byHostname: true };
    const position = (of: readonly Host[], list: readonly (Host | undefined)[]) => list.map((owner) => of.findIndex((host) => host === owner));
    const first = [at(1, 'a'), at(2, 'b')];
    const moved = [at(3, 'a'), at(4, 'b')];
    const keyed = [at(5, 'x', 'a'), at(6, 'y', 'b')];
    assert.deepEqual(position(first, owners(byName, first)), position(moved, owners(byName, moved)));
    assert.deepEqual(position(first, owners(byName, first)), position(keyed, owners(byName, keyed)));
    assert.notDeepEqual(position(first, owners(policy, first)), position(moved, owners(policy, moved)));
  });
}

test('the smallest ring has a point for each host', () => {
  const hosts = several(3);
  const found = new Set(owners({ ...RING, minimumSize: 1 }, hosts));
  assert.equal(found.size, 3);
});

test('the largest ring bounds the number of points', () => {
  const hosts = several(8);
  assert.equal(new Set(owners({ ...RING, minimumSize: 4, maximumSize: 4 }, hosts)).size, 4);
});

test('no hosts, no choice', () => {
  for (const policy of [RING, MAGLEV]) assert.equal(create(policy, []).pick(keys[0], 0), undefined);
});
