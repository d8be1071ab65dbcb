import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import { guideBlock } from '../guide.ts';
import { load, countBy, type TestCluster } from '../harness.ts';
import { ingressUrl, networking, podOf, waitForPods } from './bookinfo.ts';

/** Step 7: faults, time-outs, retries, outlier detection. */
export async function breakThings(t: TestContext, cluster: TestCluster): Promise<void> {
  const base = await ingressUrl(cluster);
  await cluster.kubectl('apply', '-f', networking('virtual-service-all-v1.yaml'));
  await cluster.kubectl('apply', '-f', networking('virtual-service-reviews-test-v2.yaml'));
  const jason = { cookie: 'session=jason' };
  const inCurl = async (...args: string[]) => (await cluster.exec(await podOf(cluster, 'app=curl'), ['curl', '-s', '-m', '15', ...args], 'curl')).stdout;

  await t.test('an injected delay of 7 s meets the product page’s own 3 s time-out, for jason only', async () => {
    await cluster.kubectl('apply', '-f', networking('virtual-service-ratings-test-delay.yaml'));
    await eventually(async () => {
      const started = performance.now();
      const page = await cluster.get(`${base}/productpage`, jason);
      const seconds = (performance.now() - started) / 1000;
      assert.match(page.body, /Error fetching product reviews/);
      assert.ok(seconds > 5.5 && seconds < 7, `two tries of 3 s each: ${seconds.toFixed(1)} s`);
    }, { timeoutMs: 30_000 });
    assert.doesNotMatch((await cluster.get(`${base}/productpage`)).body, /Error fetching/);
  });

  await t.test('an injected abort shows as unavailable ratings, for jason only', async () => {
    await cluster.kubectl('apply', '-f', networking('virtual-service-ratings-test-abort.yaml'));
    await eventually(async () => assert.match((await cluster.get(`${base}/productpage`, jason)).body, /Ratings service is currently unavailable/), { timeoutMs: 5000 });
    assert.doesNotMatch((await cluster.get(`${base}/productpage`)).body, /unavailable/);
  });

  await t.test('a time-out of the route answers 504 in time', async () => {
    await cluster.apply(httpbinRoute('timeout: 0.5s'));
    await eventually(async () => assert.equal(await inCurl('-o', '/dev/null', '-w', '%{http_code}', 'http://httpbin:8000/delay/3'), '504'), { timeoutMs: 5000 });
    const seconds = Number(await inCurl('-o', '/dev/null', '-w', '%{time_total}', 'http://httpbin:8000/delay/3'));
    assert.ok(seconds >= 0.45 && seconds < 1.5, `${seconds} s`);
  });

  await t.test('a retry turns an answer that is wrong half of the time into a right one', async () => {
    await cluster.apply(httpbinRoute('retries: {attempts: 30, perTryTimeout: 2s, retryOn: 5xx}'));
    await cluster.lateen('wait', 'virtualservice/httpbin');
    const codes = (await inCurl('-o', '/dev/null', '-w', '%{http_code}\n', ...Array<string>(30).fill('http://httpbin:8000/status/200,503'))).trim().split('\n');
    assert.deepEqual(countBy(codes.filter((line) => /^\d+$/.test(line)), String)['503'] ?? 0, 0, codes.join(' '));
    await cluster.kubectl('delete', 'virtualservice', 'httpbin');
  });

  await t.test('an instance that answers 5xx is ejected and comes back', async () => {
    const rule = correctlyIndentedGuideRule('faulty');
    await cluster.apply(TWO_INSTANCES);
    await cluster.apply(rule.replace('baseEjectionTime: 30s', 'baseEjectionTime: 5s\n      maxEjectionPercent: 100'));
    await waitForPods(cluster, '2/2', ['-l', 'app=faulty']);
    const ask = async (count: number) => {
      const text = await inCurl('-w', '\n', ...Array<string>(count).fill('http://faulty:8000/hello'));
      return text.trim().split('\n').map((line) => line.trim()).filter((line) => line !== '');
    };
    await eventually(async () => {
      const answers = await ask(30);
      assert.deepEqual(answers.filter((line) => !line.includes('Hello version')), [], 'only the good instance answers');
    }, { timeoutMs: 8000 });
    const listed = await cluster.lateen('pc', 'endpoint', await podOf(cluster, 'app=curl'), '--cluster', 'outbound|8000||faulty.default.svc.cluster.local');
    assert.match(listed, /FAILED/);
    await eventually(async () => {
      const answers = await ask(10);
      assert.ok(answers.some((line) => !line.includes('Hello version')), 'the bad instance is asked again');
    }, { timeoutMs: 15_000, everyMs: 500 });
  });

  await t.test('load through the ingress goes on without an error afterwards', async () => {
    await cluster.kubectl('delete', 'virtualservice', 'ratings');
    const answers = await load(200, 8, () => cluster.get(`${base}/productpage`));
    assert.deepEqual(countBy(answers, (answer) => String(answer.status)), { 200: 200 });
  });
}

const httpbinRoute = (setting: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin}
spec:
  hosts: [httpbin]
  http:
  - ${setting}
    route:
    - destination: {host: httpbin, port: {number: 8000}}
`;

/** The guide's DestinationRule with the indentation it needs and every value it gives. */
function correctlyIndentedGuideRule(host: string): string {
  const text = guideBlock('kind: DestinationRule');
  const value = (key: string) => new RegExp(`${key}: (\\S+)`).exec(text)?.[1];
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${value('name')}}
spec:
  host: ${host}
  trafficPolicy:
    loadBalancer: {simple: ${value('simple')}}
    connectionPool:
      tcp: {maxConnections: ${value('maxConnections')}}
      http: {http1MaxPendingRequests: ${value('http1MaxPendingRequests')}, http2MaxRequests: ${value('http2MaxRequests')}}
    outlierDetection:
      consecutive5xxErrors: ${value('consecutive5xxErrors')}
      interval: ${value('interval')}
      baseEjectionTime: ${value('baseEjectionTime')}
`;
}

/** One instance answers, the other has a server in front of nothing: its own proxy answers 503. Nothing is tried again, so that
 * what each answers is seen: a request that no application has got would go on to the other. */
const TWO_INSTANCES = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: faulty}
spec:
  hosts: [faulty]
  http:
  - retries: {attempts: 0}
    route:
    - destination: {host: faulty, port: {number: 8000}}
---
apiVersion: v1
kind: Service
metadata: {name: faulty}
spec:
  selector: {app: faulty}
  ports: [{name: http, port: 8000, targetPort: 5000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: faulty-good}
spec:
  selector: {matchLabels: {app: faulty, version: good}}
  template:
    metadata: {labels: {app: faulty, version: good}}
    spec:
      containers: [{name: app, image: examples-helloworld-v1, ports: [{containerPort: 5000}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: faulty-bad}
spec:
  selector: {matchLabels: {app: faulty, version: bad}}
  template:
    metadata: {labels: {app: faulty, version: bad}}
    spec:
      containers: [{name: app, image: curlimages/curl, command: [/bin/sleep, infinity]}]
`;
