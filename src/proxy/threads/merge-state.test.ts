import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterState, HostState, ProxyState } from '../runtime-contract.ts';
import { Registry } from '../telemetry/registry.ts';
import { ClusterCounters } from '../telemetry/cluster-counters.ts';
import { expose } from '../telemetry/exposition.ts';
import { reportOf, sumOfReports } from '../telemetry/telemetry-state.ts';
import { mergeStates } from './merge-state.ts';

const host = (count: number, extra: Partial<HostState> = {}): HostState => ({
  address: { address: '10.0.0.1', port: 80 }, weight: 1, priority: 0, locality: { region: '', zone: '', subZone: '' }, edsHealth: 'HEALTHY', ejected: false, ejections: 0, activeRequests: count, activeConnections: count,
  counters: { total: count, success: count, error: count, connectFail: count, connections: count }, ...extra,
});

const cluster = (count: number, extra: Partial<ClusterState> = {}): ClusterState => ({
  name: 'web', warm: true, hosts: [host(count)], limits: { maxConnections: 9, maxPending: 9, maxRequests: 9, maxRetries: 9 }, open: { connections: count, pending: count, requests: count, retries: count },
  overflows: { connections: count, pending: count, retries: count }, ejections: { enforced: count, overflow: count, byCause: new Map([['consecutive_5xx', count]]) }, ...extra,
});

const state = (count: number, clusters: readonly ClusterState[]): ProxyState => ({
  resources: new Map(), clusters, calledClusters: clusters, clusterCounts: { total: 2, warming: count }, listeners: [{ name: 'in', bound: { address: '0.0.0.0', port: 80 }, activeConnections: count, accepted: count, refused: count }], activeRequests: count,
});

test('what threads count is added up, and told of each where that matters', () => {
  const merged = mergeStates([state(1, [cluster(1)]), state(2, [cluster(2)])]);
  assert.deepEqual(merged.clusters, [cluster(3)]);
  assert.deepEqual(merged.listeners, [{ name: 'in', bound: { address: '0.0.0.0', port: 80 }, activeConnections: 3, accepted: 3, refused: 3, threads: [{ activeConnections: 1, accepted: 1 }, { activeConnections: 2, accepted: 2 }] }]);
  assert.deepEqual([merged.activeRequests, merged.clusterCounts], [3, { total: 2, warming: 2 }]);
});

test('a cluster that one thread has called, or that one thread waits for', () => {
  const merged = mergeStates([state(0, []), state(0, [cluster(2, { warm: false })])]);
  assert.deepEqual(merged.calledClusters, [cluster(2, { warm: false })]);
});

test('a host that one thread has ejected is out', () => {
  const out = host(1, { ejected: true, ejections: 2, ejection: { cause: 'consecutive_5xx', leftMs: 5 } });
  const [merged] = mergeStates([state(0, [cluster(1)]), state(0, [cluster(1, { hosts: [out] })])]).clusters;
  assert.deepEqual(merged?.hosts, [host(2, { ejected: true, ejections: 2, ejection: { cause: 'consecutive_5xx', leftMs: 5 } })]);
});

test('metrics of threads are one exposition', () => {
  const report = (requests: number, duration: number) => {
    const registry = new Registry();
    registry.counter('requests_total', 'Requests.', ['code']).resolve('200').value = requests;
    registry.gauge('build', 'Build.').resolve().value = 1;
    registry.histogram({ name: 'duration', help: 'Duration.', labels: [], bounds: [1, 5] }).resolve().observe(duration);
    const clusters = new ClusterCounters();
    // As a message carries it.
    return structuredClone(reportOf({ families: registry.families(), clusters, spans: { sent: 1, dropped: 2 }, linesDropped: 3 }));
  };
  const sum = sumOfReports([report(2, 0.5), report(3, 4)]);
  assert.deepEqual(expose(sum.families).split('\n').filter((line) => line !== '' && !line.startsWith('#')), ['requests_total{code="200"} 5', 'build 1', 'duration_bucket{le="1"} 1', 'duration_bucket{le="5"} 2', 'duration_bucket{le="+Inf"} 2', 'duration_sum 4.5', 'duration_count 2']);
  assert.deepEqual([sum.spans, sum.linesDropped], [{ sent: 2, dropped: 4 }, 6]);
});
