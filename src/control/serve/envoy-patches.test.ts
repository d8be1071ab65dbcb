/** What Envoy makes of EnvoyFilters: patches of every kind are taken, and one that is refused takes nothing with it. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { eventually } from '../../testkit/eventually.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { startHarness, type AdsHarness } from './testing/ads-harness.ts';
import { findEnvoy, startEnvoy, type RunningEnvoy } from './testing/envoy.ts';

const binary = findEnvoy();
const skip = binary ? false : 'no envoy binary: set LATEEN_ENVOY or put envoy on PATH to see what Envoy does with what is patched';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{name: a, route: [{destination: {host: web}}]}]}
`;
const HCM = 'envoy.filters.network.http_connection_manager';
const TYPE = 'type.googleapis.com/envoy.extensions';
const filter = (name: string, ...patches: string[]) => `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: ${name}, namespace: default}, spec: {configPatches: [${patches.join(', ')}]}}`;
const patch = (applyTo: string, match: string, operation: string, value: string) => `{applyTo: ${applyTo}, match: ${match}, patch: {operation: ${operation}, value: ${value}}}`;
const inbound = `{context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: ${HCM}, subFilter: {name: envoy.filters.http.router}}}}}`;
const lua = (source: string) => `{name: lua, typed_config: {"@type": ${TYPE}.filters.http.lua.v3.Lua, default_source_code: {inline_string: "${source}"}}}`;

const GOOD = filter('good',
  patch('HTTP_FILTER', inbound, 'INSERT_BEFORE', lua('function envoy_on_response(h) h:headers():add(\\"x-lua\\", \\"1\\") end')),
  patch('HTTP_FILTER', '{context: SIDECAR_OUTBOUND}', 'INSERT_FIRST', `{name: late, config_discovery: {config_source: {ads: {}, resource_api_version: V3}, type_urls: [${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit]}}`),
  patch('EXTENSION_CONFIG', '{}', 'ADD', `{name: late, typed_config: {"@type": ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: late}}`),
  patch('NETWORK_FILTER', `{listener: {filterChain: {filter: {name: ${HCM}}}}}`, 'MERGE', `{typed_config: {"@type": ${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager, common_http_protocol_options: {idle_timeout: 30s}}}`),
  patch('LISTENER', '{context: SIDECAR_INBOUND}', 'MERGE', '{per_connection_buffer_limit_bytes: 65536}'),
  patch('CLUSTER', '{context: SIDECAR_OUTBOUND, cluster: {service: web.default.svc.cluster.local}}', 'MERGE', '{connect_timeout: 2s, upstream_connection_options: {tcp_keepalive: {keepalive_time: 30}}}'),
  patch('CLUSTER', '{context: SIDECAR_OUTBOUND}', 'ADD', '{name: mine, type: STATIC, connect_timeout: 1s}'),
  patch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND}', 'MERGE', '{response_headers_to_remove: [x]}'),
  patch('HTTP_ROUTE', '{context: SIDECAR_INBOUND}', 'MERGE', `{typed_per_filter_config: {lua: {"@type": ${TYPE}.filters.http.lua.v3.LuaPerRoute, disabled: true}}}`),
  patch('HTTP_FILTER', inbound, 'INSERT_BEFORE', '{name: csrf, typed_config: {"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy, value: {filter_enabled: {default_value: {numerator: 1}}}}}'),
);
/** What only Envoy finds: Lua that is none, a cluster without an address, a route to a header that must not be set. */
const BAD = filter('bad',
  patch('HTTP_FILTER', inbound, 'INSERT_BEFORE', lua('function (')),
  patch('CLUSTER', '{context: SIDECAR_OUTBOUND, cluster: {service: web.default.svc.cluster.local, portNumber: 9000}}', 'MERGE', '{connect_timeout: -1s}'),
  patch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "web.default.svc.cluster.local:80"}}}', 'MERGE', '{response_headers_to_add: [{header: {key: x, value: "%CEL(1 +)%"}}]}'),
);

