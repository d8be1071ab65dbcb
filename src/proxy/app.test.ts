/** The whole sidecar in one process, against a control plane made of a certificate authority and a list of resources. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, AnySchema } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { silentLog } from '../base/log.ts';
import { startTestControlPlane } from '../agent/test-control-plane.ts';
import { createAuthority } from '../pki/authority.ts';
import { RouteConfigurationSchema } from '../xds/generated/envoy/config/route/v3/route_pb.js';
import { eventually } from '../testkit/eventually.ts';
import { httpUpstream } from '../testkit/loopback.ts';
import { DELTA_ADS_PATH } from '../xds/client/ads-client.ts';
import { ClusterSchema, Cluster_DiscoveryType } from '../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouterSchema } from '../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '../xds/generated/envoy/service/discovery/v3/discovery_pb.js';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../xds/generated/istio/ca_pb.js';
import { encodeNameTable } from '../xds/name-table.ts';
import { TypeUrl } from '../xds/type-urls.ts';
import { createProxyApp } from './app.ts';
import { decodeSettings } from './bootstrap/decode-settings.ts';

const ALL = { clusters: 'all', resources: true } as const;
const CLUSTER = 'outbound|80||web.default.svc.cluster.local';
const raw = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
const pack = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => anyPack(schema, create(schema, init));

function resources(upstreamPort: number, isApart = false) {
  const address = (portValue: number) => ({ address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: portValue } } } }) as const;
  const cluster = pack(ClusterSchema, {
    name: CLUSTER,
    clusterDiscoveryType: { case: 'type', value: isApart ? Cluster_DiscoveryType.EDS : Cluster_DiscoveryType.STATIC },
    ...(isApart ? { edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: 'ads', value: {} } } } } : {}),
    metadata: { filterMetadata: { istio: { services: [{ host: 'web.default.svc.cluster.local', name: 'web', namespace: 'default' }] } } },
    loadAssignment: isApart ? undefined : { clusterName: CLUSTER, endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: address(upstreamPort) } } }] }] },
  });
  const manager = pack(HttpConnectionManagerSchema, {
    statPrefix: 'outbound',
    routeSpecifier: { case: 'routeConfig', value: { name: 'r', virtualHosts: [{ name: 'v', domains: ['*'], routes: [{ match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: CLUSTER } } } }] }] } },
    httpFilters: [{ name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: pack(RouterSchema, {}) } }],
  });
  const listener = pack(ListenerSchema, { name: 'out', address: address(1), filterChains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', configType: { case: 'typedConfig', value: manager } }] }] });
  const names = create(AnySchema, { typeUrl: TypeUrl.NameTable, value: encodeNameTable(new Map([['web.default.svc.cluster.local', { ips: ['10.96.0.7'], registry: 'Kubernetes', shortName: 'web', namespace: 'default' }]])) });
  return new Map([[TypeUrl.Cluster as string, [{ name: CLUSTER, version: '1', resource: cluster }]], [TypeUrl.Listener as string, [{ name: 'out', version: '1', resource: listener }]], [TypeUrl.NameTable as string, [{ name: 'web', version: '1', resource: names }]]]);
}

/** The endpoints of the cluster apart from it. */
function named(upstreamPort: number) {
  const endpoint = { address: { address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: upstreamPort } } } } } as const;
  return [{ name: CLUSTER, version: '1', resource: pack(ClusterLoadAssignmentSchema, { clusterName: CLUSTER, endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: endpoint } }] }] }) }];
}

interface Foreign {
  /** What was asked for of endpoints. */
  readonly asked: string[];
  readonly byName: ReadonlyMap<string, ReturnType<typeof named>>;
}

