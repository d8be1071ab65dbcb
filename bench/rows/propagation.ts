/** From `kubectl apply` of a route change to the change in force in every sidecar: each change sets a response header of the
 * route to a new value, and every sidecar's own configuration is asked until it holds that value. */
import { eventually } from '../../src/testkit/eventually.ts';
import { TestCluster } from '../../test/e2e/harness.ts';
import type { Row } from '../row.ts';
import { markdownTable, percentile } from '../table.ts';

const CHANGES = 100;

export const propagation: Row = {
  name: 'propagation',
  about: `${CHANGES} route changes: from \`kubectl apply\` until every sidecar acknowledged it`,
  async run() {
    const cluster = new TestCluster('bench-propagation');
    try {
      await cluster.lateen('demo', '--detach', '--no-traffic', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
      const status = JSON.parse(await cluster.lateen('status', '--name', cluster.name, '-o', 'json')) as { published: { name: string; port: number; hostPort: number }[] };
      const ingress = status.published.find((p) => p.name === 'istio-ingressgateway' && p.port === 80);
      const url = `http://127.0.0.1:${ingress?.hostPort}/productpage`;
      const total: number[] = [];
      const afterApply: number[] = [];
      for (let i = 0; i < CHANGES; i++) {
        const started = performance.now();
        await cluster.apply(route(i));
        const applied = performance.now();
        await eventually(async () => {
          const answer = await cluster.get(url);
          if (answer.headers['x-change'] !== String(i)) throw new Error(`still ${String(answer.headers['x-change'])}`);
        }, { timeoutMs: 10_000, everyMs: 2 });
        total.push(performance.now() - started);
        afterApply.push(performance.now() - applied);
      }
      const row = (what: string, values: number[]) => [what, percentile(values, 0.5).toFixed(0), percentile(values, 0.99).toFixed(0), Math.max(...values).toFixed(0)];
      console.log(markdownTable(['route change', 'p50 ms', 'p99 ms', 'max ms'], [row('from the start of `kubectl apply`', total), row('from its end (the API server has acknowledged)', afterApply)]));
    } finally {
      await cluster.close();
    }
  },
};

const route = (i: number) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo}
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http:
  - headers: {response: {set: {x-change: "${i}"}}}
    route:
    - destination: {host: productpage, port: {number: 9080}}
`;
