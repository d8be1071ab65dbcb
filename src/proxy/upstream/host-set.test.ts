import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHost, sequence } from '../testkit/hosts.ts';
import { xxHash64 } from './hash.ts';
import type { Host } from './host.ts';
import { HostSet, type HostSetSettings } from './host-set.ts';

const settings: HostSetSettings = { policy: { kind: 'random' }, panicThreshold: 50, localityWeighted: false };

function build(hosts: readonly Host[], override: Partial<HostSetSettings> = {}): HostSet {
  const set = new HostSet({ ...settings, ...override }, { random: sequence(7), now: () => 0 });
  set.update(hosts);
  return set;
}

function spread(hosts: readonly Host[], override: Partial<HostSetSettings> = {}): Map<Host, number> {
  const set = build(hosts, override);
  const counts = new Map<Host, number>();
  for (let i = 0; i < 20_000; i++) {
    const host = set.pick(xxHash64(`key ${i}`), 0);
    if (host) counts.set(host, (counts.get(host) ?? 0) + 1 / 20_000);
  }
  return counts;
}

const sum = (counts: Map<Host, number>, hosts: readonly Host[]) => hosts.reduce((total, host) => total + (counts.get(host) ?? 0), 0);
const near = (actual: number, want: number) => assert.ok(Math.abs(actual - want) < 0.02, `${actual} is not about ${want}`);
const several = (from: number, count: number, config = {}) => Array.from({ length: count }, (_, i) => makeHost(from + i, config));
const sick = { health: 'UNHEALTHY' } as const;
const here = { region: 'r', zone: 'a', subZone: '' };
const there = { region: 'r', zone: 'b', subZone: '' };

const POLICIES = [
  { kind: 'random' },
  { kind: 'round-robin' },
  { kind: 'least-request', choices: 2, bias: 1 },
  { kind: 'ring-hash', minimumSize: 1024, maximumSize: 8_388_608, byHostname: false },
  { kind: 'maglev', tableSize: 1021, byHostname: false },
] as const;

for (const policy of POLICIES) {
  test(`${policy.kind}: unhealthy and ejected hosts get nothing while enough are healthy`, () => {
    const bad = makeHost(9, sick);
    const ejected = makeHost(10);
    ejected.outlier.ejected = true;
    assert.equal(sum(spread([...several(1, 4), bad, ejected], { policy }), [bad, ejected]), 0);
  });

  test(`${policy.kind}: with too few healthy hosts health is ignored`, () => {
    const bad = several(10, 3, sick);
    // One ring of few hosts is uneven.
    assert.ok(Math.abs(sum(spread([makeHost(1), ...bad], { policy }), bad) - 0.75) < 0.06);
  });

  test(`${policy.kind}: a panic threshold of 0 keeps to the healthy`, () => {
    const bad = several(10, 3, sick);
    assert.equal(sum(spread([makeHost(1), ...bad], { policy, panicThreshold: 0 }), bad), 0);
  });

  test(`${policy.kind}: no healthy host and no panic means no host at all`, () => assert.equal(spread(several(1, 2, sick), { policy, panicThreshold: 0 }).size, 0));

  test(`${policy.kind}: a failing first priority spills over to the next`, () => {
    // Half healthy: 50 % × 1.4 = 70 % stays.
    const first = [...several(1, 2), ...several(3, 2, sick)];
    near(sum(spread([...first, ...several(20, 2, { priority: 1 })], { policy }), first), 0.7);
  });

  test(`${policy.kind}: localities share by weight`, () => {
    const near80 = several(1, 2, { locality: here, localityWeight: 80 });
    near(sum(spread([...near80, ...several(20, 2, { locality: there, localityWeight: 20 })], { policy, localityWeighted: true }), near80), 0.8);
  });
}

test('priorities need not be numbered without gaps', () => {
  const second = several(20, 2, { priority: 7 });
  near(sum(spread([...several(1, 2, { priority: 3, ...sick }), ...second], { panicThreshold: 0 }), second), 1);
});

test('a locality with many sick hosts gives up traffic', () => {
  const halfSick = [makeHost(1, { locality: here, localityWeight: 80 }), makeHost(2, { locality: here, localityWeight: 80, ...sick })];
  near(sum(spread([...halfSick, ...several(20, 2, { locality: there, localityWeight: 20 })], { localityWeighted: true }), halfSick), 56 / 76);
});

test('consistent hashing keeps locality weights whatever the health, as in Envoy', () => {
  const halfSick = [makeHost(1, { locality: here, localityWeight: 80 }), makeHost(2, { locality: here, localityWeight: 80, ...sick })];
  near(sum(spread([...halfSick, ...several(20, 2, { locality: there, localityWeight: 20 })], { policy: POLICIES[3], localityWeighted: true }), halfSick), 0.8);
});

test('in panic localities do not matter', () => {
  const first = several(1, 3, { locality: here, localityWeight: 90, ...sick });
  near(sum(spread([...first, makeHost(20, { locality: there, localityWeight: 10 })], { localityWeighted: true }), first), 0.75);
});

test('localities without weights are one group', () => {
  const first = several(1, 3, { locality: here });
  near(sum(spread([...first, makeHost(20, { locality: there })], { localityWeighted: true }), first), 0.75);
});

test('degraded hosts serve only what others cannot', () => {
  const tired = makeHost(9, { health: 'DEGRADED' });
  assert.equal(spread([...several(1, 3), tired], { panicThreshold: 0 }).get(tired), undefined);
  near(spread([makeHost(1, sick), tired], { panicThreshold: 0 }).get(tired) ?? 0, 1);
  // 1 of 2 healthy carries 70 %.
  near(spread([makeHost(1), tired], { panicThreshold: 0 }).get(tired) ?? 0, 0.3);
});

test('the endpoints say how much spare capacity there is', () => {
  const first = [...several(1, 2), ...several(3, 2, sick)];
  const set = new HostSet(settings, { random: sequence(7), now: () => 0 });
  set.update([...first, ...several(20, 2, { priority: 1 })], 100);
  const picks = Array.from({ length: 10_000 }, () => set.pick(undefined, 0));
  near(picks.filter((host) => host?.config.priority === 0).length / 10_000, 0.5);
});

test('a new host starts slowly, the ones that were there do not start again', () => {
  let now = 0;
  const set = new HostSet({ ...settings, policy: { kind: 'round-robin', slowStart: { windowMs: 10_000, aggression: 1, minimum: 0.1 } } }, { random: sequence(7), now: () => now });
  const old = makeHost(1);
  set.update([old]);
  now = 60_000;
  const fresh = makeHost(2);
  set.update([old, fresh]);
  now = 61_000;
  const share = () => Array.from({ length: 1000 }, () => set.pick(undefined, 0)).filter((host) => host === fresh).length / 1000;
  near(share(), 0.1 / 1.1);
  now = 65_000;
  near(share(), 0.5 / 1.5);
  now = 71_000;
  near(share(), 0.5);
});