/** CA and ADS on one TLS port, as istiod has them on 15012. */
async function startControlPlane(t: TestContext, upstreamPort: number, foreign?: Foreign) {
  const ca = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
  const tls = ca.issue({ sans: { dns: ['localhost'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const known = resources(upstreamPort, foreign !== undefined);
  const health: string[] = [];
  const server = new Server();
  server.addService({
    Create: { path: '/istio.v1.auth.IstioCertificateService/CreateCertificate', requestStream: false, responseStream: false, ...raw },
    Delta: { path: DELTA_ADS_PATH, requestStream: true, responseStream: true, ...raw },
  }, {
    Create(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
      const { csr } = fromBinary(IstioCertificateRequestSchema, call.request);
      const leaf = ca.sign(csr, { sans: { uri: ['spiffe://cluster.local/ns/default/sa/client'] }, lifetimeMs: 60_000, usages: ['server', 'client'] });
      reply(null, Buffer.from(toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, { certChain: [leaf, ca.certificatePem] }))));
    },
    Delta(stream: ServerDuplexStream<Buffer, Buffer>) {
      stream.on('error', () => {});
      stream.on('data', (bytes: Buffer) => {
        const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
        if (request.typeUrl === TypeUrl.Health) return void health.push(request.errorDetail?.message ?? 'well');
        if (request.responseNonce !== '') return;
        const byName = foreign?.byName.get(request.typeUrl);
        if (byName) {
          foreign?.asked.push([...request.resourceNamesSubscribe.map((name) => `+${name}`), ...request.resourceNamesUnsubscribe.map((name) => `-${name}`)].join(' '));
          if (request.resourceNamesSubscribe.includes('*')) return;
          known.set(request.typeUrl, byName.filter(({ name }) => request.resourceNamesSubscribe.includes(name)));
        }
        stream.write(Buffer.from(toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl: request.typeUrl, nonce: request.typeUrl, resources: known.get(request.typeUrl) ?? [] }))));
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.keyPem), cert_chain: Buffer.from(tls.certificatePem) }]), (error, bound) => (error ? reject(error) : resolve(bound))));
  t.after(() => server.forceShutdown());
  return { port, rootPem: ca.certificatePem, health, stop: () => server.forceShutdown() };
}

/** @param hold what is asked for as `/slow` is answered when this says so */
const startUpstream = (t: TestContext, hold?: (answer: () => void) => void): Promise<number> => httpUpstream(t, (request, response) => {
  const answer = () => void response.end(`you asked for ${request.url}`);
  if (hold && request.url === '/slow') hold(answer);
  else answer();
});

