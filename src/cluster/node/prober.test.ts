import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from 'kubernetes-types/core/v1.d.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { BackOff } from './back-off.ts';
import { createProber } from './prober.ts';
import type { ProbeKind } from './prober.ts';

function run(kind: ProbeKind, probe: Probe, healthy: (ms: number) => boolean) {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  const prober = createProber({
    kind, probe, clock,
    attempt: async () => ({ ok: healthy(clock.now()), message: 'no' }),
    onVerdict: (ok) => seen.push(`${clock.now()} ${ok ? 'healthy' : 'unhealthy'}`),
    onFailure: () => seen.push(`${clock.now()} failed`),
  });
  prober.start();
  return { clock, seen, prober };
}

test('a container that is ready before the first period is found ready at once, and no failure is told', async () => {
  const { clock, seen } = run('readiness', { periodSeconds: 10 }, (ms) => ms >= 120);
  await clock.advance(1000);
  assert.equal(seen.length, 1);
  assert.match(seen[0] ?? '', /^1\d\d(\.\d+)? healthy$/);
});

test('readiness is lost after as many failures as the threshold says, one each period', async () => {
  const { clock, seen } = run('readiness', { periodSeconds: 1, failureThreshold: 3 }, (ms) => ms < 500);
  await clock.advance(5000);
  assert.deepEqual(seen.slice(0, 5), ['0 healthy', '1000 failed', '2000 failed', '3000 failed', '3000 unhealthy']);
});

test('tries between the periods do not bring failure any sooner', async () => {
  const { clock, seen } = run('startup', { periodSeconds: 1, failureThreshold: 2 }, () => false);
  await clock.advance(2000);
  assert.deepEqual(seen, ['1000 failed', '2000 failed', '2000 unhealthy']);
});

test('a startup probe ends with its first success', async () => {
  const { clock, seen } = run('startup', { periodSeconds: 1 }, () => true);
  await clock.advance(10_000);
  assert.deepEqual(seen, ['0 healthy']);
});

test('liveness is tried by the period only', async () => {
  const { clock, seen } = run('liveness', { periodSeconds: 2, failureThreshold: 2, initialDelaySeconds: 1 }, () => false);
  await clock.advance(5500);
  assert.deepEqual(seen, ['3000 failed', '5000 failed', '5000 unhealthy']);
});

test('success must be repeated when the probe says so', async () => {
  const { clock, seen } = run('readiness', { periodSeconds: 1, successThreshold: 3 }, () => true);
  await clock.advance(5000);
  assert.deepEqual(seen, ['2000 healthy']);
});

test('a closed prober says nothing more', async () => {
  const { clock, seen, prober } = run('liveness', { periodSeconds: 1 }, () => false);
  prober.close();
  await clock.advance(10_000);
  assert.deepEqual(seen, []);
});

test('restarts wait nothing, then 10 s, doubled up to 5 min, and start over after a long quiet time', async () => {
  const clock = new FakeClock(0);
  const backOff = new BackOff(clock);
  const waits = [];
  for (let i = 0; i < 8; i++) waits.push(backOff.next() / 1000);
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  await clock.advance(11 * 60_000);
  assert.equal(backOff.next(), 0);
});
