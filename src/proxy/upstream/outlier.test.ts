import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { makeHost } from '../testkit/hosts.ts';
import type { Host } from './host.ts';
import { createOutlierDetector, type OutlierSettings, statisticalOutliers } from './outlier.ts';

const settings: OutlierSettings = {
  consecutive5xx: 3, enforcing5xx: 1, consecutiveGateway: 0, enforcingGateway: 0, splitLocal: false, consecutiveLocal: 3, enforcingLocal: 1,
  intervalMs: 1000, baseEjectionMs: 3000, maxEjectionMs: 300_000, maxEjectionPercent: 50, alwaysEjectOne: false, monitors: [],
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

test('a connection that comes to be ends the count of local failures, as in Envoy', (t) => {
  const { detector, host } = setUp(t, 4, { splitLocal: true, consecutiveLocal: 2 });
  detector.onLocalFailure(host(0), false);
  detector.onConnected(host(0));
  detector.onLocalFailure(host(0), true);
  assert.equal(host(0).ejected, false);
  detector.onLocalFailure(host(0), true);
  assert.deepEqual([host(0).ejected, host(0).outlier.cause], [true, 'consecutive_local_origin_failure']);
});

test('listed codes have a count of their own, which other codes end', (t) => {
  const { detector, host, fail } = setUp(t, 4, { enforcing5xx: 0, monitors: [{ threshold: 2, enforcing: 1, ranges: [[429, 429], [503, 504]] }] });
  fail(0, 1, 429);
  fail(0, 1, 500);
  fail(0, 1, 429);
  assert.equal(host(0).ejected, false);
  fail(0, 1, 504);
  assert.deepEqual([host(0).ejected, host(0).outlier.cause], [true, 'listed_codes']);
  assert.equal(detector.counts.byCause.get('listed_codes'), 1);
});

test('a refused connection counts as 503, a time-out as 504', (t) => {
  const { detector, host } = setUp(t, 4, { consecutive5xx: 0, consecutiveGateway: 2, enforcingGateway: 1 });
  detector.onLocalFailure(host(0), false);
  detector.onLocalFailure(host(0), true);
  assert.deepEqual([host(0).ejected, host(0).outlier.cause], [true, 'consecutive_gateway_failure']);
});

test('it is told why and for how long a host is out, and how many should have been', async (t) => {
  const { clock, host, fail, detector } = setUp(t, 4);
  for (const i of [0, 1, 2]) fail(i, 3);
  assert.deepEqual([detector.counts.enforced, detector.counts.overflow], [2, 1]);
  await clock.advance(500);
  assert.deepEqual(host(0).state(clock.monotonic()).ejection, { cause: 'consecutive_5xx', leftMs: 2500 });
  assert.equal(host(3).state(clock.monotonic()).ejection, undefined);
});

test('an ejection lasts no longer than the longest', async (t) => {
  const { clock, host, fail } = setUp(t, 4, { baseEjectionMs: 1000, maxEjectionMs: 2000 });
  for (let times = 1; times <= 4; times++) {
    fail(0, 3);
    assert.equal(host(0).outlier.lengthMs, Math.min(times, 2) * 1000);
    await clock.advance(Math.min(times, 2) * 1000);
    assert.equal(host(0).ejected, false);
  }
});

test('quiet intervals forgive', async (t) => {
  const { clock, host, fail } = setUp(t, 4, { baseEjectionMs: 1000 });
  fail(0, 3);
  await clock.advance(5000);
  fail(0, 3);
  assert.equal(host(0).outlier.lengthMs, 1000);
  assert.equal(host(0).outlier.ejections, 2);
});

test('a success rate far below the others stands out', () => {
  const hosts = Array.from({ length: 5 }, (_, i) => makeHost(i + 1));
  hosts.forEach((host, i) => {
    host.outlier.intervalTotal = 100;
    host.outlier.intervalSuccess = i === 2 ? 40 : 99;
  });
  const rate = { minimumHosts: 5, requestVolume: 100, stdevFactor: 1900, enforcing: 1 };
  assert.deepEqual(statisticalOutliers(hosts, { successRate: rate }), [{ host: hosts[2], cause: 'success_rate', enforcing: 1 }]);
  assert.deepEqual(statisticalOutliers(hosts.slice(0, 4), { successRate: rate }), []);
  assert.deepEqual(statisticalOutliers(hosts, { failurePercentage: { threshold: 60, minimumHosts: 5, requestVolume: 50, enforcing: 1 } }), [{ host: hosts[2], cause: 'failure_percentage', enforcing: 1 }]);
});
