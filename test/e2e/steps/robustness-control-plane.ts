import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { assertShares, networking, podOf, reviewShares, waitForPods } from './bookinfo.ts';
import { flowsWhile, pause } from './robustness-load.ts';
import { podProcess, restartsOf, statusOf } from './robustness-processes.ts';

/** Traffic does not need the control plane; only changes do. */
export async function loseControlPlane(t: TestContext, cluster: TestCluster, base: string): Promise<void> {
  const istiod = await podOf(cluster, 'app=istiod', 'istio-system');

  await t.test('the control plane is killed under 50 requests/s: none fails, and proxies come back to it', async () => {
    const { pid } = await statusOf(cluster);
    await flowsWhile(cluster, base, async () => {
      await pause(1000);
      process.kill(podProcess(pid, istiod, /control\.js/), 'SIGKILL');
      await eventually(async () => assert.equal(await restartsOf(cluster, istiod, 'discovery', 'istio-system'), 1), { timeoutMs: 20_000, everyMs: 200 });
      await waitForPods(cluster, '1/1', ['-n', 'istio-system', '-l', 'app=istiod'], 30_000);
      await allProxiesInSync(cluster);
    });
  });

  await t.test('a route change afterwards is in force everywhere', async () => {
    await routeTo(cluster, base, 'v3');
  });

  await t.test('its pod is deleted under 50 requests/s: none fails, and a new one serves the same proxies', async () => {
    await flowsWhile(cluster, base, async () => {
      await pause(500);
      await cluster.kubectl('delete', 'pod', istiod, '-n', 'istio-system', '--wait=false');
      await eventually(async () => assert.notEqual(await podOf(cluster, 'app=istiod', 'istio-system'), istiod), { timeoutMs: 40_000, everyMs: 300 });
      await waitForPods(cluster, '1/1', ['-n', 'istio-system', '-l', 'app=istiod'], 30_000);
      await allProxiesInSync(cluster);
    });
    await routeTo(cluster, base, 'v1');
  });
}

const FILES = { v1: 'virtual-service-all-v1.yaml', v3: 'virtual-service-reviews-v3.yaml' } as const;

export async function routeTo(cluster: TestCluster, base: string, version: keyof typeof FILES): Promise<void> {
  await cluster.kubectl('apply', '-f', networking(FILES[version]));
  await eventually(async () => assertShares(await reviewShares(cluster, base, { count: 20 }), { [version]: 100 }), { timeoutMs: 5000, everyMs: 100 });
}

/** Every sidecar and both gateways, and nothing of them stale. */
export async function allProxiesInSync(cluster: TestCluster): Promise<void> {
  const { items } = await cluster.getJson<{ items: { metadata: { name: string } }[] }>('pods', '-A', '-l', 'security.istio.io/tlsMode=istio');
  const gateways = await cluster.getJson<{ items: { metadata: { name: string } }[] }>('pods', '-n', 'istio-system', '-l', 'istio in (ingressgateway,egressgateway)');
  const names = new Set([...items, ...gateways.items].map((pod) => pod.metadata.name));
  assert.ok(names.size >= 8, `${names.size} proxies`);
  await eventually(async () => {
    const text = await cluster.lateen('proxy-status');
    for (const name of names) assert.match(text, new RegExp(`^${name}\\.\\S+.*SYNCED`, 'm'));
    assert.doesNotMatch(text, /STALE/);
  }, { timeoutMs: 20_000, everyMs: 300 });
}
