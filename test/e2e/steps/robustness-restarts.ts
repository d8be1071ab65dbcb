import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { ingressUrl, podOf } from './bookinfo.ts';
import { podProcess, restartsOf, statusOf } from './robustness-processes.ts';

const VICTIMS: readonly (readonly [what: string, container: string, marker: RegExp])[] = [
  ['application', 'productpage', /productpage\.js/],
  ['sidecar', 'istio-proxy', /proxy\.cjs proxy sidecar/],
];

/** A process that dies is started again in its pod, is counted, and serves again. */
export async function restartProcesses(t: TestContext, cluster: TestCluster): Promise<void> {
  const base = await ingressUrl(cluster);
  const pod = await podOf(cluster, 'app=productpage');
  for (const [what, container, marker] of VICTIMS) {
    await t.test(`a killed ${what} is started again, RESTARTS counts it, and traffic comes back`, async () => {
      const { pid } = await statusOf(cluster);
      const before = podProcess(pid, pod, marker);
      process.kill(before, 'SIGKILL');
      await eventually(async () => assert.equal(await restartsOf(cluster, pod, container), 1), { timeoutMs: 20_000, everyMs: 100 });
      await eventually(async () => assert.equal((await cluster.get(`${base}/productpage`)).status, 200), { timeoutMs: 20_000, everyMs: 100 });
      assert.notEqual(podProcess(pid, pod, marker), before);
      assert.equal(await podOf(cluster, 'app=productpage'), pod, 'it is still the same pod');
    });
  }

  await t.test('kubectl get pods shows both', async () => {
    await eventually(async () => assert.match(await cluster.kubectl('get', 'pods', '-l', 'app=productpage', '--no-headers'), /2\/2\s+Running\s+2 \(\d+s ago\)/), { timeoutMs: 10_000, everyMs: 200 });
  });
}
