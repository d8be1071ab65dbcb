import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../testkit/eventually.ts';
import { createFileSecrets, SYSTEM_ROOTS } from './file-secrets.ts';

function setUp(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'lateen-files-'));
  const changes: string[] = [];
  const files = createFileSecrets((name) => void changes.push(name));
  t.after(() => {
    files.close();
    rmSync(home, { recursive: true });
  });
  return { files, changes, put: (name: string, text: string) => writeFileSync(join(home, name), text), at: (name: string) => join(home, name) };
}

test('a certificate is its chain and its key', (t) => {
  const { files, put, at } = setUp(t);
  put('chain.pem', 'chain');
  put('key.pem', 'key');
  assert.deepEqual(files.get(`file-cert:${at('chain.pem')}~${at('key.pem')}`), { kind: 'certificate', certificateChainPem: 'chain', keyPem: 'key' });
});

test('roots and revocation lists are files of their own', (t) => {
  const { files, put, at } = setUp(t);
  put('a.pem', 'text');
  assert.deepEqual(files.get(`file-root:${at('a.pem')}`), { kind: 'trust', trustedCaPem: 'text' });
  assert.deepEqual(files.get(`file-crl:${at('a.pem')}`), { kind: 'crl', crlPem: 'text' });
});

test('the system has roots', (t) => {
  const roots = setUp(t).files.get(SYSTEM_ROOTS);
  assert.match(roots?.kind === 'trust' ? roots.trustedCaPem : '', /-----BEGIN CERTIFICATE-----/);
});

test('a file that comes, and one that changes, is noticed', async (t) => {
  const { files, changes, put, at } = setUp(t);
  const name = `file-root:${at('late.pem')}`;
  assert.equal(files.get(name), undefined);
  put('late.pem', 'first');
  await eventually(() => assert.deepEqual(changes, [name]), { timeoutMs: 10_000 });
  put('late.pem', 'second, longer');
  await eventually(() => assert.equal(changes.length, 2), { timeoutMs: 10_000 });
  assert.deepEqual(files.get(name), { kind: 'trust', trustedCaPem: 'second, longer' });
});

test('other names are not about files', (t) => assert.equal(setUp(t).files.get('default'), undefined));
