/** From `kubectl apply` of a route change to its acknowledgement by every sidecar that has the route. The control plane's own
 * account of what was sent and acknowledged is asked every few milliseconds, so the figures are upper bounds by that much. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '../../src/testkit/eventually.ts';
import { httpGet, ROOT, TestCluster } from '../../test/e2e/harness.ts';
import type { Row } from '../row.ts';
import { markdownTable, percentile } from '../table.ts';

const CHANGES = 100;

interface SyncRow {
  proxy: string;
  proxy_type: string;
  route_sent?: string;
  route_acked?: string;
}

export const propagation: Row = {
  name: 'propagation',
  about: `${CHANGES} route changes: from \`kubectl apply\` until every sidecar has acknowledged`,
  async run() {
    const cluster = new TestCluster('bench-propagation');
    try {
      await cluster.lateen('demo', '--detach', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
      const forward = spawn(join(ROOT, 'bin/lateen'), ['dashboard', 'istiod', '--kubeconfig', cluster.kubeconfig], { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        const base = await new Promise<string>((resolve) => void forward.stdout.once('data', (text: Buffer) => resolve(/http:\/\/[^/\s]+/.exec(text.toString())?.[0] ?? '')));
        await measure(cluster, async () => JSON.parse((await httpGet(`${base}/debug/syncz`, { agent: cluster.agent })).body) as SyncRow[]);
      } finally {
        forward.kill('SIGINT');
      }
    } finally {
      await cluster.close();
    }
  },
};

async function measure(cluster: TestCluster, readSync: () => Promise<SyncRow[]>): Promise<void> {
  const sidecars = async () => (await readSync()).filter((row) => row.proxy_type === 'sidecar');
  const total: number[] = [];
  const afterApply: number[] = [];
  let count = 0;
  for (let i = 0; i < CHANGES; i++) {
    const before = new Map((await sidecars()).map((row) => [row.proxy, row.route_sent]));
    count = before.size;
    const started = performance.now();
    await cluster.apply(route(i));
    const applied = performance.now();
    await eventually(async () => {
      const behind = (await sidecars()).filter((row) => row.route_sent === before.get(row.proxy) || row.route_acked !== row.route_sent);
      if (behind.length > 0) throw new Error(`not yet: ${behind.map((row) => row.proxy).join(', ')}`);
    }, { timeoutMs: 10_000, everyMs: 3 });
    total.push(performance.now() - started);
    afterApply.push(performance.now() - applied);
  }
  const row = (what: string, values: number[]) => [what, percentile(values, 0.5).toFixed(0), percentile(values, 0.99).toFixed(0), Math.max(...values).toFixed(0)];
  console.log(markdownTable([`route change, ${count} sidecars`, 'p50 ms', 'p99 ms', 'max ms'], [row('from the start of `kubectl apply`', total), row('from its end (the API server has acknowledged)', afterApply)]));
}

const route = (i: number) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - headers: {response: {set: {x-change: "${i}"}}}
    route:
    - destination: {host: reviews, subset: v1}
`;
