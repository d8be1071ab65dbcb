import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import { countBy, httpGet, startLoad, type TestCluster } from '../harness.ts';
import { assertShares, ingressUrl, networking, reviewShares, versionOf } from './bookinfo.ts';

const IN_FORCE_WITHIN_MS = 1000;
const STARS = /<span class="glyphicon glyphicon-star">/;

/** Steps 4 and 5: the way in, weights, A/B, blue-green. */
export async function routeTraffic(t: TestContext, cluster: TestCluster): Promise<void> {
  await cluster.kubectl('apply', '-f', networking('bookinfo-gateway.yaml'));
  const base = await ingressUrl(cluster);
  const api = `${base}/api/v1/products/0/reviews`;

  await t.test('the product page shows details, reviews and ratings of the other services', async () => {
    const page = await eventually(async () => {
      const answer = await cluster.get(`${base}/productpage`);
      assert.equal(answer.status, 200, answer.body);
      return answer;
    }, { timeoutMs: 5000 });
    assert.match(page.body, /Simple Bookstore App/);
    assert.match(page.body, /PublisherA/);
    assert.match(page.body, /Reviews served by/);
    const starred = await eventually(async () => {
      const { body } = await cluster.get(`${base}/productpage`);
      assert.match(body, STARS);
      return body;
    }, { timeoutMs: 5000 });
    assert.match(starred, /Book Details/);
  });

  const applyAndWait = async (file: string, arrived: (version: string) => boolean) => {
    await cluster.kubectl('apply', '-f', networking(file));
    await new Promise((resolve) => setTimeout(resolve, IN_FORCE_WITHIN_MS));
    const versions = await Promise.all(Array.from({ length: 40 }, async () => versionOf(await cluster.get(api))));
    assert.deepEqual(versions.filter((version) => !arrived(version)), [], `${file} is in force after ${IN_FORCE_WITHIN_MS} ms`);
  };

  await t.test('everything on v1 once the destination rules and routes are there', async () => {
    await cluster.kubectl('apply', '-f', networking('destination-rule-all.yaml'));
    await applyAndWait('virtual-service-all-v1.yaml', (v) => v === 'v1');
    assertShares(await reviewShares(cluster, base, { count: 200 }), { v1: 100 });
  });

  for (const [file, shares] of [
    ['virtual-service-reviews-90-10.yaml', { v1: 90, v2: 10 }],
    ['virtual-service-reviews-80-20.yaml', { v1: 80, v2: 20 }],
    ['virtual-service-reviews-50-v3.yaml', { v1: 50, v3: 50 }],
    ['virtual-service-reviews-v3.yaml', { v3: 100 }],
  ] as const) {
    await t.test(`${file}: the share of each version is the weight ± 4 points`, async () => {
      await applyAndWait(file, (v) => v in shares);
      // Versions are drawn by lot: of 4,000 requests a half misses by more than 4 points once in 2,000,000 times.
      assertShares(await reviewShares(cluster, base, { count: Object.keys(shares).length > 1 ? 4000 : 1000 }), shares);
    });
  }

  await t.test('A/B: jason, signed in on the product page, sees v2, everyone else v1', async () => {
    await applyAndWait('virtual-service-reviews-test-v2.yaml', (v) => v === 'v1');
    const login = await httpGet(`${base}/login`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'username=jason&passwd=' });
    assert.equal(login.status, 302);
    const cookie = (login.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
    const jason = await cluster.get(`${base}/productpage`, { cookie });
    assert.match(jason.body, STARS);
    assert.match(jason.body, /color="black"/);
    const other = await cluster.get(`${base}/productpage`);
    assert.doesNotMatch(other.body, STARS);
    assertShares(await reviewShares(cluster, base, { count: 100, headers: { cookie } }), { v2: 100 });
  });

  await t.test('blue-green: 0/100 becomes 100/0 under load with no failed request', async () => {
    const weights = (blue: number) => cluster.apply(blueGreen(blue));
    await weights(0);
    await eventually(async () => assert.equal(versionOf(await cluster.get(api)), 'v3'), { timeoutMs: IN_FORCE_WITHIN_MS });
    const running = startLoad(100, () => cluster.get(api));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await weights(100);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const answers = await running.stop();
    assert.deepEqual(Object.keys(countBy(answers, (answer) => String(answer.status))), ['200']);
    const versions = answers.map(versionOf);
    assert.equal(versions[0], 'v3');
    assert.equal(versions.at(-1), 'v1');
  });
}

const blueGreen = (v1: number) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: ${v1}
    - destination: {host: reviews, subset: v3}
      weight: ${100 - v1}
`;
