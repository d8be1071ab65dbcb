import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { makeHost } from '../testkit/hosts.ts';
import type { Host } from './host.ts';
import { createOutlierDetector, type OutlierSettings, statisticalOutliers } from './outlier.ts';

const settings: OutlierSettings = {
  consecutive5xx: 3, enforcing5xx: 1, consecutiveGateway: 0, enforcingGateway: 0, splitLocal: false, consecutiveLocal: 3, enforcingLocal: 1,
  intervalMs: 1000, baseEjectionMs: 3000, maxEjectionMs: 300_000, maxEjectionPercent: 50, alwaysEjectOne: false,
};

function setUp(t: TestContext, count: number, override: Partial<OutlierSettings> = {}) {
  const clock = new FakeClock();
  const hosts = Array.from({ length: count }, (_, i) => makeHost(i + 1));
  let changes = 0;
  const detector = createOutlierDetector({ ...settings, ...override }, { clock, random: () => 0, hosts: () => hosts, changed: () => void changes++ });
  t.after(() => detector.close());
  const host = (i: number) => hosts[i] as Host;
  const fail = (i: number, times: number, status = 500) => {
    for (let n = 0; n < times; n++) detector.onStatus(host(i), status);
  };
  return { clock, detector, host, fail, changes: () => changes };
}

test('so many errors in a row eject a host, a success in between does not', (t) => {
  const { detector, host, fail, changes } = setUp(t, 4);
  fail(0, 2);
  detector.onStatus(host(0), 200);
  fail(0, 2);
  assert.equal(host(0).ejected, false);
  fail(0, 1);
  assert.equal(host(0).ejected, true);
  assert.equal(changes(), 1);
});

test('an ejected host comes back after base time × ejections, at an interval', async (t) => {
  const { clock, host, fail } = setUp(t, 4);
  fail(0, 3);
  await clock.advance(2900);
  assert.equal(host(0).ejected, true);
  await clock.advance(200);
  assert.equal(host(0).ejected, false);
  fail(0, 3);
  await clock.advance(5000);
  assert.equal(host(0).ejected, true, 'the second ejection is twice as long');
  await clock.advance(2000);
  assert.equal(host(0).ejected, false);
});

test('no more than the given share is ejected', (t) => {
  const { host, fail } = setUp(t, 4);
  for (const i of [0, 1, 2]) fail(i, 3);
  assert.deepEqual([0, 1, 2].map((i) => host(i).ejected), [true, true, false]);
});

test('10 % of two hosts is none, unless one may always go', (t) => {
  const strict = setUp(t, 2, { maxEjectionPercent: 10 });
  strict.fail(0, 3);
  assert.equal(strict.host(0).ejected, false);
  const lenient = setUp(t, 2, { maxEjectionPercent: 10, alwaysEjectOne: true });
  lenient.fail(0, 3);
  assert.equal(lenient.host(0).ejected, true);
});

test('gateway errors have a count of their own', (t) => {
  const { host, fail } = setUp(t, 4, { consecutive5xx: 0, consecutiveGateway: 2, enforcingGateway: 1 });
  fail(0, 5, 500);
  assert.equal(host(0).ejected, false);
  fail(0, 2, 503);
  assert.equal(host(0).ejected, true);
});

test('connection failures count as errors, or apart when split', (t) => {
  const joined = setUp(t, 4);
  for (let i = 0; i < 3; i++) joined.detector.onLocalFailure(joined.host(0), false);
  assert.equal(joined.host(0).ejected, true);
  const split = setUp(t, 4, { splitLocal: true, consecutiveLocal: 2 });
  split.fail(0, 2);
  split.detector.onLocalFailure(split.host(0), false);
  assert.equal(split.host(0).ejected, false);
  split.detector.onLocalFailure(split.host(0), false);
  assert.equal(split.host(0).ejected, true);
});

test('a success rate far below the others stands out', () => {
  const hosts = Array.from({ length: 5 }, (_, i) => makeHost(i + 1));
  hosts.forEach((host, i) => {
    host.outlier.intervalTotal = 100;
    host.outlier.intervalSuccess = i === 2 ? 40 : 99;
  });
  const rate = { minimumHosts: 5, requestVolume: 100, stdevFactor: 1900, enforcing: 1 };
  assert.deepEqual(statisticalOutliers(hosts, { successRate: rate }), [[hosts[2], 1]]);
  assert.deepEqual(statisticalOutliers(hosts.slice(0, 4), { successRate: rate }), []);
  assert.deepEqual(statisticalOutliers(hosts, { failurePercentage: { threshold: 60, minimumHosts: 5, requestVolume: 50, enforcing: 1 } }), [[hosts[2], 1]]);
});
