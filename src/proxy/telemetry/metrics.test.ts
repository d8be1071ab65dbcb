import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { expose } from './exposition.ts';
import { IstioMetrics } from './istio-metrics.ts';
import { Family, Registry, renderLabels } from './registry.ts';
import type { Cell } from './registry.ts';
import { createStandardMetrics } from './standard-metrics.ts';
import { DESTINATION, OWN, PEER, headers, inboundOutcome, outboundOutcome, tcpOutcome } from './outcome.fixture.ts';

function start() {
  const registry = new Registry();
  const metrics = new IstioMetrics(registry, { own: OWN, hostFallback: true });
  const lines = (name: string) => expose(registry.families()).split('\n').filter((line) => line.startsWith(`${name}{`));
  const labels = (line: string | undefined) => Object.fromEntries(Array.from((line ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), (m) => [m[1], m[2]]));
  return { registry, metrics, lines, labels };
}

test('at the source, the labels say who called and what was reached', () => {
  const { metrics, lines, labels } = start();
  metrics.record(outboundOutcome());
  assert.deepEqual(labels(lines('istio_requests_total')[0]), {
    reporter: 'source', source_workload: 'productpage-v1', source_canonical_service: 'productpage', source_canonical_revision: 'v1', source_workload_namespace: 'default',
    source_principal: 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage', source_app: 'productpage', source_version: 'v1', source_cluster: 'Kubernetes',
    destination_workload: 'reviews-v2', destination_workload_namespace: 'default', destination_principal: 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews', destination_app: 'reviews', destination_version: 'v2',
    destination_service: 'reviews.default.svc.cluster.local', destination_canonical_service: 'reviews', destination_canonical_revision: 'v2', destination_service_name: 'reviews', destination_service_namespace: 'default', destination_cluster: 'Kubernetes',
    request_protocol: 'http', response_flags: '-', connection_security_policy: 'unknown', response_code: '200',
  });
});

test('at the destination, the peer comes from its metadata and certificate, and mutual TLS is told', () => {
  const { metrics, lines, labels } = start();
  metrics.record(inboundOutcome());
  metrics.record(inboundOutcome({ connection: { downstreamRemote: '1.1.1.1:1', downstreamLocal: '1.1.1.2:2' }, downstreamPeerMetadata: undefined }));
  const [mutual, plain] = lines('istio_requests_total').map(labels);
  assert.deepEqual(
    [mutual?.['reporter'], mutual?.['source_workload'], mutual?.['source_workload_namespace'], mutual?.['destination_workload'], mutual?.['destination_service'], mutual?.['connection_security_policy'], mutual?.['source_canonical_revision']],
    ['destination', 'istio-ingressgateway', 'istio-system', 'productpage-v1', 'productpage.default.svc.cluster.local', 'mutual_tls', 'latest'],
  );
  assert.deepEqual([plain?.['source_workload'], plain?.['source_principal'], plain?.['connection_security_policy']], ['unknown', 'unknown', 'none']);
});

for (const [name, outcome, want] of [
  ['no route', outboundOutcome({ upstream: undefined, responseCode: 404, flags: ['NR'], details: 'route_not_found' }), { destination_service: 'reviews:9080', destination_service_name: 'reviews:9080', destination_workload: 'unknown', response_flags: 'NR', response_code: '404' }],
  ['passthrough', outboundOutcome({ upstream: { destination: { cluster: 'PassthroughCluster' }, attempts: 1 }, authority: 'example.com' }), { destination_service: 'example.com', destination_service_name: 'PassthroughCluster', destination_service_namespace: 'unknown' }],
  ['a client that went away', outboundOutcome({ responseCode: 0, flags: ['DC'] }), { response_code: '0', response_flags: 'DC' }],
  ['several flags', outboundOutcome({ responseCode: 503, flags: ['URX', 'UF'] }), { response_flags: 'URX,UF' }],
  ['gRPC', outboundOutcome({ grpcStatus: 14, requestHeaders: headers({ 'content-type': 'application/grpc' }) }), { request_protocol: 'grpc', grpc_response_status: '14', response_code: '200' }],
  ['gRPC-Web is HTTP', outboundOutcome({ requestHeaders: headers({ 'content-type': 'application/grpc-web+proto' }) }), { request_protocol: 'http' }],
] as const) {
  test(`labels of ${name}`, () => {
    const { metrics, lines, labels } = start();
    metrics.record(outcome);
    const got = labels(lines('istio_requests_total')[0]);
    assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, got[key]])), want);
  });
}

