import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { addContext, inClusterConfig, loadKubeconfig, removeContext } from './kubeconfig.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const ENTRY = { name: 'lateen-mesh', server: 'https://127.0.0.1:6443', caPem: 'CA', clientCertPem: 'CERT', clientKeyPem: 'KEY' };

test('a context is added beside others, selected, private, and removed without a trace', (t) => {
  const path = join(folder(t), 'config');
  writeFileSync(path, 'apiVersion: v1\nkind: Config\ncurrent-context: other\nclusters: [{name: other, cluster: {server: "http://other"}}]\ncontexts: [{name: other, context: {cluster: other}}]\n');
  addContext(path, ENTRY);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const loaded = loadKubeconfig({ path });
  assert.deepEqual([loaded.context, loaded.server, loaded.caPem, loaded.clientKeyPem, loaded.namespace], ['lateen-mesh', 'https://127.0.0.1:6443', 'CA', 'KEY', 'default']);
  assert.equal(loadKubeconfig({ path, context: 'other' }).server, 'http://other');
  assert.equal(removeContext(path, 'lateen-mesh'), true);
  assert.doesNotMatch(readFileSync(path, 'utf8'), /lateen/);
  assert.equal(removeContext(path, 'lateen-mesh'), false);
});

test('files in KUBECONFIG are merged, and the first that says something wins', (t) => {
  const dir = folder(t);
  const [a, b] = [join(dir, 'a'), join(dir, 'b')];
  writeFileSync(a, 'current-context: x\ncontexts: [{name: x, context: {cluster: c, namespace: ns}}]\n');
  writeFileSync(b, 'current-context: y\nclusters: [{name: c, cluster: {server: "http://c"}}]\n');
  const loaded = loadKubeconfig({ env: { KUBECONFIG: `${a}:${b}` } });
  assert.deepEqual([loaded.context, loaded.server, loaded.namespace], ['x', 'http://c', 'ns']);
});

test('what is missing is named together with the way out', (t) => {
  const dir = folder(t);
  assert.throws(() => loadKubeconfig({ path: join(dir, 'none') }), /no kubeconfig at .*lateen up/);
  writeFileSync(join(dir, 'empty'), '');
  assert.throws(() => loadKubeconfig({ path: join(dir, 'empty') }), /selects no context/);
  assert.throws(() => loadKubeconfig({ path: join(dir, 'empty'), context: 'z' }), /no context "z"/);
  assert.throws(() => inClusterConfig({}), /not in a pod/);
});

test('a pod reads its service account', (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'ca.crt'), 'CA');
  writeFileSync(join(dir, 'namespace'), 'ns\n');
  assert.deepEqual(inClusterConfig({ KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }, dir), {
    context: 'in-cluster', namespace: 'ns', server: 'https://10.96.0.1:443', caPem: 'CA', tokenFile: join(dir, 'token'),
  });
});