async function startSidecar(t: TestContext, control: { port: number; rootPem: string }, dir: string, more: Record<string, string> = {}) {
  writeFileSync(join(dir, 'token'), 'token');
  writeFileSync(join(dir, 'root.pem'), control.rootPem);
  const env = {
    POD_NAME: 'client-1', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', SERVICE_ACCOUNT: 'client', LATEEN_TOKEN_FILE: join(dir, 'token'), XDS_ROOT_CA: join(dir, 'root.pem'), LATEEN_DATA_DIR: join(dir, 'data'),
    ENVOY_STATUS_PORT: '0', ENVOY_PROMETHEUS_PORT: '0', PROXY_CONFIG: JSON.stringify({ proxyAdminPort: 0, statusPort: 0, discoveryAddress: `localhost:${control.port}` }),
    ...more,
  };
  const settings = decodeSettings({ argv: ['proxy', 'sidecar'], env, labels: new Map([['app', 'client']]), annotations: new Map() });
  const app = createProxyApp({ settings, log: silentLog, bind: { locate: () => ({ address: '127.0.0.1', port: 0 }) } });
  t.after(() => app.close());
  await app.start();
  const page = async (name: 'admin' | 'status' | 'readiness' | 'prometheus', path: string) => {
    const response = await fetch(`http://127.0.0.1:${app.ports.get(name)}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const call = async (path: string) => {
    const bound = (await app.runtime.look(ALL)).listeners.find((l) => l.name === 'out')?.bound ?? assert.fail('the listener is not bound');
    const response = await fetch(`http://127.0.0.1:${bound.port}${path}`, { headers: { host: 'web' } });
    return [response.status, await response.text()] as const;
  };
  return { app, page, call };
}

function makeDirectory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'app-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('a sidecar gets its identity and configuration, serves, counts, and goes on when the control plane is gone, also after a restart', async (t) => {
  const control = await startControlPlane(t, await startUpstream(t));
  const dir = makeDirectory(t);
  const first = await startSidecar(t, control, dir);
  await eventually(async () => assert.deepEqual(await first.page('readiness', '/healthz/ready'), { status: 200, body: '' }));
  assert.deepEqual(await first.call('/a'), [200, 'you asked for /a']);
  const metrics = (await first.page('prometheus', '/stats/prometheus')).body;
  assert.match(metrics, /istio_requests_total\{reporter="source",source_workload="client-1",[^}]*destination_service="web.default.svc.cluster.local"[^}]*response_code="200"\} 1\n/);
  assert.match(metrics, /envoy_cluster_upstream_rq_total\{cluster_name="outbound\|80\|\|web.default.svc.cluster.local"\} 1\n/);
  assert.match((await first.page('admin', '/certs')).body, /spiffe:\/\/cluster.local\/ns\/default\/sa\/client/);
  const dump = JSON.parse((await first.page('admin', '/config_dump')).body);
  assert.equal(dump.configs[1].dynamic_active_clusters[0].cluster.name, CLUSTER);

  control.stop();
  assert.deepEqual(await first.call('/b'), [200, 'you asked for /b']);
  await first.app.close();
  const second = await startSidecar(t, control, dir);
  await eventually(async () => assert.deepEqual(await second.call('/c'), [200, 'you asked for /c']));
  const { status, body } = await second.page('readiness', '/healthz/ready');
  assert.deepEqual([status, /certificate/.test(body)], [503, true], 'it serves, and says that it has no identity');
});

/** A control plane that does as Envoy expects and no more: everything of clusters and listeners, the rest by name. */
test('a control plane that does not know * for endpoints is asked by name', async (t) => {
  const upstream = await startUpstream(t);
  const asked: string[] = [];
  const control = await startControlPlane(t, upstream, { asked, byName: new Map([[TypeUrl.Endpoints as string, named(upstream)]]) });
  const { page, call } = await startSidecar(t, control, makeDirectory(t));
  await eventually(async () => assert.deepEqual(await page('readiness', '/healthz/ready'), { status: 200, body: '' }));
  assert.deepEqual(await call('/a'), [200, 'you asked for /a']);
  assert.deepEqual(asked, ['+*', `+${CLUSTER} -*`]);
});

test('draining lets the request under way finish and makes the proxy unready', async (t) => {
  const held: (() => void)[] = [];
  const control = await startControlPlane(t, await startUpstream(t, (answer) => held.push(answer)));
  const { app, page, call } = await startSidecar(t, control, makeDirectory(t));
  await eventually(async () => assert.equal((await page('readiness', '/healthz/ready')).status, 200));
  const slow = call('/slow');
  await eventually(async () => assert.deepEqual([(await app.runtime.look(ALL)).activeRequests, held.length], [1, 1]));
  const drained = app.drain();
  assert.deepEqual(await page('readiness', '/healthz/ready'), { status: 503, body: 'the proxy is draining\n' });
  assert.equal((await page('admin', '/ready')).body, 'DRAINING\n');
  held[0]?.();
  assert.deepEqual(await slow, [200, 'you asked for /slow']);
  await drained;
  await assert.rejects(call('/late'));
});

