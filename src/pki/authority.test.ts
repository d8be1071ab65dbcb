import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FakeClock } from '../testkit/fake-clock.ts';
import { createAuthority, loadAuthority } from './authority.ts';
import { readCertificate } from './certificate.ts';
import { createCsr, parseCsr } from './csr.ts';

const DAY = 86_400_000;

function files(t: TestContext, contents: Record<string, string>): (name: string) => string {
  const dir = mkdtempSync(join(tmpdir(), 'pki-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(dir, name), text);
  return (name) => join(dir, name);
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

for (const keyKind of ['ec-p256', 'ec-p384', 'rsa-2048'] as const) {
  test(`openssl verifies a certificate issued by an authority with an ${keyKind} key`, (t) => {
    const ca = createAuthority({ commonName: 'Test Root', organization: 'cluster.local', lifetimeMs: 10 * DAY, keyKind });
    const leaf = ca.issue({ subject: { commonName: 'api' }, sans: { dns: ['api.local'], ip: ['10.96.0.1', '::1'] }, lifetimeMs: DAY, usages: ['server'] });
    const path = files(t, { 'ca.pem': ca.certificatePem, 'leaf.pem': leaf.certificatePem });
    assert.match(openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', path('ca.pem'), path('leaf.pem')), /OK/);
    assert.throws(() => openssl('verify', '-purpose', 'sslclient', '-CAfile', path('ca.pem'), path('leaf.pem')));
    const facts = readCertificate(leaf.certificatePem);
    assert.deepEqual([facts.dns, facts.ips], [['api.local'], ['10.96.0.1', '0:0:0:0:0:0:0:1']]);
    assert.ok(new X509Certificate(leaf.certificatePem).checkIP('10.96.0.1'));
  });
}

test('a request made here is one that openssl accepts, and its certificate carries the names of the signer only', (t) => {
  const ca = createAuthority({ commonName: 'Root', lifetimeMs: DAY });
  const { csrPem } = createCsr({ sans: { uri: ['spiffe://cluster.local/ns/evil/sa/root'] } });
  const path = files(t, { 'csr.pem': csrPem, 'ca.pem': ca.certificatePem });
  assert.match(openssl('req', '-in', path('csr.pem'), '-verify', '-noout', '-text'), /URI:spiffe:\/\/cluster.local\/ns\/evil\/sa\/root/);
  const mine = ca.sign(csrPem, { sans: { uri: ['spiffe://cluster.local/ns/default/sa/web'] }, lifetimeMs: 60_000, usages: ['server', 'client'] });
  assert.deepEqual(readCertificate(mine).uris, ['spiffe://cluster.local/ns/default/sa/web']);
  writeFileSync(path('mine.pem'), mine);
  assert.match(openssl('verify', '-x509_strict', '-CAfile', path('ca.pem'), path('mine.pem')), /OK/);
});

test('a request made by openssl is read', (t) => {
  const path = files(t, {});
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', path('key.pem'), '-out', path('csr.pem'), '-subj', '/O=x/CN=someone', '-addext', 'subjectAltName=DNS:a.b,IP:1.2.3.4');
  const parsed = parseCsr(openssl('req', '-in', path('csr.pem')));
  assert.ok(parsed.ok);
  assert.equal(parsed.csr.commonName, 'someone');
  assert.deepEqual(parsed.csr.sans, { dns: ['a.b'], ip: ['1.2.3.4'], uri: [] });
});

test('a request with a changed byte, a weak key, another kind of PEM or rubbish is refused with the reason', (t) => {
  const { csrPem } = createCsr({ subject: { commonName: 'abc' } });
  const der = Buffer.from(csrPem.split('\n').slice(1, -2).join(''), 'base64');
  const flipped = Buffer.from(der);
  flipped.writeUInt8(flipped.readUInt8(flipped.indexOf('abc')) ^ 1, flipped.indexOf('abc'));
  const pem = (bytes: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const path = files(t, {});
  openssl('req', '-new', '-newkey', 'rsa:1024', '-nodes', '-keyout', path('key.pem'), '-out', path('weak.pem'), '-subj', '/CN=w');
  for (const [input, reason] of [
    [pem(flipped), /signature of the request/],
    [pem(der.subarray(0, 40)), /longer than its container/],
    [openssl('req', '-in', path('weak.pem')), /1024 bits is too weak/],
    ['hello', /PEM text/],
    ['x'.repeat(20_000), /larger than/],
  ] as const) {
    const result = parseCsr(input);
    assert.equal(result.ok, false);
    assert.match(result.ok ? '' : result.reason, reason);
  }
});

test('a leaf never outlives its authority, and an authority loaded again signs the same way', () => {
  const clock = new FakeClock();
  const ca = createAuthority({ commonName: 'Root', lifetimeMs: DAY, clock });
  const again = loadAuthority({ certificatePem: ca.certificatePem, keyPem: ca.keyPem, clock });
  const leaf = again.issue({ sans: { dns: ['x'] }, lifetimeMs: 90 * DAY, usages: ['server'] });
  assert.equal(readCertificate(leaf.certificatePem).notAfterMs, ca.notAfterMs);
  assert.ok(new X509Certificate(leaf.certificatePem).verify(new X509Certificate(ca.certificatePem).publicKey));
});

test('a key of another certificate and a leaf are refused as an authority', () => {
  const ca = createAuthority({ commonName: 'Root', lifetimeMs: DAY });
  const other = createAuthority({ commonName: 'Other', lifetimeMs: DAY });
  const leaf = ca.issue({ sans: { dns: ['x'] }, lifetimeMs: DAY, usages: ['server'] });
  assert.throws(() => loadAuthority({ certificatePem: ca.certificatePem, keyPem: other.keyPem }), /does not belong/);
  assert.throws(() => loadAuthority(leaf), /CA:TRUE/);
});

test('a certificate that ends after 2049 is dated with four digits of the year', () => {
  const ca = createAuthority({ commonName: 'Root', lifetimeMs: 40 * 365 * DAY });
  assert.ok(readCertificate(ca.certificatePem).notAfterMs > Date.UTC(2060, 0));
});
