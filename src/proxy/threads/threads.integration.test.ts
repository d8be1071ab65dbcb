/** A proxy process with two threads, fed by the real control plane. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startTestControlPlane } from '../../agent/test-control-plane.ts';
import { eventually as eventuallyWithin } from '../../testkit/eventually.ts';
import { call, deadPort, exchangeBytes, httpUpstream } from '../../testkit/loopback.ts';

const CONNECTIONS = 64;
/** However slow the machine is. */
const eventually = <T>(probe: () => T | Promise<T>): Promise<T> => eventuallyWithin(probe, { timeoutMs: 30_000 });

const meshOf = (gatewayPort: number, upstreamPort: number, policy: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: gateway, app: gateway}}, spec: {containers: []}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: default}
spec: {hosts: [web.mesh], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${upstreamPort}}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web.mesh, trafficPolicy: ${policy}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: gateway}, servers: [{port: {number: ${gatewayPort}, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: istio-system}
spec: {hosts: ["*"], gateways: [edge], http: [{retries: {attempts: 0}, route: [{destination: {host: web.mesh}}]}]}
`;

interface Started {
  readonly port: number;
  readonly process: ChildProcess;
  readonly errors: () => string;
  admin(path: string, method?: string): Promise<string>;
  stat(name: RegExp): Promise<number[]>;
}

async function startGateway(t: TestContext, upstream: number, options: { policy?: string; port?: number; proxyConfig?: Record<string, unknown> } = {}): Promise<Started> {
  const [port, adminPort, readiness] = [options.port ?? (await deadPort()), await deadPort(), await deadPort()];
  const control = await startTestControlPlane({ mesh: meshOf(port, upstream, options.policy ?? '{}'), identity: 'spiffe://cluster.local/ns/istio-system/sa/gateway' });
  t.after(() => control.stop());
  const dir = mkdtempSync(join(tmpdir(), 'threads-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'token'), 'the-token');
  writeFileSync(join(dir, 'root.pem'), control.rootPem);
  const child = spawn(process.execPath, ['--max-semi-space-size=1', '--v8-pool-size=1', 'dist/proxy.cjs', 'proxy', 'router'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'], POD_NAME: 'gateway-abc-0', POD_NAMESPACE: 'istio-system', INSTANCE_IP: '10.244.0.2', SERVICE_ACCOUNT: 'gateway', ISTIO_META_WORKLOAD_NAME: 'gateway',
      LATEEN_TOKEN_FILE: join(dir, 'token'), XDS_ROOT_CA: join(dir, 'root.pem'), LATEEN_DATA_DIR: join(dir, 'data'), LATEEN_POD_INFO_DIR: podInfo(dir), ENVOY_STATUS_PORT: String(readiness), ENVOY_PROMETHEUS_PORT: '0',
      PROXY_CONFIG: JSON.stringify({ proxyAdminPort: adminPort, statusPort: 0, concurrency: 2, discoveryAddress: `localhost:${control.port}`, terminationDrainDuration: '0s', ...options.proxyConfig }),
    },
  });
  t.after(() => child.kill('SIGKILL'));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const page = async (at: number, path: string, method = 'GET') => {
    const answer = await call(at, { path, method });
    return answer.status === 200 ? answer.body : assert.fail(`${path}: ${answer.status} ${answer.body} ${errors}`);
  };
  await eventually(() => page(readiness, '/healthz/ready'));
  const admin = (path: string, method?: string) => page(adminPort, path, method);
  // A proxy is ready without a port that somebody has, too, and everybody would be answered there.
  if (options.port === undefined) assert.match(await admin('/listeners'), new RegExp(`:${port}$`, 'm'), errors);
  return {
    port, process: child, errors: () => errors, admin,
    stat: async (name) => [...(await admin('/stats')).matchAll(/^(\S+): (\d+)$/gm)].filter(([, key = '']) => name.test(key)).map(([, , value]) => Number(value)),
  };
}

function podInfo(dir: string): string {
  writeFileSync(join(dir, 'labels'), 'app="gateway"\nistio="gateway"\n');
  return dir;
}

const CLOSED = 'GET / HTTP/1.1\r\nhost: web.mesh\r\nconnection: close\r\n\r\n';
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

test('both threads serve, and what they count is told as one', async (t) => {
  const upstream = await httpUpstream(t, (_, response) => void response.end('hello'));
  const gateway = await startGateway(t, upstream);
  assert.deepEqual(await gateway.stat(/^listener_manager\.workers_started$/), [2]);
  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => exchangeBytes(gateway.port, CLOSED)));
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*hello/);
  const each = await gateway.stat(/^listener\..*\.worker_\d\.downstream_cx_total$/);
  assert.equal(each.length, 2);
  assert.equal(sum(each), CONNECTIONS);
  assert.ok(each.every((count) => count > 0), `connections of each thread: ${each.join(', ')}`);
  // A client may have its answer a moment before it is counted.
  const metrics = await eventually(async () => {
    const text = await gateway.admin('/stats/prometheus');
    assert.deepEqual([...text.matchAll(/^istio_requests_total\{.* (\d+)$/gm)].map(([, count]) => Number(count)), [CONNECTIONS]);
    return text;
  });
  assert.deepEqual([...metrics.matchAll(/^istio_request_duration_milliseconds_count\{.* (\d+)$/gm)].map(([, count]) => Number(count)), [CONNECTIONS]);
  assert.match(metrics, /^istio_build\{.*\} 1$/m);
  assert.deepEqual(await gateway.stat(/web\.mesh.*upstream_rq_total$/), [CONNECTIONS]);
  assert.match(await gateway.admin('/config_dump'), /web\.mesh/);
  assert.match(await gateway.admin('/server_info'), /"concurrency": 2/);
});

test('requests in flight in every thread are answered before the proxy ends', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await httpUpstream(t, (_, response) => void held.push(() => response.end('late')));
  const gateway = await startGateway(t, upstream);
  const answers = Array.from({ length: 16 }, () => call(gateway.port, { headers: { host: 'web.mesh' } }));
  await eventually(() => assert.equal(held.length, answers.length));
  const ended = once(gateway.process, 'exit');
  gateway.process.kill('SIGTERM');
  await eventually(() => assert.match(gateway.errors(), /the end is announced/));
  // Each thread answers this after it has heard of the end.
  await gateway.admin('/listeners');
  // Who comes now is served too, and told to go.
  const late = call(gateway.port, { headers: { host: 'web.mesh' } });
  await eventually(() => assert.equal(held.length, answers.length + 1));
  for (const answer of held) answer();
  for (const { status, headers } of await Promise.all([...answers, late])) assert.deepEqual([status, headers.connection], [200, 'close']);
  assert.deepEqual(await ended, [0, null]);
});

test('a port that somebody has is refused, and taken by both threads when it is free', async (t) => {
  const somebody = createServer().listen(0, '0.0.0.0');
  await once(somebody, 'listening');
  const { port } = somebody.address() as AddressInfo;
  const upstream = await httpUpstream(t, (_, response) => void response.end('hello'));
  const gateway = await startGateway(t, upstream, { port });
  await eventually(() => assert.match(gateway.errors(), /refused a part of the configuration.*address already in use/));
  somebody.close();
  await eventually(async () => assert.match(await exchangeBytes(port, CLOSED), /^HTTP\/1\.1 200/));
  // The second follows the first.
  await eventually(async () => {
    assert.match(await exchangeBytes(port, CLOSED), /^HTTP\/1\.1 200/);
    const each = await gateway.stat(/worker_\d\.downstream_cx_total$/);
    assert.ok(each.length === 2 && each.every((count) => count > 0), each.join(' '));
  });
});

test('limits of a destination are for all threads together', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await httpUpstream(t, (_, response) => void held.push(() => response.end()));
  const gateway = await startGateway(t, upstream, { policy: '{connectionPool: {http: {http2MaxRequests: 8}}}' });
  let refused = 0;
  // One after the other, since threads that ask at the same instant may each take the last place.
  const answers: Promise<void>[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const before = held.length + refused;
    answers.push(call(gateway.port, { headers: { host: 'web.mesh' } }).then(({ status }) => void (status === 503 ? refused++ : undefined)));
    await eventually(() => assert.equal(held.length + refused, before + 1));
  }
  assert.equal(held.length, 8);
  for (const answer of held) answer();
  await Promise.all(answers);
  assert.equal(refused, CONNECTIONS - 8);
});

test('a host that failed in a row, whichever thread called it, is out for both', async (t) => {
  const upstream = await httpUpstream(t, (_, response) => void response.writeHead(500).end());
  const gateway = await startGateway(t, upstream, { policy: '{outlierDetection: {consecutive5xxErrors: 12, interval: 1h, baseEjectionTime: 1h, maxEjectionPercent: 100}}' });
  const statuses = async () => (await Promise.all(Array.from({ length: 16 }, () => exchangeBytes(gateway.port, CLOSED)))).map((answer) => Number(answer.split(' ')[1]));
  await eventually(async () => assert.ok((await statuses()).every((status) => status === 503), 'nobody is left who could answer'));
  // Each thread by itself would have ejected it once.
  assert.deepEqual(await gateway.stat(/web\.mesh.*ejections_enforced_total$/), [1]);
  assert.deepEqual(await gateway.stat(/web\.mesh.*ejections_active$/), [1]);
  assert.match(await gateway.admin('/clusters'), /web\.mesh.*::health_flags::\/failed_outlier_check/);
});

test('clients connected at once are counted over all threads', async (t) => {
  const upstream = await httpUpstream(t, (_, response) => void response.end());
  const gateway = await startGateway(t, upstream, { proxyConfig: { runtimeValues: { 'overload.global_downstream_max_connections': '6' } } });
  const answers: string[] = [];
  for (let i = 0; i < 24; i++) {
    const socket = connect(gateway.port, '127.0.0.1');
    t.after(() => socket.destroy());
    const answer = new Promise<string>((resolve) => {
      socket.on('error', () => resolve(''));
      socket.on('close', () => resolve(''));
      socket.once('data', (chunk) => resolve(chunk.toString()));
    });
    socket.write('GET / HTTP/1.1\r\nhost: web.mesh\r\n\r\n');
    answers.push(await answer);
  }
  const open = answers.filter((answer) => answer !== '');
  assert.equal(open.length, 6, `${open.join('')}\n${gateway.errors()}`);
  assert.deepEqual(await gateway.stat(/^listener\..*\.downstream_global_cx_overflow$/), [18]);
  assert.match(await gateway.admin('/stats/prometheus'), /^envoy_listener_downstream_global_cx_overflow\{listener_address=".*"\} 18$/m);
  assert.match(gateway.errors(), /clients are refused: as many are connected as may be \{"most":6/);
});
