/** What of Bookinfo the steps share: how to call it and how to tell which version answered. */
import assert from 'node:assert/strict';
import { eventually } from '../../../src/testkit/eventually.ts';
import { load, SAMPLES, type Answer, type TestCluster } from '../harness.ts';
import { join } from 'node:path';

export const networking = (file: string) => join(SAMPLES, 'bookinfo/networking', file);
export const platform = (file: string) => join(SAMPLES, 'bookinfo/platform/kube', file);

interface PublishedPort {
  namespace: string;
  name: string;
  port: number;
  hostPort: number;
}

/** `http://127.0.0.1:PORT` of the ingress gateway's port 80, as `status` prints it. */
export async function ingressUrl(cluster: TestCluster, port = 80): Promise<string> {
  const status = JSON.parse(await cluster.lateen('status', '--name', cluster.name, '-o', 'json')) as { published: PublishedPort[] };
  const found = status.published.find((p) => p.name === 'istio-ingressgateway' && p.port === port);
  assert.ok(found, `the ingress gateway's port ${port} is published: ${JSON.stringify(status.published)}`);
  return `http://127.0.0.1:${found.hostPort}`;
}

export type ReviewsVersion = 'v1' | 'v2' | 'v3' | 'error';

/** From what a person sees: no stars, black stars, red stars. */
export function versionOf(answer: Answer): ReviewsVersion {
  if (answer.status !== 200) return 'error';
  const { reviews } = JSON.parse(answer.body) as { reviews?: { rating?: { color?: string; error?: string } }[] };
  const rating = reviews?.[0]?.rating;
  if (reviews === undefined) return 'error';
  if (rating === undefined) return 'v1';
  return rating.color === 'red' ? 'v3' : rating.color === 'black' ? 'v2' : 'error';
}

export async function reviewShares(cluster: TestCluster, base: string, options: { count?: number; headers?: Record<string, string> } = {}): Promise<Record<ReviewsVersion, number>> {
  const count = options.count ?? 1000;
  const answers = await load(count, 8, () => cluster.get(`${base}/api/v1/products/0/reviews`, options.headers));
  const shares = { v1: 0, v2: 0, v3: 0, error: 0 };
  for (const answer of answers) shares[versionOf(answer)] += 100 / count;
  return shares;
}

export function assertShares(shares: Record<ReviewsVersion, number>, want: Partial<Record<ReviewsVersion, number>>, tolerance = 4): void {
  for (const version of ['v1', 'v2', 'v3', 'error'] as const) {
    const expected = want[version] ?? 0;
    const slack = expected === 0 || expected === 100 ? 0.001 : tolerance;
    assert.ok(Math.abs(shares[version] - expected) <= slack, `${version}: wanted ${expected} ± ${slack} %, got ${shares[version].toFixed(1)} % (${JSON.stringify(shares)})`);
  }
}

export interface PodLine {
  name: string;
  ready: string;
  status: string;
}

export async function listPods(cluster: TestCluster, ...args: string[]): Promise<PodLine[]> {
  const text = await cluster.kubectl('get', 'pods', '--no-headers', ...args);
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [name = '', ready = '', status = ''] = line.split(/\s+/);
    return { name, ready, status };
  });
}

/** Waits until every pod of the selection shows `ready` (2/2, say) and Running. */
export function waitForPods(cluster: TestCluster, ready: string, args: string[], timeoutMs = 60_000): Promise<PodLine[]> {
  return eventually(async () => {
    const pods = await listPods(cluster, ...args);
    assert.ok(pods.length > 0, 'there are pods');
    assert.deepEqual(pods.filter((pod) => pod.ready !== ready || pod.status !== 'Running'), []);
    return pods;
  }, { timeoutMs, everyMs: 200 });
}

/** The pod of a Deployment, by its labels. */
export async function podOf(cluster: TestCluster, selector: string, namespace = 'default'): Promise<string> {
  const name = await cluster.kubectl('get', 'pod', '-n', namespace, '-l', selector, '-o', 'jsonpath={.items[0].metadata.name}');
  assert.notEqual(name, '', `there is a pod ${selector}`);
  return name;
}
