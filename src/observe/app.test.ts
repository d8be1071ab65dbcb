import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { eventually } from '../testkit/eventually.ts';
import { ObserveApp } from './app.ts';
import { loadConfig, ObserveConfigError } from './config.ts';

const FREE_PORTS = ['--prometheus-port=0', '--otlp-port=0', '--zipkin-port=0', '--jaeger-port=0', '--host=127.0.0.1', '--no-discovery'];

async function startApp(t: TestContext, flags: string[] = []) {
  const app = new ObserveApp(loadConfig([...FREE_PORTS, ...flags], {}), { clock: systemClock, log: silentLog, pods: undefined, version: 'test' });
  const ports = await app.start();
  t.after(() => app.close());
  const get = async (port: keyof typeof ports, path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${ports[port]}${path}`, init);
    // The tests below assert on whatever shape came.
    return { status: response.status, headers: response.headers, body: (await response.text().then((text) => (text.startsWith('{') ? JSON.parse(text) : text))) as any };
  };
  return { app, get };
}

async function startTarget(t: TestContext, body: string): Promise<string> {
  const server = createServer((_request, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(body)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
}

test('what a target exposes can be queried over the Prometheus API, by GET and by POST', async (t) => {
  const target = await startTarget(t, '# TYPE istio_requests_total counter\n# HELP istio_requests_total requests\nistio_requests_total{destination_version="v1"} 90\nistio_requests_total{destination_version="v2"} 10\n');
  const { get } = await startApp(t, [`--target=${target}`, '--scrape-interval=200ms']);
  const query = 'sum by (destination_version) (istio_requests_total) / ignoring(destination_version) group_left sum(istio_requests_total)';
  await eventually(async () => {
    const answer = await get('prometheus', `/api/v1/query?query=${encodeURIComponent(query)}`);
    assert.deepEqual(answer.body.data.result.map((row: any) => [row.metric, row.value[1]]), [[{ destination_version: 'v1' }, '0.9'], [{ destination_version: 'v2' }, '0.1']]);
  });
  const now = Date.now() / 1000;
  const form = new URLSearchParams({ query: 'up', start: String(now - 1), end: String(now + 1), step: '1s' });
  const ranged = await get('prometheus', '/api/v1/query_range', { method: 'POST', body: form });
  assert.equal(ranged.body.data.resultType, 'matrix');
  assert.equal(ranged.body.data.result[0].metric.job, 'static');
  assert.deepEqual((await get('prometheus', '/api/v1/label/destination_version/values')).body.data, ['v1', 'v2']);
  assert.deepEqual((await get('prometheus', '/api/v1/series?match[]=istio_requests_total')).body.data.length, 2);
  assert.deepEqual((await get('prometheus', '/api/v1/metadata')).body.data.istio_requests_total, [{ type: 'counter', help: 'requests', unit: '' }]);
  assert.deepEqual((await get('prometheus', '/api/v1/targets')).body.data.activeTargets.map((it: any) => [it.scrapeUrl, it.health]), [[target, 'up']]);
  assert.match((await get('prometheus', '/federate?match[]=istio_requests_total')).body, /istio_requests_total\{destination_version="v1",instance="[^"]+",job="static"\} 90 \d+\n/);
});

test("errors have Prometheus' shape and status", async (t) => {
  const { get } = await startApp(t);
  const bad = await get('prometheus', '/api/v1/query?query=sum(');
  assert.deepEqual([bad.status, bad.body.status, bad.body.errorType], [400, 'error', 'bad_data']);
  assert.match(bad.body.error, /1:5: parse error: unexpected end of input/);
  const range = await get('prometheus', '/api/v1/query_range?query=up&start=0&end=100000&step=1');
  assert.match(range.body.error, /exceeded maximum resolution of 11,000 points/);
  assert.equal((await get('prometheus', '/api/v1/series')).status, 400);
  assert.equal((await get('prometheus', '/nope')).status, 404);
});

const span = (spanId: string, service: string, extra: object = {}) => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
  scopeSpans: [{ spans: [{ traceId: '5b8efff798038103d269b633813fc60c', spanId, name: `${service}:9080/*`, kind: 2, startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now()}500000`, attributes: [{ key: 'http.status_code', value: { stringValue: '200' } }], ...extra }] }],
});

test('spans that come by OTLP are found through the Jaeger API', async (t) => {
  const { get } = await startApp(t);
  const request = { resourceSpans: [span('000000000000000a', 'productpage.default'), span('000000000000000b', 'reviews.default', { parentSpanId: '000000000000000a' })] };
  const sent = await get('otlp', '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify(request)) });
  assert.deepEqual([sent.status, sent.body], [200, {}]);
  assert.deepEqual((await get('jaeger', '/api/services')).body.data, ['productpage.default', 'reviews.default']);
  assert.deepEqual((await get('jaeger', '/api/services/reviews.default/operations')).body.data, ['reviews.default:9080/*']);
  const tags = encodeURIComponent('{"http.status_code":"200"}');
  const found = await get('jaeger', `/api/traces?service=reviews.default&lookback=1h&tags=${tags}&maxDuration=1s&limit=20`);
  const [trace] = found.body.data;
  assert.equal(trace.traceID, '5b8efff798038103d269b633813fc60c');
  assert.deepEqual(trace.spans[1].references, [{ refType: 'CHILD_OF', traceID: trace.traceID, spanID: '000000000000000a' }]);
  assert.deepEqual(Object.values(trace.processes).map((process: any) => process.serviceName), ['productpage.default', 'reviews.default']);
  assert.equal((await get('jaeger', `/api/traces/${trace.traceID}`)).body.data.length, 1);
  assert.deepEqual((await get('jaeger', '/api/dependencies?lookback=3600000')).body.data, [{ parent: 'productpage.default', child: 'reviews.default', callCount: 1 }]);
});

test('who sends spans on a kept connection is the one who closes it', async (t) => {
  const { get } = await startApp(t);
  const { headers } = await get('otlp', '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  // Envoy closes connections that have been idle for an hour.
  assert.ok(Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1]) > 3600, headers.get('keep-alive') ?? 'not told');
});

test('what is not a trace request is refused, and the receiver goes on', async (t) => {
  const { get } = await startApp(t);
  assert.equal((await get('otlp', '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' })).status, 400);
  assert.equal((await get('otlp', '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body: new Uint8Array([0xff, 0xff]) })).status, 400);
  assert.equal((await get('zipkin', '/api/v2/spans', { method: 'POST', body: '{}' })).status, 400);
  assert.equal((await get('jaeger', '/api/traces')).status, 400);
  assert.equal((await get('jaeger', '/api/traces/0000000000000000000000000000abcd')).status, 404);
  assert.equal((await get('jaeger', '/api/traces?service=a&minDuration=soon')).status, 400);
});

test('the variables that Kubernetes sets for services are no settings', () => {
  assert.equal(loadConfig([], { PROMETHEUS_PORT: 'tcp://10.96.0.19:9090', ZIPKIN_PORT: 'tcp://10.96.0.21:9411' }).ports.prometheus, 9090);
});

test('every wrong setting is named', () => {
  assert.throws(() => loadConfig(['--scrape-interval=soon', '--otlp-port=99999', '--target=nowhere'], {}), (error: unknown) => {
    assert.ok(error instanceof ObserveConfigError);
    return /scrape-interval.*otlp-port|otlp-port.*scrape-interval/.test(error.message) && error.message.includes('"nowhere" is not a URL');
  });
});
