import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { machineCapture } from '../capture/machine.ts';
import { parseCaptureArguments } from '../capture/settings.ts';
import { parseClusterEnv } from './cluster-env.ts';
import { loadSettings } from './load-settings.ts';

const ENV: readonly (readonly [line: string, value: Record<string, string>])[] = [
  ["A='b c'", { A: 'b c' }],
  ["A='it'\\''s'", { A: "it's" }],
  ['A="x \\"y\\" \\$z"', { A: 'x "y" $z' }],
  ['export A=b', { A: 'b' }],
  ["A=''", { A: '' }],
  ['# A=b', {}],
  [`L='{"a":"b"}'`, { L: '{"a":"b"}' }],
];
for (const [line, value] of ENV) test(`a line of cluster.env: ${line}`, () => assert.deepEqual(parseClusterEnv(`\n${line}\n`), value));

const CLUSTER_ENV = `
ISTIO_INBOUND_PORTS='8080,9090'
ISTIO_LOCAL_EXCLUDE_PORTS='22,15090,15021,15020'
ISTIO_METAJSON_LABELS='{"app":"vm","service.istio.io/canonical-name":"vms"}'
ISTIO_META_AUTO_REGISTER_GROUP='vms'
ISTIO_META_DNS_CAPTURE='true'
ISTIO_META_NETWORK=''
ISTIO_META_WORKLOAD_NAME='vms'
ISTIO_SERVICE_CIDR='*'
POD_NAMESPACE='shop'
SERVICE_ACCOUNT='vm'
TRUST_DOMAIN='cluster.local'
`;
const MESH = `
defaultConfig:
  discoveryAddress: 127.0.0.1:15012
  statusPort: 15020
  readinessProbe: {periodSeconds: 3, httpGet: {port: 8080, path: /ready}}
`;

function directory(t: TestContext, files: Record<string, string> = { 'cluster.env': CLUSTER_ENV, 'mesh.yaml': MESH }): string {
  const dir = mkdtempSync(join(tmpdir(), 'machine-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test('a machine is told by its directory what a pod is told by its template', async (t) => {
  const dir = directory(t);
  const s = await loadSettings(['proxy', 'sidecar', '--machine', dir], { POD_NAME: 'vm-1' });
  assert.equal(s.nodeId, 'sidecar~127.0.0.1~vm-1.shop~shop.svc.cluster.local');
  assert.deepEqual([s.workload.serviceAccount, s.workload.workload, s.workload.canonicalName, s.workload.labels.get('app')], ['vm', 'vms', 'vms', 'vm']);
  assert.deepEqual(s.files, { token: join(dir, 'istio-token'), rootCertificate: join(dir, 'root-cert.pem'), podInfo: '/etc/istio/pod', data: join(dir, 'data') });
  assert.deepEqual([s.metadata['AUTO_REGISTER_GROUP'], s.metadata['NETWORK'], s.dns.captures], ['vms', undefined, true]);
  assert.deepEqual([s.readinessProbe?.periodMs, s.readinessProbe?.method.kind], [3_000, 'http']);
});

test('what the environment says goes before the files', async (t) => {
  const s = await loadSettings(['proxy', 'sidecar', `--machine=${directory(t)}`], { POD_NAME: 'vm-1', INSTANCE_IP: '10.1.2.3', SERVICE_ACCOUNT: 'other' });
  assert.deepEqual([s.instanceIp, s.workload.serviceAccount], ['10.1.2.3', 'other']);
});

test('a directory without the files says how they are made', async (t) => {
  await assert.rejects(loadSettings(['proxy', 'sidecar', '--machine', directory(t, {})], {}), /cannot read .*cluster\.env.*workload entry configure/);
});

test('what is captured on a machine stands in the same files', () => {
  const env = parseClusterEnv(CLUSTER_ENV);
  const parsed = parseCaptureArguments(machineCapture(env), { env, nameservers: ['10.9.9.9'] });
  assert.ok(parsed.ok);
  const { inboundPorts, inboundPortsExclude, outboundRanges, nameservers, proxyUids } = parsed.settings;
  assert.deepEqual({ inboundPorts, inboundPortsExclude, outboundRanges, nameservers, proxyUids }, { inboundPorts: ['8080', '9090'], inboundPortsExclude: ['22', '15090', '15021', '15020'], outboundRanges: 'all', nameservers: ['10.9.9.9'], proxyUids: ['1337'] });
});
