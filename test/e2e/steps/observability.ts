import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { chromium, type Browser } from 'playwright-core';
import { eventually } from '../../../src/testkit/eventually.ts';
import { httpGet, startLoad, type TestCluster } from '../harness.ts';
import { ingressUrl, networking, podOf } from './bookinfo.ts';

const STANDARD_LABELS = ['reporter', 'source_workload', 'source_principal', 'source_app', 'source_version', 'source_cluster', 'destination_workload', 'destination_principal', 'destination_app', 'destination_version', 'destination_service', 'destination_service_name', 'destination_service_namespace', 'destination_cluster', 'request_protocol', 'response_code', 'response_flags', 'connection_security_policy', 'source_canonical_service', 'destination_canonical_service', 'source_canonical_revision', 'destination_canonical_revision', 'source_workload_namespace', 'destination_workload_namespace'];

interface Published {
  published: { namespace: string; name: string; port: number; hostPort: number }[];
}

/** Step 9: metrics, traces and the console. */
export async function observe(t: TestContext, cluster: TestCluster): Promise<void> {
  const base = await ingressUrl(cluster);
  const status = JSON.parse(await cluster.lateen('status', '--name', cluster.name, '-o', 'json')) as Published;
  const url = (service: string, port: number) => {
    const found = status.published.find((entry) => entry.name === service && entry.port === port);
    assert.ok(found, `${service}:${port} is published`);
    return `http://127.0.0.1:${found.hostPort}`;
  };
  await cluster.kubectl('apply', '-f', networking('virtual-service-reviews-90-10.yaml'));
  const traffic = startLoad(20, () => cluster.get(`${base}/productpage`));
  try {
    await t.test('every sidecar serves Istio’s metrics with Istio’s labels', async () => {
      const pod = await podOf(cluster, 'app=reviews,version=v1');
      const text = await eventually(async () => {
        const { stdout } = await cluster.exec(pod, ['node', '-e', "fetch('http://127.0.0.1:15090/stats/prometheus').then(r=>r.text()).then(t=>console.log(t))"], 'istio-proxy');
        assert.match(stdout, /^istio_requests_total\{/m);
        return stdout;
      }, { timeoutMs: 10_000 });
      const line = text.split('\n').find((entry) => entry.startsWith('istio_requests_total{') && entry.includes('reporter="destination"')) ?? '';
      for (const label of STANDARD_LABELS) assert.match(line, new RegExp(`[{,]${label}="`), `label ${label} in ${line}`);
      assert.match(line, /source_workload="productpage-v1"/);
      assert.match(line, /connection_security_policy="mutual_tls"/);
      assert.match(text, /^istio_request_duration_milliseconds_bucket\{/m);
      assert.match(text, /^istio_request_bytes_bucket\{/m);
    });

    await t.test('a stock Prometheus scrapes them', async () => scrapeWithPrometheus(t, cluster, await cluster.nodePid()));

    await t.test('the metrics store answers PromQL', async () => {
      await eventually(async () => {
        const answer = await httpGet(`${url('prometheus', 9090)}/api/v1/query?query=${encodeURIComponent('sum by (destination_version) (rate(istio_requests_total{reporter="source",destination_app="reviews"}[30s]))')}`);
        const { data } = JSON.parse(answer.body) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
        const rates = Object.fromEntries(data.result.map((r) => [r.metric['destination_version'], Number(r.value[1])]));
        assert.ok((rates['v1'] ?? 0) > 5, JSON.stringify(rates));
      }, { timeoutMs: 40_000, everyMs: 1000 });
    });

    await t.test('one request through Bookinfo is one trace with a span of every hop', async () => {
      const traceId = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
      await cluster.kubectl('apply', '-f', networking('virtual-service-reviews-v3.yaml'));
      await cluster.lateen('wait', '-f', networking('virtual-service-reviews-v3.yaml'));
      const page = await cluster.get(`${base}/productpage`, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
      assert.equal(page.status, 200);
      await eventually(async () => {
        const answer = await httpGet(`${url('tracing', 16686)}/api/traces/${traceId}`);
        const trace = (JSON.parse(answer.body) as { data?: { spans: { processID: string; references: { spanID: string }[]; spanID: string }[]; processes: Record<string, { serviceName: string }> }[] }).data?.[0];
        assert.ok(trace, 'the trace is there');
        const services = new Set(trace.spans.map((span) => trace.processes[span.processID]?.serviceName ?? ''));
        for (const name of ['istio-ingressgateway', 'productpage', 'details', 'reviews', 'ratings']) assert.ok([...services].some((s) => s.startsWith(name)), `${name} in ${[...services].join(', ')}`);
        const ids = new Set(trace.spans.map((span) => span.spanID));
        const orphans = trace.spans.filter((span) => !span.references.some((r) => ids.has(r.spanID)));
        assert.equal(orphans.length, 1, `only the first span has its parent outside: ${orphans.map((span) => `${trace.processes[span.processID]?.serviceName} ${span.spanID}`).join(', ')}`);
      }, { timeoutMs: 20_000, everyMs: 500 });
      await cluster.kubectl('apply', '-f', networking('virtual-service-reviews-90-10.yaml'));
    });

    await t.test('a headless Chromium sees the 90/10 split in the console’s traffic graph', async () => {
      await new Promise((resolve) => setTimeout(resolve, 35_000));
      await watchGraph(t, url('kiali', 20001));
    });
  } finally {
    const answers = await traffic.stop();
    assert.deepEqual(answers.filter((answer) => answer.status !== 200).map((answer) => answer.status), [], 'no request of the background traffic failed');
  }
}

async function scrapeWithPrometheus(t: TestContext, cluster: TestCluster, nodePid: number): Promise<void> {
  const directory = join(cluster.directory, 'prometheus');
  mkdirSync(directory);
  const pods = await cluster.getJson<{ items: { metadata: { name: string }; status: { podIP: string } }[] }>('pods', '-l', 'security.istio.io/tlsMode=istio');
  const targets = pods.items.map((pod) => `${pod.status.podIP}:15020`);
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: [{ job_name: 'sidecars', metrics_path: '/stats/prometheus', static_configs: [{ targets }] }] }));
  const child = spawn('nsenter', ['-t', String(nodePid), '-n', 'prometheus', `--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, '--web.listen-address=127.0.0.1:19090'], { stdio: 'ignore' });
  t.after(() => void child.kill());
  await eventually(async () => {
    const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
      const ask = spawn('nsenter', ['-t', String(nodePid), '-n', 'curl', '-s', 'http://127.0.0.1:19090/api/v1/query?query=count(up%20%3D%3D%201)']);
      let text = '';
      ask.stdout.on('data', (part: Buffer) => (text += part.toString()));
      ask.on('close', () => resolve({ stdout: text }));
    });
    const up = (JSON.parse(stdout) as { data: { result: { value: [number, string] }[] } }).data.result[0]?.value[1];
    assert.equal(Number(up), targets.length);
  }, { timeoutMs: 30_000, everyMs: 500 });
}

async function watchGraph(t: TestContext, url: string): Promise<void> {
  const browser: Browser = await chromium.launch({ executablePath: process.env['LATEEN_CHROMIUM'] ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  await page.goto(`${url}/graph?namespaces=default&duration=30s`);
  await page.waitForSelector('[data-testid="edge"][data-share]', { timeout: 30_000, state: 'attached' });
  const shares = await eventually(async () => {
    const found = await page.$$eval('[data-testid="edge"][data-share]', (elements) => elements.map((element) => ({ target: element.getAttribute('data-target') ?? '', share: Number(element.getAttribute('data-share')), mtls: element.getAttribute('data-mtls') })));
    const of = (version: string) => found.find((edge) => edge.target.includes('reviews') && edge.target.includes(version));
    assert.ok(of('v1') && of('v2'), JSON.stringify(found));
    return { v1: of('v1'), v2: of('v2') };
  }, { timeoutMs: 20_000, everyMs: 500 });
  // Drawn by lot, of some five hundred: as far off as that once in 10⁷ times.
  assert.ok(Math.abs((shares.v1?.share ?? 0) - 0.9) < 0.08, `v1 has ${shares.v1?.share}`);
  assert.ok(Math.abs((shares.v2?.share ?? 0) - 0.1) < 0.08, `v2 has ${shares.v2?.share}`);
  assert.equal(shares.v1?.mtls, 'true');
}
