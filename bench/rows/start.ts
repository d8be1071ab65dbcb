/** How long a stranger waits: `up` until kubectl answers, `up` until the product page comes through the ingress, and what all of
 * it weighs. The launcher and kubectl are the real ones; set-up is done before. */
import { TestCluster, kubectlPath, run } from '../../test/e2e/harness.ts';
import { processTree, pssMegabytes } from '../process-figures.ts';
import type { Row, RowOptions } from '../row.ts';
import { markdownTable, median } from '../table.ts';

export const startUp: Row = {
  name: 'start',
  about: 'from `lateen up` to kubectl, from `lateen demo` to the product page, memory of it all',
  async run(options: RowOptions) {
    const up = await repeat(options.runs, measureUp);
    const demo = await repeat(options.runs, measureDemo);
    const row = (what: string, values: number[], aim: string, unit: string) => [what, `${median(values).toFixed(2)} ${unit}`, `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`, aim];
    console.log(markdownTable(['what', 'median', 'min–max', 'aim'], [
      row('`lateen up` until `kubectl version` answers', up, '≤ 1 s', 's'),
      row('`lateen demo` until the product page answers 200 through the ingress', demo.map((d) => d.seconds), '≤ 5 s', 's'),
      row('memory of the demo: sum of PSS', demo.map((d) => d.pss), '≤ 800 MB', 'MB'),
      row('processes of the demo', demo.map((d) => d.processes), '', ''),
    ]));
  },
};

async function repeat<T>(count: number, measure: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i++) results.push(await measure(i));
  return results;
}

async function measureUp(i: number): Promise<number> {
  const cluster = new TestCluster(`bench-up-${i}`);
  const started = performance.now();
  try {
    await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    const answer = await run(kubectlPath(), ['version'], { env: cluster.env });
    if (answer.code !== 0) throw new Error(answer.stderr);
    return (performance.now() - started) / 1000;
  } finally {
    await cluster.close();
  }
}

interface DemoFigures {
  seconds: number;
  pss: number;
  processes: number;
}

async function measureDemo(i: number): Promise<DemoFigures> {
  const cluster = new TestCluster(`bench-demo-${i}`);
  const started = performance.now();
  try {
    await cluster.lateen('demo', '--detach', '--no-traffic', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    const status = JSON.parse(await cluster.lateen('status', '--name', cluster.name, '-o', 'json')) as { pid: number; published: { name: string; port: number; hostPort: number }[] };
    const ingress = status.published.find((p) => p.name === 'istio-ingressgateway' && p.port === 80);
    const answer = await cluster.get(`http://127.0.0.1:${ingress?.hostPort}/productpage`);
    if (answer.status !== 200) throw new Error(`the product page answered ${answer.status}`);
    const seconds = (performance.now() - started) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return { seconds, pss: pssMegabytes(status.pid), processes: processTree(status.pid).length };
  } finally {
    await cluster.close();
  }
}
