import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod, Volume } from 'kubernetes-types/core/v1.d.ts';
import { buildPayload, tokensOf } from './payload.ts';
import type { PayloadSources } from './payload.ts';
import { writePayload } from './payload-writer.ts';

const pod: Pod = { metadata: { name: 'p', namespace: 'ns', labels: { b: '2', a: '1' } }, spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1500m' } } }] } };
const sources: PayloadSources = {
  configMap: (name) => (name === 'cm' ? { data: { a: 'A', b: 'B' }, binaryData: { c: Buffer.from([1, 2]).toString('base64') } } : undefined),
  secret: (name) => (name === 's' ? { data: { k: Buffer.from('K').toString('base64') } } : undefined),
  token: ({ audience, expirationSeconds }) => `token for ${audience ?? 'the API'} ${expirationSeconds}`,
  addresses: { podIp: '1.2.3.4', hostIp: '5.6.7.8' }, capacity: { cpu: 4, memoryBytes: 1 },
};
const build = (volume: Omit<Volume, 'name'>) => {
  const payload = buildPayload(pod, { name: 'v', ...volume }, sources);
  return payload && Object.fromEntries([...payload].map(([path, file]) => [path, `${file.mode.toString(8)} ${file.data.toString('latin1')}`]));
};

const CASES: [why: string, volume: Omit<Volume, 'name'>, want: Record<string, string>][] = [
  ['a config map gives all its keys', { configMap: { name: 'cm' } }, { a: '644 A', b: '644 B', c: '644 \x01\x02' }],
  ['items choose keys, paths and modes', { configMap: { name: 'cm', defaultMode: 0o400, items: [{ key: 'a', path: 'x/y' }, { key: 'b', path: 'z', mode: 0o600 }] } }, { 'x/y': '400 A', z: '600 B' }],
  ['a secret is decoded', { secret: { secretName: 's' } }, { k: '644 K' }],
  ['what is optional may be missing', { secret: { secretName: 'no', optional: true } }, {}],
  ['the downward API tells labels sorted and limits in units', { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } }] } }, { labels: '644 a="1"\nb="2"', cpu: '644 1500' }],
  ['a projected volume joins its sources', { projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'istio-ca', expirationSeconds: 600 } }, { configMap: { name: 'cm', items: [{ key: 'a', path: 'ca' }] } }] } }, { token: '644 token for istio-ca 600', ca: '644 A' }],
];
for (const [why, volume, want] of CASES) test(why, () => assert.deepEqual(build(volume), want));

test('what is missing is said in Kubernetes’ words', () => {
  assert.throws(() => build({ configMap: { name: 'no' } }), { message: 'MountVolume.SetUp failed for volume "v" : configmap "no" not found' });
  assert.throws(() => build({ configMap: { name: 'cm', items: [{ key: 'no', path: 'x' }] } }), { message: /references non-existent key: no/ });
});

test('other volumes are not made of files, and the tokens that a volume needs are known', () => {
  assert.equal(build({ emptyDir: {} }), undefined);
  assert.deepEqual(tokensOf({ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }), [{ audience: undefined, expirationSeconds: 3600 }]);
});

test('an update replaces all files in one step and removes those that went', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-volume-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => ({ data: Buffer.from(text), mode: 0o640 });
  writePayload(folder, new Map([['a', file('1')], ['dir/b', file('2')]]), { version: '1' });
  assert.equal(readFileSync(join(folder, 'dir/b'), 'utf8'), '2');
  assert.equal(statSync(join(folder, 'a')).mode & 0o777, 0o640);
  writePayload(folder, new Map([['a', file('new')], ['c', file('3')]]), { version: '2' });
  assert.deepEqual(readdirSync(folder).sort(), ['..2', '..data', 'a', 'c']);
  assert.equal(readlinkSync(join(folder, '..data')), '..2');
  assert.ok(lstatSync(join(folder, 'a')).isSymbolicLink());
  assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'new');
});

test('a path that would lead out of the volume stays within it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-volume-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writePayload(folder, new Map([['../../evil', { data: Buffer.from('x'), mode: 0o644 }]]), { version: '1' });
  assert.equal(readFileSync(join(folder, 'evil'), 'utf8'), 'x');
});
