import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstantSample } from '../api/prometheus.ts';
import { buildGraph } from './graph.ts';
import { errorShare, healthOf } from './health.ts';
import { callsOf } from './traffic.ts';

interface Row {
  from?: string;
  to: string;
  version?: string;
  rate: number;
  code?: string;
  reporter?: 'source' | 'destination';
  policy?: string;
}

const sample = ({ from = 'productpage', to, version = 'v1', rate, code = '200', reporter = 'source', policy = 'unknown' }: Row): InstantSample => ({
  labels: {
    reporter,
    source_workload: from === 'unknown' ? 'unknown' : `${from}-v1`,
    source_workload_namespace: from === 'unknown' ? 'unknown' : 'default',
    source_canonical_service: from,
    source_canonical_revision: from === 'unknown' ? 'latest' : 'v1',
    destination_workload: version === '' ? 'unknown' : `${to}-${version}`,
    destination_workload_namespace: version === '' ? 'unknown' : 'default',
    destination_canonical_service: version === '' ? 'unknown' : to,
    destination_canonical_revision: version,
    destination_service: `${to}.default.svc.cluster.local`,
    destination_service_name: to,
    destination_service_namespace: 'default',
    request_protocol: 'http',
    response_code: code,
    response_flags: '-',
    connection_security_policy: policy,
  },
  value: rate,
});

const graphOf = (...rows: Row[]) => buildGraph(callsOf(rows.map(sample), []));
const edge = (graph: ReturnType<typeof graphOf>, source: string, target: string) => graph.edges.find((it) => it.source === source && it.target === target);

test('a canary split can be read off the edges behind the service', () => {
  const graph = graphOf({ to: 'reviews', version: 'v1', rate: 9 }, { to: 'reviews', version: 'v2', rate: 1 });
  assert.equal(edge(graph, 'service/default/reviews', 'workload/default/reviews-v1')?.share, 0.9);
  assert.equal(edge(graph, 'service/default/reviews', 'workload/default/reviews-v2')?.share, 0.1);
  assert.equal(edge(graph, 'workload/default/productpage-v1', 'service/default/reviews')?.rate, 10);
  assert.deepEqual(graph.boxes.map((box) => box.id), ['app/default/reviews'], 'the versions stand in one box');
});

test('a call that both ends report counts once, and the receiver tells about mutual TLS', () => {
  const graph = graphOf({ to: 'details', rate: 5 }, { to: 'details', rate: 4.9, reporter: 'destination', policy: 'mutual_tls' });
  const call = edge(graph, 'service/default/details', 'workload/default/details-v1');
  assert.deepEqual([call?.rate, call?.mtls], [5, 1]);
});

test('a caller without a sidecar is known by the receiver only', () => {
  const graph = graphOf({ from: 'unknown', to: 'details', rate: 2, reporter: 'destination', policy: 'none' });
  assert.deepEqual([edge(graph, 'unknown', 'service/default/details')?.rate, edge(graph, 'unknown', 'service/default/details')?.mtls], [2, 0]);
});

test('calls that never arrive end at the service, in red', () => {
  const graph = graphOf({ to: 'ratings', version: '', rate: 1, code: '503' });
  assert.deepEqual([edge(graph, 'workload/default/productpage-v1', 'service/default/ratings')?.health, graph.nodes.length], ['failing', 2]);
});

for (const [name, codes, want] of [
  ['only good answers', { 200: 10 }, 'healthy'],
  ['one 5xx in a hundred', { 200: 99, 500: 1 }, 'degraded'],
  ['one 5xx in ten', { 200: 9, 503: 1 }, 'failing'],
  ['a few 4xx', { 200: 95, 404: 5 }, 'healthy'],
  ['many 4xx', { 200: 85, 404: 15 }, 'degraded'],
  ['mostly 4xx', { 200: 50, 404: 50 }, 'failing'],
  ['calls without an answer', { 200: 8, 0: 2 }, 'failing'],
  ['no traffic', {}, 'idle'],
] as const) {
  test(`${name}: ${want}`, () => {
    const map = new Map(Object.entries(codes) as [string, number][]);
    const rate = [...map.values()].reduce((a, b) => a + b, 0);
    assert.equal(healthOf({ rate, codes: map }), want);
  });
}

test('the error share counts 4xx, 5xx and calls without an answer', () => {
  assert.equal(errorShare({ rate: 10, codes: new Map([['200', 7], ['404', 1], ['500', 1], ['0', 1]]) }), 0.3);
});
