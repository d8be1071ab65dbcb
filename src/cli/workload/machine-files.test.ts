import assert from 'node:assert/strict';
import test from 'node:test';
import { parse } from 'yaml';
import type { WorkloadGroup } from '../../api/workload-group.ts';
import { groupYaml } from './create.ts';
import { machineFiles, type MachineFilesInput } from './machine-files.ts';

const GROUP: WorkloadGroup = {
  apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name: 'vms', namespace: 'shop', annotations: { 'proxy.istio.io/config': 'proxyMetadata: {B: group}' } },
  spec: { metadata: { labels: { app: 'reviews' } }, template: { serviceAccount: 'vm', network: 'east', ports: { http: 8080 }, labels: { version: 'v2' } }, probe: { httpGet: { port: 8080 } } },
};
const INPUT: MachineFilesInput = {
  group: GROUP, namespace: 'shop', mesh: 'trustDomain: td\ndefaultConfig: {discoveryAddress: "istiod.istio-system.svc:15012", proxyMetadata: {A: mesh, B: mesh}}', istioNamespace: 'istio-system', clusterId: 'Kubernetes',
  registers: true, capturesDns: true, isExternal: false, token: 'the token', rootPem: 'the root', istiodAddress: '10.9.9.9',
};
const files = (over: Partial<MachineFilesInput> = {}) => machineFiles({ ...INPUT, ...over });
const variables = (over: Partial<MachineFilesInput> = {}) => new Map((files(over).get('cluster.env') ?? '').split('\n').map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));

test('the files of a machine are those of istioctl', () => {
  assert.deepEqual([...files().keys()], ['mesh.yaml', 'cluster.env', 'istio-token', 'root-cert.pem', 'hosts']);
  assert.deepEqual([files().get('istio-token'), files().get('root-cert.pem'), files().get('hosts')], ['the token', 'the root', '10.9.9.9 istiod.istio-system.svc\n']);
  assert.equal(files({ istiodAddress: undefined }).get('hosts'), '');
});

test('mesh.yaml is the mesh’s proxy configuration, with the group’s over it and the group’s probe', () => {
  const { defaultConfig } = parse(files().get('mesh.yaml') ?? '') as { defaultConfig: { discoveryAddress: string; readinessProbe: unknown; proxyMetadata: Record<string, string> } };
  assert.equal(defaultConfig.discoveryAddress, 'istiod.istio-system.svc:15012');
  assert.deepEqual(defaultConfig.readinessProbe, { httpGet: { port: 8080 } });
  assert.deepEqual([defaultConfig.proxyMetadata['A'], defaultConfig.proxyMetadata['B'], defaultConfig.proxyMetadata['POD_NAMESPACE']], ['mesh', 'group', 'shop']);
});

const LINES: readonly (readonly [string, Partial<MachineFilesInput>, string, string | undefined])[] = [
  ['the group that it registers in', {}, 'ISTIO_META_AUTO_REGISTER_GROUP', "'vms'"],
  ['no group when it is not to register', { registers: false }, 'ISTIO_META_AUTO_REGISTER_GROUP', undefined],
  ['that DNS is captured', {}, 'ISTIO_META_DNS_CAPTURE', "'true'"],
  ['nothing of DNS otherwise', { capturesDns: false }, 'ISTIO_META_DNS_CAPTURE', undefined],
  ['its account', {}, 'SERVICE_ACCOUNT', "'vm'"],
  ['the trust domain', {}, 'TRUST_DOMAIN', "'td'"],
  ['its network', {}, 'ISTIO_META_NETWORK', "'east'"],
  ['the ports that are captured', {}, 'ISTIO_INBOUND_PORTS', "'8080'"],
  ['the ports that are not', {}, 'ISTIO_LOCAL_EXCLUDE_PORTS', "'22,15090,15021,15020'"],
  ['its labels', {}, 'ISTIO_METAJSON_LABELS', `'{"version":"v2","app":"reviews","service.istio.io/canonical-name":"reviews","service.istio.io/canonical-revision":"v2"}'`],
  ['its address', { address: '10.1.1.1' }, 'ISTIO_SVC_IP', "'10.1.1.1'"],
];
for (const [what, over, name, line] of LINES) test(`cluster.env tells a machine ${what}`, () => assert.equal(variables(over).get(name), line));

test('what a shell would read otherwise is quoted', () => {
  assert.equal(variables({ clusterId: "it's $HOME" }).get('ISTIO_META_CLUSTER_ID'), String.raw`'it'\''s $HOME'`);
});

test('group create prints what the API takes, and refuses what it would not', () => {
  const asked = { name: 'vms', labels: { app: 'a' }, annotations: {}, ports: { http: '8080' }, serviceAccount: 'vm' };
  assert.deepEqual(parse(groupYaml(asked, 'shop')), {
    apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name: 'vms', namespace: 'shop' },
    spec: { metadata: { labels: { app: 'a' }, annotations: {} }, template: { ports: { http: 8080 }, serviceAccount: 'vm' } },
  });
  assert.throws(() => groupYaml({ ...asked, ports: { http: '99999' } }, 'shop'), /spec\.template\.ports/);
});
