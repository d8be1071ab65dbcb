import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHost, sequence } from '../testkit/hosts.ts';
import { createBalancer, type BalancerPolicy } from './balancers.ts';
import { hash32 } from './hash.ts';
import type { Host } from './host.ts';

const RING: BalancerPolicy = { kind: 'ring-hash', minimumSize: 1024, maximumSize: 8_388_608, byHostname: false };
const MAGLEV: BalancerPolicy = { kind: 'maglev', tableSize: 65_537, byHostname: false };

function shares(policy: BalancerPolicy, hosts: readonly Host[], picks: number, hash?: (i: number) => number): number[] {
  const random = sequence();
  const balancer = createBalancer(policy, hosts, random);
  const counts = new Map<Host, number>();
  for (let i = 0; i < picks; i++) {
    const host = balancer.pick({ hash: hash?.(i), random });
    if (host) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return hosts.map((host) => (counts.get(host) ?? 0) / picks);
}

const close = (actual: readonly number[], want: readonly number[], slack: number) => actual.forEach((share, i) => assert.ok(Math.abs(share - (want[i] ?? 0)) <= slack, `${actual.join(' ')} is not ${want.join(' ')}`));

test('round robin takes turns exactly', () => assert.deepEqual(shares({ kind: 'round-robin' }, [makeHost(1), makeHost(2), makeHost(3)], 300), [1 / 3, 1 / 3, 1 / 3]));

test('round robin with weights is exact and smooth', () => {
  const hosts = [makeHost(1, { weight: 5 }), makeHost(2), makeHost(3)];
  assert.deepEqual(shares({ kind: 'round-robin' }, hosts, 700), [5 / 7, 1 / 7, 1 / 7]);
  const balancer = createBalancer({ kind: 'round-robin' }, hosts, () => 0);
  const order = Array.from({ length: 7 }, () => hosts.indexOf(balancer.pick({ hash: undefined, random: () => 0 }) as Host));
  assert.deepEqual(order, [0, 0, 1, 0, 2, 0, 0]);
});

test('random spreads by weight', () => close(shares({ kind: 'random' }, [makeHost(1, { weight: 3 }), makeHost(2)], 20_000), [0.75, 0.25], 0.02));

test('least request prefers the idle host', () => {
  const hosts = [makeHost(1), makeHost(2)];
  (hosts[0] as Host).activeRequests = 10;
  const [busy = 1] = shares({ kind: 'least-request', choices: 2 }, hosts, 10_000);
  // Only when both choices fall on the busy one does it get the request.
  assert.ok(Math.abs(busy - 0.25) < 0.02);
});

for (const [name, policy] of [['ring hash', RING], ['maglev', MAGLEV]] as const) {
  test(`${name} sends a key always to the same host`, () => {
    const hosts = [1, 2, 3, 4, 5].map((i) => makeHost(i));
    const balancer = createBalancer(policy, hosts, Math.random);
    for (let key = 0; key < 100; key++) {
      const hash = hash32(`key${key}`);
      const first = balancer.pick({ hash, random: Math.random });
      assert.equal(balancer.pick({ hash, random: Math.random }), first);
      assert.equal(createBalancer(policy, [...hosts].reverse(), Math.random).pick({ hash, random: Math.random }), first, 'whatever the order of the hosts');
      if (policy === MAGLEV && key > 4) break;
    }
  });

  test(`${name} spreads keys evenly`, () => close(shares(policy, [1, 2, 3, 4].map((i) => makeHost(i)), 20_000, (i) => hash32(`user-${i}`)), [0.25, 0.25, 0.25, 0.25], 0.06));

  test(`${name} moves few keys when a host leaves`, () => {
    const hosts = [1, 2, 3, 4, 5].map((i) => makeHost(i));
    const before = createBalancer(policy, hosts, Math.random);
    const after = createBalancer(policy, hosts.slice(0, 4), Math.random);
    let moved = 0;
    for (let key = 0; key < 5000; key++) {
      const hash = hash32(`key${key}`);
      const was = before.pick({ hash, random: Math.random });
      if (was !== hosts[4] && was !== after.pick({ hash, random: Math.random })) moved++;
    }
    // The ring keeps its size, so that the hosts that stay get more points: some keys move between them, as with Envoy.
    assert.ok(moved / 5000 < 0.15, `${moved} of 5000 moved`);
  });

  test(`${name} respects weights`, () => close(shares(policy, [makeHost(1, { weight: 3 }), makeHost(2)], 20_000, (i) => hash32(`user-${i}`)), [0.75, 0.25], 0.06));
}

test('no hosts, no choice', () => {
  for (const policy of [RING, MAGLEV, { kind: 'round-robin' }, { kind: 'random' }] as const) assert.equal(createBalancer(policy, [], Math.random).pick({ hash: 1, random: Math.random }), undefined);
});