async function play(t: TestContext, ...texts: string[]): Promise<{ harness: AdsHarness; envoy: RunningEnvoy; set(...texts: string[]): Promise<void> }> {
  const inputs = yamlMesh([MESH, ...texts]);
  const harness = await startHarness(inputs);
  t.after(() => harness.close());
  const pod = inputs.pods[0];
  const envoy = startEnvoy({ binary: binary ?? '', socket: harness.socket, node: { id: `sidecar~${pod?.status?.podIP}~${pod?.metadata.name}.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default', LABELS: { app: 'web' }, WORKLOAD_NAME: 'web' } } });
  t.after(() => envoy.close());
  await settled(harness);
  return {
    harness, envoy,
    async set(...now) {
      harness.update(yamlMesh([MESH, ...now]));
      await settled(harness);
    },
  };
}

async function settled(harness: AdsHarness): Promise<void> {
  await eventually(() => {
    const [connection] = harness.discovery.connections();
    assert.ok(connection, 'not connected');
    const status = connection.status();
    assert.ok(status.some((s) => s.typeUrl.endsWith('.RouteConfiguration')), 'routes have not been asked for');
    assert.equal(connection.settledAt, harness.generator.snapshot.number);
  }, { timeoutMs: 20_000, everyMs: 20 });
}

const refusals = ({ discovery }: AdsHarness) => (discovery.connections()[0]?.refusals() ?? []).map(({ name, origins, message }) => ({ name, origins: [...origins], message }));

test('Envoy takes patches of every place, also an extension that it fetches by itself', { skip }, async (t) => {
  const { harness, envoy } = await play(t, GOOD);
  assert.deepEqual(refusals(harness), []);
  assert.deepEqual(harness.generator.patchReports(harness.discovery.connections().map(({ proxy }) => proxy)), []);
  await eventually(async () => assert.match(await envoy.admin('/config_dump?resource=ecds_filters'), /local_ratelimit/), { timeoutMs: 10_000 });
  const dump = await envoy.admin('/config_dump');
  for (const sign of ['x-lua', 'keepalive_time', '"name": "mine"', 'CsrfPolicy', 'LuaPerRoute', 'per_connection_buffer_limit_bytes']) assert.ok(dump.includes(sign), sign);
});

test('of a patch that Envoy refuses the resource is there without it, and the EnvoyFilter alone is blamed', { skip }, async (t) => {
  for (const begin of [[BAD], []]) {
    const { harness, envoy, set } = await play(t, ...begin);
    await set(BAD);
    const found = refusals(harness);
    assert.deepEqual(found.map(({ name }) => name).sort(), ['80', 'outbound|9000||web.default.svc.cluster.local', 'virtualInbound']);
    for (const { origins } of found) assert.deepEqual(origins, ['EnvoyFilter default/bad']);
    assert.match(found.find(({ name }) => name === 'virtualInbound')?.message ?? '', /script load error/);
    const dump = await envoy.admin('/config_dump');
    for (const sign of ['virtualInbound', '"outbound|9000||web.default.svc.cluster.local"', '"web.default.svc.cluster.local:80"']) assert.ok(dump.includes(sign), sign);
    assert.ok(!dump.includes('CEL(1 +)'));
    // What is changed besides reaches it all the same.
    await set(BAD, '{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: strict, namespace: default}, spec: {mtls: {mode: STRICT}}}');
    const inboundNow = JSON.stringify((JSON.parse(await envoy.admin('/config_dump')) as { configs: { dynamic_listeners?: { name: string; active_state?: { listener: { filter_chains: { filter_chain_match?: object }[] } } }[] }[] }).configs.flatMap((c) => c.dynamic_listeners ?? []).find((l) => l.name === 'virtualInbound')?.active_state?.listener.filter_chains.map((c) => c.filter_chain_match));
    assert.doesNotMatch(inboundNow, /8080[^}]*raw_buffer|raw_buffer[^}]*8080/);
    await set();
    assert.deepEqual(refusals(harness), []);
  }
});