test('a sidecar that takes its workload’s DNS queries is ready when the names have come, and answers them', async (t) => {
  const control = await startControlPlane(t, await startUpstream(t));
  const { app, page } = await startSidecar(t, control, makeDirectory(t), { ISTIO_META_DNS_CAPTURE: 'true', DNS_PROXY_ADDR: 'localhost:0', LATEEN_RESOLV_CONF: '/dev/null' });
  await eventually(async () => assert.equal((await page('readiness', '/healthz/ready')).status, 200));
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${app.ports.get('dns')}`]);
  assert.deepEqual(await resolver.resolve4('web.default'), ['10.96.0.7']);
  await assert.rejects(resolver.resolve6('web.default.svc.cluster.local'), { code: 'ENODATA' });
  await assert.rejects(resolver.resolve4('example.com'), { code: 'ESERVFAIL' });
  assert.deepEqual(JSON.parse((await page('status', '/debug/ndsz')).body), [{ host: 'web.default.svc.cluster.local', v4: ['10.96.0.7'], v6: 0 }]);
  assert.match((await page('status', '/stats/prometheus')).body, /istio_agent_dns_requests_total 3\n/);
});

test('a sidecar of a real control plane gets the virtual hosts of its routes one by one, and shows them as one', async (t) => {
  const mesh = ['web', 'shop'].map((name) => `---\napiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: ${name}}, ports: [{name: http, port: 80}]}\n`).join('');
  const control = await startTestControlPlane({ mesh, identity: 'spiffe://cluster.local/ns/default/sa/client' });
  t.after(() => control.stop());
  const { app, page } = await startSidecar(t, control, makeDirectory(t));
  await eventually(async () => assert.deepEqual(await page('readiness', '/healthz/ready'), { status: 200, body: '' }));
  const names = (await app.runtime.look(ALL)).resources.get(TypeUrl.VirtualHost)?.map((r) => r.name).sort();
  assert.deepEqual(names, ['80/shop.default.svc.cluster.local:80', '80/web.default.svc.cluster.local:80']);
  assert.deepEqual(control.discovery.connections().flatMap((c) => c.refusals()), []);
  const routes = (await app.runtime.look(ALL)).resources.get(TypeUrl.Route)?.find((r) => r.name === '80');
  const message = fromBinary(RouteConfigurationSchema, routes?.value ?? assert.fail('no routes'));
  assert.deepEqual(message.virtualHosts.map((host) => host.name).sort(), ['allow_any', 'shop.default.svc.cluster.local:80', 'web.default.svc.cluster.local:80']);
});

test('the proxy of a machine tells the control plane how the application is, from its readiness to its end', async (t) => {
  const control = await startControlPlane(t, await startUpstream(t));
  let status = 200;
  const port = await httpUpstream(t, (_request, response) => response.writeHead(status).end());
  const config = { proxyAdminPort: 0, statusPort: 0, discoveryAddress: `localhost:${control.port}`, readinessProbe: { periodSeconds: 1, failureThreshold: 1, httpGet: { port } } };
  const { app } = await startSidecar(t, control, makeDirectory(t), { ISTIO_META_AUTO_REGISTER_GROUP: 'vms', PROXY_CONFIG: JSON.stringify(config) });
  const told = () => control.health;
  await eventually(() => assert.deepEqual(told(), ['well']), { timeoutMs: 20_000 });
  status = 503;
  await eventually(() => assert.deepEqual(told(), ['well', 'the application answered 503']), { timeoutMs: 20_000 });
  app.announceEnd();
  await eventually(() => assert.deepEqual(told(), ['well', 'the application answered 503', 'the proxy is draining']), { timeoutMs: 20_000 });
});

test('of a pod the kubelet finds out: its proxy does not probe', () => {
  const config = { proxyAdminPort: 0, readinessProbe: { tcpSocket: { port: 80 } } };
  const env = { POD_NAME: 'a', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', PROXY_CONFIG: JSON.stringify(config) };
  const probeOf = (more: object) => decodeSettings({ argv: ['proxy', 'sidecar'], env: { ...env, ...more }, labels: new Map(), annotations: new Map() }).readinessProbe?.method.kind;
  assert.deepEqual([probeOf({}), probeOf({ ISTIO_META_AUTO_REGISTER_GROUP: 'vms' }), probeOf({ ISTIO_META_WORKLOAD_ENTRY: 'vm' })], [undefined, 'tcp', 'tcp']);
});
