/** What a mesh must bear: parts that die, strangers that send nonsense, certificates that run out, all of it under traffic. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../../src/testkit/eventually.ts';
import { TestCluster } from './harness.ts';
import { ingressUrl, networking, platform, waitForPods } from './steps/bookinfo.ts';
import { LIFETIME_SECONDS, renewCertificates } from './steps/robustness-certificates.ts';
import { loseControlPlane, routeTo } from './steps/robustness-control-plane.ts';
import { loseSidecar, rollUnderLoad, sendGarbage } from './steps/robustness-data-plane.ts';
import { meetStrangers } from './steps/robustness-strangers.ts';

test('robustness', async (t) => {
  const cluster = new TestCluster('robustness');
  t.after(() => cluster.close());
  let base = '';

  await t.test('Bookinfo in a mesh with short-lived certificates', async () => {
    await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    await cluster.lateen('install', '--set', 'profile=demo', '--set', `meshConfig.defaultConfig.proxyMetadata.SECRET_TTL=${LIFETIME_SECONDS}s`, '-y');
    await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
    for (const file of [platform('bookinfo.yaml'), networking('bookinfo-gateway.yaml'), networking('destination-rule-all.yaml'), networking('virtual-service-all-v1.yaml')]) await cluster.kubectl('apply', '-f', file);
    await waitForPods(cluster, '2/2', []);
    base = await ingressUrl(cluster);
    await eventually(async () => assert.equal((await cluster.get(`${base}/productpage`)).status, 200), { timeoutMs: 10_000, everyMs: 100 });
    await routeTo(cluster, base, 'v1');
  });

  await t.test('strangers at the ingress', (s) => sendGarbage(s, cluster, base));
  await t.test('strangers at the control plane', (s) => meetStrangers(s, cluster));
  await t.test('the control plane is lost', (s) => loseControlPlane(s, cluster, base));
  await t.test('a sidecar is lost', (s) => loseSidecar(s, cluster, base));
  await t.test('pods are replaced', (s) => rollUnderLoad(s, cluster, base));
  await t.test('certificates run out', (s) => renewCertificates(s, cluster, base));
});
