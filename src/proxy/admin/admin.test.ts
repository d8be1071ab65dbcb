import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { LogLevels, silentLog } from '../../base/log.ts';
import { createAuthority } from '../../pki/authority.ts';
import { httpUpstream } from '../../testkit/loopback.ts';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TypeUrl } from '../../xds/type-urls.ts';
import { decodeSettings } from '../bootstrap/decode-settings.ts';
import type { ClusterState, ProxyState, ResourceState } from '../runtime-contract.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { adminRoutes, dataPathMetrics } from './admin-pages.ts';
import { createHttpService } from './http-service.ts';
import { runLocalCommand } from './local-command.ts';
import type { ProxyView } from './proxy-view.ts';
import { readinessRoutes, statusRoutes } from './status-pages.ts';

const resource = (name: string, value: Uint8Array, more: Partial<ResourceState> = {}): ResourceState => ({ name, version: '7', value, updatedMs: 1_700_000_000_123, warm: true, ...more });
const REVIEWS = 'outbound|9080||reviews.default.svc.cluster.local';

function makeState(): ProxyState {
  const hcm = anyPack(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, { statPrefix: 'p', routeSpecifier: { case: 'rds', value: { routeConfigName: '9080' } } }));
  const listener = create(ListenerSchema, { name: '0.0.0.0_9080', filterChains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', configType: { case: 'typedConfig', value: hcm } }] }] });
  const cluster: ClusterState = {
    name: REVIEWS, warm: true,
    limits: { maxConnections: 1024, maxPending: 1024, maxRequests: 1024, maxRetries: 3 },
    open: { connections: 2, pending: 0, requests: 1, retries: 0 },
    overflows: { connections: 3, pending: 0, retries: 1 },
    ejections: { enforced: 1, overflow: 2, byCause: new Map([['consecutive_5xx', 1]]) },
    hosts: [{
      address: { address: '10.244.0.9', port: 9080 }, weight: 1, priority: 0, locality: { region: 'r', zone: 'z', subZone: '' }, edsHealth: 'HEALTHY', ejected: true, ejections: 1, ejection: { cause: 'consecutive_5xx', leftMs: 12_000 }, activeRequests: 1, activeConnections: 2,
      counters: { total: 5, success: 4, error: 1, connectFail: 0, connections: 2 },
    }],
  };
  return {
    resources: new Map([
      [TypeUrl.Cluster, [resource(REVIEWS, toBinary(ClusterSchema, create(ClusterSchema, { name: REVIEWS })), { refused: { version: '8', message: 'bad weight' } })]],
      [TypeUrl.Listener, [resource('0.0.0.0_9080', toBinary(ListenerSchema, listener))]],
      [TypeUrl.Route, [resource('9080', new Uint8Array())]],
    ]),
    clusters: [cluster],
    calledClusters: [cluster],
    clusterCounts: { total: 1, warming: 0 },
    listeners: [{ name: 'virtualOutbound', bound: { address: '0.0.0.0', port: 15_001 }, activeConnections: 0, accepted: 0, refused: 0 }, { name: '0.0.0.0_9080', activeConnections: 0, accepted: 0, refused: 3 }],
    activeRequests: 1,
  };
}

async function start(t: TestContext, env: Record<string, string> = {}) {
  const settings = decodeSettings({ argv: ['proxy', 'sidecar'], env: { POD_NAME: 'p', POD_NAMESPACE: 'ns', INSTANCE_IP: '127.0.0.1', ...env }, labels: new Map(), annotations: new Map() });
  const ca = createAuthority({ commonName: 'root', lifetimeMs: 1e10 });
  const leaf = ca.issue({ sans: { uri: ['spiffe://cluster.local/ns/ns/sa/default'] }, lifetimeMs: 86_400_000 * 3, usages: ['server', 'client'] });
  const calls: string[] = [];
  const levels = new LogLevels();
  const telemetry = new Telemetry({ settings, log: silentLog });
  const view: ProxyView & { reason: string | undefined } = {
    settings, levels, startedMs: Date.now() - 5000, reason: undefined,
    secrets: { current: () => ({ certificatePem: leaf.certificatePem, rootPem: ca.certificatePem, receivedMs: Date.now() }), renewals: 1 },
    now: () => Date.now(),
    threads: 1, resetCounters() {}, setLogLevel: (scope, level) => levels.set(scope, level),
    look: async () => ({ state: makeState(), counts: telemetry.state(), heapUsed: 1000 }),
    ads: () => ({ connected: true, connects: 1, updates: 3, rejects: 1 }),
    dns: () => ({ counters: { requests: 3, upstreamRequests: 2, failures: 1 }, list: () => [{ host: 'reviews.default.svc.cluster.local', v4: ['10.96.0.7'], v6: 0 }] }),
    state: () => 'LIVE',
    metrics() { return dataPathMetrics(this); },
    notReady() { return this.reason; },
    failHealth(fail) { this.reason = fail ? 'failed' : undefined; },
    announceEnd: () => void calls.push('drain'),
    quiet: async (limitMs: number) => void calls.push(`quiet ${limitMs}`),
    quit: () => void calls.push('quit'),
  };
  const service = createHttpService({ name: 'test', host: '127.0.0.1', port: 0, routes: [...adminRoutes(view).filter((r) => r.path !== '/stats/prometheus' && r.path !== '/quitquitquit'), ...statusRoutes(view, silentLog), ...readinessRoutes(view)], log: silentLog });
  const port = await service.start();
  t.after(() => service.close());
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
  return { get, post: (path: string) => get(path, { method: 'POST' }), calls, port, view };
}

test('config_dump has Envoy’s shapes, nested types expanded, and no private key', async (t) => {
  const { get } = await start(t);
  const dump = JSON.parse((await get('/config_dump?include_eds')).body) as { configs: Record<string, any>[] }; // oxlint-disable-line no-explicit-any -- foreign shape under test
  assert.deepEqual(dump.configs.map((c) => String(c['@type']).split('.').at(-1)), ['BootstrapConfigDump', 'ClustersConfigDump', 'EndpointsConfigDump', 'ListenersConfigDump', 'ScopedRoutesConfigDump', 'RoutesConfigDump', 'SecretsConfigDump', 'EcdsConfigDump']);
  const [bootstrap, clusters, , listeners, , , secrets] = dump.configs;
  assert.equal(bootstrap?.['bootstrap'].node.id, 'sidecar~127.0.0.1~p.ns~ns.svc.cluster.local');
  assert.deepEqual(clusters?.['dynamic_active_clusters'][0].cluster, { '@type': TypeUrl.Cluster, name: REVIEWS });
  assert.deepEqual(clusters?.['dynamic_active_clusters'][0].error_state, { details: 'bad weight', version_info: '8' });
  assert.equal(clusters?.['dynamic_active_clusters'][0].last_updated, '2023-11-14T22:13:20.123Z');
  const filter = listeners?.['dynamic_listeners'][0].active_state.listener.filter_chains[0].filters[0];
  assert.equal(filter.typed_config.rds.route_config_name, '9080');
  const own = secrets?.['dynamic_active_secrets'][0].secret.tls_certificate;
  assert.match(Buffer.from(own.certificate_chain.inline_bytes, 'base64').toString(), /BEGIN CERTIFICATE/);
  assert.equal(Buffer.from(own.private_key.inline_bytes, 'base64').toString(), '[redacted]');
  assert.deepEqual(JSON.parse((await get('/config_dump?resource=dynamic_listeners&name_regex=nothing')).body), { configs: [] });
  assert.equal((await get('/config_dump?name_regex=(')).status, 400);
});

test('clusters and listeners are told as text and as JSON', async (t) => {
  const { get } = await start(t);
  const text = (await get('/clusters')).body;
  for (const line of [`${REVIEWS}::10.244.0.9:9080::rq_total::5`, `${REVIEWS}::10.244.0.9:9080::health_flags::/failed_outlier_check`, `${REVIEWS}::default_priority::max_retries::3`]) assert.ok(text.includes(line), line);
  const json = JSON.parse((await get('/clusters?format=json')).body);
  assert.deepEqual(json.cluster_statuses[0].host_statuses[0].address, { socket_address: { address: '10.244.0.9', port_value: 9080 } });
  assert.equal(json.cluster_statuses[0].host_statuses[0].health_status.failed_outlier_check, true);
  assert.equal((await get('/listeners')).body, 'virtualOutbound::0.0.0.0:15001\n');
});

test('what changes something is a POST', async (t) => {
  const { get, post, calls } = await start(t);
  assert.equal((await get('/drain_listeners')).status, 400);
  assert.equal((await get('/logging?level=debug')).status, 400);
  assert.match((await post('/logging?level=debug')).body, /default: debug/);
  assert.equal((await post('/logging?xds=loud')).status, 400);
  await post('/drain_listeners');
  await post('/quitquitquit');
  assert.deepEqual(calls, ['drain', 'quit']);
});

test('server_info, certs, stats and ready answer what tools ask', async (t) => {
  const { get } = await start(t);
  const info = JSON.parse((await get('/server_info')).body);
  assert.deepEqual([info.state, info.node.metadata.NAMESPACE], ['LIVE', 'ns']);
  const certs = JSON.parse((await get('/certs')).body);
  assert.deepEqual(certs.certificates[0].cert_chain[0].subject_alt_names, [{ uri: 'spiffe://cluster.local/ns/ns/sa/default' }]);
  assert.equal(certs.certificates[0].cert_chain[0].days_until_expiration, '2');
  assert.match((await get('/stats?filter=upstream_rq_total')).body, new RegExp(`^cluster.${REVIEWS.replaceAll('|', '\\|')}.upstream_rq_total: 5\n$`));
  assert.equal((await get('/ready')).body, 'LIVE\n');
  assert.equal((await get('/nowhere')).status, 404);
});

test('a hook waits until the workload is quiet, and not for longer than it says', async (t) => {
  const { get, calls } = await start(t);
  for (const query of ['', '?seconds=2', '?seconds=900', '?seconds=x']) assert.equal((await get(`/quiet${query}`)).status, 200);
  assert.deepEqual(calls, ['quiet 5000', 'quiet 2000', 'quiet 5000', 'quiet 5000']);
});

test('readiness says why not', async (t) => {
  const { get, post, view } = await start(t);
  assert.equal((await get('/healthz/ready')).status, 200);
  view.reason = 'no workload certificate yet';
  assert.deepEqual(await get('/healthz/ready').then((r) => [r.status, r.body]), [503, 'no workload certificate yet\n']);
  await post('/healthcheck/ok');
  assert.equal((await get('/healthz/ready')).status, 200);
});

function startApp(t: TestContext, answer: (path: string, headers: Record<string, unknown>) => [number, string]): Promise<number> {
  return httpUpstream(t, (request, response) => {
    const [status, body] = answer(request.url ?? '', request.headers);
    response.writeHead(status).end(body);
  });
}

test('the application’s probes are made with its path, port and headers, and its status is the answer', async (t) => {
  const seen: string[] = [];
  const port = await startApp(t, (path, headers) => {
    seen.push(`${path} ${String(headers['x-probe'])} ${String(headers['user-agent'])}`);
    return [path === '/ready' ? 204 : 500, ''];
  });
  const probes = { '/app-health/web/readyz': { httpGet: { path: '/ready', port, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] } }, '/app-health/web/livez': { httpGet: { path: '/sick', port } }, '/app-health/web/startupz': { tcpSocket: { port } }, '/app-health/x/livez': { tcpSocket: { port: 1 } } };
  const { get } = await start(t, { ISTIO_KUBE_APP_PROBERS: JSON.stringify(probes) });
  const status = async (path: string) => (await get(path, { headers: { 'user-agent': 'kube-probe/1.35' } })).status;
  assert.deepEqual([await status('/app-health/web/readyz'), await status('/app-health/web/livez'), await status('/app-health/web/startupz'), await status('/app-health/x/livez'), await status('/app-health/y/livez')], [204, 500, 200, 500, 404]);
  assert.equal(seen[0], '/ready yes kube-probe/1.35');
});

