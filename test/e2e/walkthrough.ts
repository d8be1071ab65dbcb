/** The way of a newcomer, from an empty machine to a canary and back, with stock kubectl on unmodified manifests. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../src/testkit/eventually.ts';
import { hostFootprint, leftBehind, TestCluster } from './harness.ts';
import { admission } from './steps/admission.ts';
import { refuseBadInput } from './steps/bad-input.ts';
import { listPods } from './steps/bookinfo.ts';
import { installAndInject } from './steps/install.ts';
import { mutualTls } from './steps/mtls.ts';
import { observe } from './steps/observability.ts';
import { breakThings } from './steps/resilience.ts';
import { routeTraffic } from './steps/traffic.ts';

export interface Walk {
  /** Of the cluster. */
  readonly name: string;
  /** Beside the guide's own arguments of `install`. */
  readonly install: readonly string[];
}

export async function walkThrough(t: TestContext, { name, install }: Walk): Promise<void> {
  const before = hostFootprint();
  const cluster = new TestCluster(name);
  t.after(() => cluster.close());

  await t.test('up selects a context that stock kubectl uses', async () => {
    await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    assert.match(await cluster.kubectl('version'), /Server Version: v1\.\d+/);
    assert.match(await cluster.kubectl('config', 'current-context'), new RegExp(`^lateen-${name}$`, 'm'));
  });
  await t.test('install and inject', (s) => installAndInject(s, cluster, install));
  await t.test('traffic', (s) => routeTraffic(s, cluster));
  await t.test('mutual TLS', (s) => mutualTls(s, cluster));
  await t.test('faults, time-outs, retries, ejection', (s) => breakThings(s, cluster));
  await t.test('admission', (s) => admission(s, cluster));
  await t.test('bad input', (s) => refuseBadInput(s, cluster));
  await t.test('observability', (s) => observe(s, cluster));

  await t.test('uninstall --purge removes the mesh; plain pods go on', async () => {
    await cluster.lateen('uninstall', '--purge', '-y');
    await eventually(async () => assert.notEqual((await cluster.tryKubectl(['get', 'namespace', 'istio-system'])).code, 0), { timeoutMs: 30_000, everyMs: 300 });
    assert.doesNotMatch(await cluster.kubectl('get', 'crd'), /istio\.io/);
    assert.doesNotMatch(await cluster.kubectl('get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations'), /istio/);
    const plain = await listPods(cluster, '-l', 'app=before');
    assert.deepEqual(plain.map((pod) => [pod.ready, pod.status]), [['1/1', 'Running']]);
  });

  await t.test('down leaves nothing behind on the host', async () => {
    await cluster.lateen('down', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    await eventually(() => assert.deepEqual(leftBehind(before), {}), { timeoutMs: 5000, everyMs: 100 });
  });
}
