import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHost, sequence } from '../testkit/hosts.ts';
import type { Host } from './host.ts';
import { buildHostSet, type HostSetSettings } from './host-set.ts';

const settings: HostSetSettings = { policy: { kind: 'random' }, panicThreshold: 0.5, localityWeighted: false, overprovisioning: 1.4 };

function spread(hosts: readonly Host[], override: Partial<HostSetSettings> = {}): Map<Host, number> {
  const random = sequence(7);
  const set = buildHostSet(hosts, { ...settings, ...override }, random);
  const counts = new Map<Host, number>();
  for (let i = 0; i < 20_000; i++) {
    const host = set.pick({ hash: undefined, random });
    if (host) counts.set(host, (counts.get(host) ?? 0) + 1 / 20_000);
  }
  return counts;
}

const sum = (counts: Map<Host, number>, hosts: readonly Host[]) => hosts.reduce((total, host) => total + (counts.get(host) ?? 0), 0);
const near = (actual: number, want: number) => assert.ok(Math.abs(actual - want) < 0.02, `${actual} is not about ${want}`);
const several = (from: number, count: number, config = {}) => Array.from({ length: count }, (_, i) => makeHost(from + i, config));
const sick = { health: 'UNHEALTHY' } as const;

test('unhealthy hosts get nothing while enough are healthy', () => {
  const bad = makeHost(9, sick);
  assert.equal(spread([...several(1, 3), bad]).get(bad), undefined);
});

test('with too few healthy hosts health is ignored', () => {
  const bad = several(10, 3, sick);
  near(sum(spread([makeHost(1), ...bad]), bad), 0.75);
});

test('a panic threshold of 0 keeps to the healthy', () => {
  const bad = several(10, 3, sick);
  near(sum(spread([makeHost(1), ...bad], { panicThreshold: 0 }), bad), 0);
});

test('no healthy host and no panic means no host at all', () => assert.equal(spread(several(1, 2, sick), { panicThreshold: 0 }).size, 0));

test('all traffic stays in the first priority while it is healthy enough', () => {
  // 4 of 5 are healthy: 80 % × 1.4 covers everything.
  const first = [...several(1, 4), makeHost(5, sick)];
  near(sum(spread([...first, ...several(20, 5, { priority: 1 })]), first), 1);
});

test('a failing first priority spills over to the next', () => {
  // Half healthy: 50 % × 1.4 = 70 % stays.
  const first = [...several(1, 2), ...several(3, 2, sick)];
  near(sum(spread([...first, ...several(20, 2, { priority: 1 })]), first), 0.7);
});

test('a dead first priority fails over completely', () => {
  const first = several(1, 2, sick);
  near(sum(spread([...first, ...several(20, 2, { priority: 1 })], { panicThreshold: 0 }), first), 0);
});

test('localities share by weight, less for those with sick hosts', () => {
  const here = { region: 'r', zone: 'a', subZone: '' };
  const there = { region: 'r', zone: 'b', subZone: '' };
  const near80 = several(1, 2, { locality: here, localityWeight: 80 });
  near(sum(spread([...near80, ...several(20, 2, { locality: there, localityWeight: 20 })], { localityWeighted: true }), near80), 0.8);
  const halfSick = [makeHost(1, { locality: here, localityWeight: 80 }), makeHost(2, { locality: here, localityWeight: 80, ...sick })];
  near(sum(spread([...halfSick, ...several(20, 2, { locality: there, localityWeight: 20 })], { localityWeighted: true }), halfSick), 56 / 76);
});

test('degraded hosts serve only when nobody else can', () => {
  const tired = makeHost(9, { health: 'DEGRADED' });
  assert.equal(spread([makeHost(1), tired], { panicThreshold: 0 }).get(tired), undefined);
  near(spread([makeHost(1, sick), tired], { panicThreshold: 0 }).get(tired) ?? 0, 1);
});
