import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { build } from 'esbuild';
import { builtins } from '../../build/builtins.ts';

/** What the source prints when it is bundled and run. */
async function printed(contents: string): Promise<unknown> {
  const { outputFiles } = await build({ stdin: { contents, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'esm', write: false, plugins: [builtins] });
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', outputFiles[0]?.text ?? ''], { encoding: 'utf8' }));
}

test('what takes long to load is loaded when it is first used', async () => {
  const source = `
    import { randomBytes, X509Certificate, constants } from 'node:crypto';
    import { readFile } from 'node:fs/promises';
    const has = () => ['crypto', 'fs/promises'].map((name) => process.moduleLoadList.includes('NativeModule ' + name));
    const before = has();
    const bytes = randomBytes(4).length;
    console.log(JSON.stringify({ before, bytes, after: has(), unused: typeof readFile }));
  `;
  assert.deepEqual(await printed(source), { before: [false, false], bytes: 4, after: [true, false], unused: 'function' });
});

test('classes, constants and values are those of the module', async () => {
  const source = `
    import crypto, { KeyObject, X509Certificate, constants, generateKeyPairSync } from 'node:crypto';
    import { DEFAULT_MIN_VERSION, TLSSocket, rootCertificates } from 'node:tls';
    import { Socket } from 'node:net';
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = new X509Certificate(rootCertificates[0]);
    console.log(JSON.stringify({
      isKey: privateKey instanceof KeyObject, isCertificate: certificate instanceof X509Certificate, isTls: new TLSSocket(new Socket()) instanceof TLSSocket, isPlain: new Socket() instanceof TLSSocket,
      ca: certificate.ca, constant: constants.SSL_OP_NO_TICKET, names: 'SSL_OP_NO_TICKET' in constants, spread: { ...constants }.SSL_OP_NO_TICKET, viaDefault: typeof crypto.randomUUID(), version: DEFAULT_MIN_VERSION,
      roots: rootCertificates.join('').length > 1000,
    }));
  `;
  assert.deepEqual(await printed(source), { isKey: true, isCertificate: true, isTls: true, isPlain: false, ca: true, constant: 16384, names: true, spread: 16384, viaDefault: 'string', version: 'TLSv1.2', roots: true });
});
