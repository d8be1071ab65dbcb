import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { eventually } from '../../testkit/eventually.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { startHarness, type AdsHarness } from './testing/ads-harness.ts';
import { findEnvoy, startEnvoy, type RunningEnvoy } from './testing/envoy.ts';

const binary = findEnvoy();
const skip = binary ? false : 'no envoy binary: set LATEEN_ENVOY or put envoy on PATH to see what Envoy does with what it refuses';

const service = (name: string) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${name}], http: [{timeout: TIMEOUT, HEADERS route: [{destination: {host: ${name}}}]}]}
---
`;

/** Called by bytes. */
const FAR = `
apiVersion: v1
kind: Service
metadata: {name: far, namespace: default}
spec: {selector: {app: far}, ports: [{name: tcp, port: 7001}]}
`;

/** What our validation does not know: addresses of the machine, and the language of conditions. */
const BAD_BIND = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: default}
spec: {egress: [{hosts: ["./*"]}, {port: {number: 7001, name: tcp, protocol: TCP}, bind: 192.0.2.1, captureMode: NONE, hosts: [./far.default.svc.cluster.local]}]}
`;
const BAD_HEADER = 'headers: {request: {set: {x-a: "%CEL(1 +)%"}}},';

function mesh(options: { timeout: string; isBad: boolean }) {
  const texts = ['reviews', 'ratings', 'details', 'stars'].map((name) => service(name).replace('HEADERS', options.isBad && name === 'ratings' ? BAD_HEADER : '').replace('TIMEOUT', options.timeout));
  return yamlMesh([...texts, FAR, ...(options.isBad ? [BAD_BIND] : [])]);
}

async function connect(t: TestContext, harness: AdsHarness, name: string): Promise<RunningEnvoy> {
  const id = `sidecar~10.244.0.9~${name}.default~default.svc.cluster.local`;
  const envoy = startEnvoy({ binary: binary ?? '', socket: harness.socket, node: { id, metadata: { NAMESPACE: 'default' } } });
  t.after(() => envoy.close());
  await settled(harness, name);
  return envoy;
}

const connectionOf = (harness: AdsHarness, name: string) => harness.discovery.connections().find((c) => c.proxy.name === name);

/** Until everything has been sent and answered. */
async function settled(harness: AdsHarness, name: string): Promise<void> {
  await eventually(() => {
    const connection = connectionOf(harness, name);
    assert.ok(connection, 'not connected');
    assert.ok(connection.status().some((s) => s.typeUrl.endsWith('.RouteConfiguration')), 'routes have not been asked for');
    assert.equal(connection.settledAt, harness.generator.snapshot.number);
  }, { timeoutMs: 20_000, everyMs: 50 });
}

const refused = (harness: AdsHarness, name: string) => (connectionOf(harness, name)?.refusals() ?? []).map((r) => r.part ?? r.name).sort();

/** What Envoy has: names of clusters, and what its routes say of each host. */
async function state(envoy: RunningEnvoy): Promise<{ clusters: string[]; hosts: Record<string, string> }> {
  const { configs } = JSON.parse(await envoy.admin('/config_dump'));
  const all = (list: string) => configs.flatMap((c: Record<string, unknown[]>) => c[list] ?? []);
  const clusters = all('dynamic_active_clusters').map((c: { cluster: { name: string } }) => c.cluster.name).filter((name: string) => name.startsWith('outbound|'));
  const hosts = all('dynamic_route_configs').flatMap((c: { route_config: { virtual_hosts: { name: string; routes: { route?: { timeout: string }; direct_response?: { status: number } }[] }[] } }) => c.route_config.virtual_hosts);
  return { clusters, hosts: Object.fromEntries(hosts.map((h: { name: string; routes: { route?: { timeout: string }; direct_response?: { status: number } }[] }) => [h.name.split('.')[0], h.routes[0]?.route?.timeout ?? String(h.routes[0]?.direct_response?.status)])) };
}

const LISTENER = '192.0.2.1_7001';
const HOST = 'ratings.default.svc.cluster.local:9080';

test('what Envoy refuses keeps nothing else away: not at a change, not at a start, and not for longer than it is bad', { skip }, async (t) => {
  const harness = await startHarness(mesh({ timeout: '1s', isBad: false }));
  t.after(() => harness.close());
  const envoy = await connect(t, harness, 'first');
  const started = await state(envoy);
  assert.equal(started.clusters.length, 5);
  assert.deepEqual(started.hosts, { reviews: '1s', ratings: '1s', details: '1s', stars: '1s', allow_any: '0s' });

  harness.update(mesh({ timeout: '2s', isBad: true }));
  await settled(harness, 'first');
  assert.deepEqual(refused(harness, 'first'), [LISTENER, HOST]);
  assert.deepEqual((await state(envoy)).hosts, { reviews: '2s', ratings: '1s', details: '2s', stars: '2s', allow_any: '0s' }, 'the bad host stays as it was');

  const second = await connect(t, harness, 'second');
  assert.deepEqual(refused(harness, 'second'), [LISTENER, HOST]);
  const fresh = await state(second);
  assert.equal(fresh.clusters.length, 5, 'every cluster');
  assert.deepEqual(fresh.hosts, { reviews: '2s', ratings: '503', details: '2s', stars: '2s', allow_any: '0s' }, 'the bad host has a stand-in');

  harness.update(mesh({ timeout: '3s', isBad: false }));
  for (const [name, proxy] of [['first', envoy], ['second', second]] as const) {
    await settled(harness, name);
    assert.deepEqual(refused(harness, name), []);
    const { clusters, hosts } = await state(proxy);
    assert.equal(clusters.length, 5);
    assert.deepEqual(hosts, { reviews: '3s', ratings: '3s', details: '3s', stars: '3s', allow_any: '0s' });
  }
});
