import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { createAuthority } from '../../pki/authority.ts';
import { readCertificate } from '../../pki/certificate.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { renewalDelay } from './renewal.ts';
import { createWorkloadSecrets } from './workload-secrets.ts';

const policy = { graceRatio: 0.5, graceJitter: 0.01 };

for (const [name, random, nowMs, want] of [
  ['in the middle of its life', 0.5, 0, 10_000],
  ['a little earlier by jitter', 0, 0, 9800],
  ['at once when that time has passed', 0.5, 15_000, 0],
] as const) {
  test(`a 20-second certificate is renewed ${name}`, () => assert.equal(Math.round(renewalDelay({ receivedMs: 0, notAfterMs: 20_000, nowMs }, policy, random)), want));
}

function start(options: { lifetimeMs: number; fail?: () => boolean }) {
  const clock = new FakeClock();
  const ca = createAuthority({ commonName: 'root', lifetimeMs: 1e12, clock });
  let requests = 0;
  const secrets = createWorkloadSecrets({
    request: async () => {
      requests += 1;
      if (options.fail?.()) throw new Error('control plane away');
      const pair = ca.issue({ sans: { uri: ['spiffe://cluster.local/ns/default/sa/web'] }, lifetimeMs: options.lifetimeMs, usages: ['server', 'client'] });
      return { certificateChainPem: pair.certificatePem, keyPem: pair.keyPem, rootPem: ca.certificatePem };
    },
    policy, clock, log: silentLog, random: () => 0.5,
  });
  return { clock, secrets, requests: () => requests };
}

test('there is never a moment without a valid certificate over five renewals of a 20-second lifetime', async () => {
  const { clock, secrets } = start({ lifetimeMs: 20_000 });
  const changes: string[] = [];
  secrets.onChange((name) => changes.push(name));
  secrets.start();
  await secrets.ready();
  for (let second = 0; second < 55; second++) {
    const current = secrets.get('default');
    assert.ok(current?.kind === 'certificate');
    assert.ok(readCertificate(current.certificateChainPem).notAfterMs > clock.now() + 9000, `second ${second}`);
    await clock.advance(1000);
  }
  assert.equal(secrets.renewals, 6);
  assert.deepEqual(changes, ['ROOTCA', ...Array<string>(6).fill('default')]);
  secrets.close();
});

test('a control plane that is away does not take the certificate away, and is asked again with growing pauses', async () => {
  let isAway = false;
  const { clock, secrets, requests } = start({ lifetimeMs: 60_000, fail: () => isAway });
  secrets.start();
  await secrets.ready();
  isAway = true;
  await clock.advance(45_000);
  assert.ok(secrets.get('default'));
  const asked = requests();
  assert.ok(asked >= 6 && asked <= 16, `asked ${asked} times in 15 s`);
  isAway = false;
  await clock.advance(5000);
  assert.equal(secrets.renewals, 2);
  secrets.close();
});

test('a lifetime of 90 days is longer than a timer can wait, and is waited for all the same', async () => {
  const { clock, secrets, requests } = start({ lifetimeMs: 90 * 86_400_000 });
  secrets.start();
  await secrets.ready();
  await clock.advance(44 * 86_400_000);
  assert.equal(requests(), 1);
  await clock.advance(2 * 86_400_000);
  assert.equal(requests(), 2);
  secrets.close();
});

test('names that are not the workload’s own are not known here', async () => {
  const { secrets } = start({ lifetimeMs: 20_000 });
  assert.equal(secrets.get('default'), undefined);
  secrets.start();
  await secrets.ready();
  assert.equal(secrets.get('kubernetes://gw'), undefined);
  assert.equal(secrets.get('ROOTCA')?.kind, 'trust');
  secrets.close();
});