test('the same labels are one series, whatever objects they came from', () => {
  const { metrics, lines } = start();
  for (let i = 0; i < 3; i++) metrics.record(outboundOutcome());
  metrics.record(outboundOutcome({ upstream: { ...outboundOutcome().upstream, destination: { ...DESTINATION }, peerMetadata: { ...PEER }, attempts: 1 } }));
  const [line, ...others] = lines('istio_requests_total');
  assert.equal(others.length, 0);
  assert.match(line ?? '', /\} 4$/);
});

test('TCP connections are counted when opened and when closed, without a response code', () => {
  const { metrics, lines } = start();
  metrics.opened(tcpOutcome());
  metrics.record(tcpOutcome());
  const value = (name: string) => lines(name)[0]?.split(' ').at(-1);
  assert.deepEqual(['istio_tcp_connections_opened_total', 'istio_tcp_connections_closed_total', 'istio_tcp_sent_bytes_total', 'istio_tcp_received_bytes_total'].map(value), ['1', '1', '900', '100']);
  assert.match(lines('istio_tcp_sent_bytes_total')[0] ?? '', /request_protocol="tcp"/);
  assert.doesNotMatch(lines('istio_tcp_sent_bytes_total')[0] ?? '', /response_code/);
});

test('histograms are cumulative with Istio’s bounds', () => {
  const { metrics, lines } = start();
  for (const durationMs of [0.2, 0.5, 7, 4e6]) metrics.record(outboundOutcome({ durationMs }));
  const buckets = lines('istio_request_duration_milliseconds_bucket').map((line) => [/le="([^"]+)"/.exec(line)?.[1], line.split(' ').at(-1)]);
  assert.equal(buckets.length, 20);
  assert.deepEqual([buckets[0], buckets[1], buckets[3], buckets[18], buckets[19]], [['0.5', '2'], ['1', '2'], ['10', '3'], ['3600000', '3'], ['+Inf', '4']]);
});

test('an annotation of the pod sets the bounds of histograms', () => {
  const of = (text: string) => {
    const registry = new Registry();
    const warnings: string[] = [];
    const metrics = createStandardMetrics(registry, { workload: { ...OWN, annotations: new Map([['sidecar.istio.io/statsHistogramBuckets', text]]) } as never, role: 'sidecar' as never }, { ...silentLog, warn: (line: string) => void warnings.push(line) });
    metrics.record(outboundOutcome({ durationMs: 7 }));
    const bounds = expose(registry.families()).split('\n').filter((line) => line.startsWith('istio_request_duration_milliseconds_bucket{')).map((line) => /le="([^"]+)"/.exec(line)?.[1]);
    return [bounds.length, warnings.length];
  };
  assert.deepEqual(of('{"istiocustom": [1, 5, 10]}'), [4, 0]);
  assert.deepEqual(of('{"istiocustom": [5, 1]}'), [20, 1]);
});

test('a family does not grow beyond its bound; the rest is counted as overflow', () => {
  const family = new Family<Cell>({ kind: 'counter', name: 'x', help: 'x', labels: ['a'], maxSeries: 2 }, () => ({ value: 0 }));
  for (const value of ['1', '2', '3', '4', '1']) family.resolve(value).value += 1;
  assert.deepEqual([...family.series()].map((s) => [s.labels, s.cell.value]), [['a="1"', 2], ['a="2"', 1], ['a="overflow"', 2]]);
});

test('label values are escaped, and empty ones left out', () => {
  assert.equal(renderLabels(['a', 'b', 'c'], ['x"y\\z\n', '', 'ü']), 'a="x\\"y\\\\z\\n",c="ü"');
});

test('promtool reads the metrics, and complains about nothing but Istio’s own names', (t) => {
  const { registry, metrics } = start();
  registry.gauge('istio_build', 'Version.', ['component']).resolve('pro"xy').value = 1;
  metrics.record(outboundOutcome());
  metrics.record(inboundOutcome());
  metrics.opened(tcpOutcome());
  metrics.record(tcpOutcome());
  const result = spawnSync('promtool', ['check', 'metrics'], { input: expose(registry.families()), encoding: 'utf8' });
  if (result.error) return t.skip('promtool is not installed');
  // Its lint wants base units in names; the name is Istio's.
  const complaints = `${result.stdout}${result.stderr}`.split('\n').filter((line) => line !== '' && !/^istio_request_duration_milliseconds .*(base unit|abbreviat)/.test(line));
  assert.deepEqual(complaints, []);
});

test('OpenMetrics names counters without their suffix and ends with EOF', () => {
  const registry = new Registry();
  registry.counter('things_total', 'Things.', ['a']).resolve('1').value = 5;
  assert.equal(expose(registry.families(), 'openmetrics'), '# TYPE things counter\n# HELP things Things.\nthings_total{a="1"} 5\n# EOF\n');
});