test('the application’s metrics are merged, and their absence does not take ours away', async (t) => {
  const port = await startApp(t, (path) => (path === '/m' ? [200, 'app_up 1'] : [404, '']));
  const good = await start(t, { ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', path: '/m', port: String(port) }) });
  const merged = await good.get('/stats/prometheus');
  assert.match(merged.body, /istio_build\{component="proxy",tag="lateen"\} 1\n[^]*\napp_up 1\n$/);
  assert.match(merged.type ?? '', /^text\/plain; version=0\.0\.4/);
  const bad = await start(t, { ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', path: '/gone', port: String(port) }) });
  assert.match((await bad.get('/stats/prometheus')).body, /istio_agent_scrape_failures_total\{type="application"\} 1\n/);
});

test('promtool can read all metrics of a sidecar', async (t) => {
  const { get } = await start(t);
  const result = spawnSync('promtool', ['check', 'metrics'], { input: (await get('/stats/prometheus')).body, encoding: 'utf8' });
  if (result.error) return t.skip('promtool is not installed');
  // 3: its lint does not like Envoy's and Istio's names; 1 would be text that it cannot read.
  assert.ok(result.status === 0 || result.status === 3, result.stderr);
  assert.doesNotMatch(result.stderr, /error while linting|parse/);
});

test('request and wait speak to the proxy of the pod', async (t) => {
  const { port, calls } = await start(t);
  let out = '';
  const output = { out: (s: string) => void (out += s), error: (s: string) => void (out += s) };
  assert.equal(await runLocalCommand(['request', `--debug-port=${port}`, 'POST', 'drain'], output), 0);
  assert.equal(await runLocalCommand(['request', '--debug-port', String(port), 'GET', 'drain'], output), 1);
  assert.equal(await runLocalCommand(['wait', '--url', `http://127.0.0.1:${port}/healthz/ready`], output), 0);
  assert.equal(await runLocalCommand(['request', '--what'], output), 2);
  assert.deepEqual(calls, ['drain']);
  assert.match(out, /^OK\n/);
});
