/** Brings the mesh up in which nothing may fail, and its traffic. */
import assert from 'node:assert/strict';
import type { Order } from '../../../samples/apps/traffic/order.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { ingressUrl, waitForPods } from '../steps/bookinfo.ts';
import { client, deployment, gateway, routeTo, service, subsets, together } from './manifests.ts';
import { portForward, type PortForward } from './port-forward.ts';
import { closedOf, explain, failedOf, openOf, sentOf, SLOW_STREAM, Traffic, type Window, worstOf } from './traffic.ts';

export interface LoadSettings {
  /** Requests per second in all: a quarter each over HTTP/1.1, HTTP/2 and gRPC inside the mesh, a quarter through the ingress
   * gateway. A few more go to an application that takes two seconds, and to one that exits without a word. */
  readonly perSecond: number;
  /** WebSockets in all, a tenth of them through the ingress gateway. */
  readonly sockets: number;
  /** Changes of the scenario that makes many. */
  readonly pushes: number;
  /** Of them in a second, at most. As many as kubectl can make take a core of the machine, which is then part of what is measured. */
  readonly pushesPerSecond: number;
}

const FEW = 10;
const WARM_MS = 500;

/** Asked for by the sidecars, as Istio's agent does by SECRET_TTL. */
export const LIFETIME_SECONDS = 20;

export interface ZeroMesh {
  readonly settings: LoadSettings;
  readonly cluster: TestCluster;
  readonly traffic: Traffic;
  /** Of the client's control pages. */
  readonly control: string;
  close(): void;
}

/** @param options of `lateen install` besides */
export async function install(cluster: TestCluster, options: readonly string[] = []): Promise<void> {
  await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
  await cluster.lateen('install', '--set', 'profile=default', '--set', `meshConfig.defaultConfig.proxyMetadata.SECRET_TTL=${LIFETIME_SECONDS}s`, ...options, '-y');
  await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
  await cluster.apply(together(
    service('app'), service('sockets'), service('rude'), client(), gateway(),
    deployment({ name: 'app', version: 'v1', replicas: 2 }), deployment({ name: 'app', version: 'v2', replicas: 1 }), deployment({ name: 'sockets', version: 'v1', replicas: 2 }),
    deployment({ name: 'rude', version: 'v1', replicas: 3, env: { ON_SIGTERM: 'exit' } }),
    subsets('app', { v1: 'v1', v2: 'v2' }), subsets('sockets', { v1: 'v1' }), routeTo('app', 'v1'), routeTo('sockets', 'v1'),
  ));
  await waitForPods(cluster, '2/2', []);
}

/** As asked for in the environment; otherwise what the aims say. */
export const loadSettings = (): LoadSettings => ({ perSecond: Number(process.env['ZERO_RATE'] ?? 500), sockets: Number(process.env['ZERO_SOCKETS'] ?? 1000), pushes: 100, pushesPerSecond: Number(process.env['ZERO_PUSHES_PER_SECOND'] ?? 2) });

/** Starts the load and waits until all of it flows and the answers keep up. */
export async function startTraffic(cluster: TestCluster, settings: LoadSettings): Promise<ZeroMesh> {
  const forward: PortForward = await portForward(cluster, 'pod/client', 7000);
  const base = await ingressUrl(cluster);
  const control = `http://127.0.0.1:${forward.port}`;
  const traffic = await Traffic.start({ control, ...orders(settings, base) });
  await eventually(async () => {
    const window = await traffic.report();
    assert.equal(openOf(window), settings.sockets, `${openOf(window)} WebSockets are open`);
    assert.ok(Object.values(window.streams).every((stream) => stream.ok > 0));
  }, { timeoutMs: 60_000, everyMs: 200 });
  // Twenty processes that have just begun need some seconds until they keep up.
  await eventually(async () => {
    const window = await traffic.during('warm-up', async () => {});
    assert.deepEqual([failedOf(window), worstOf(window, 'p99Ms') < WARM_MS], [0, true], `not warm: ${JSON.stringify(window)}`);
  }, { timeoutMs: 60_000, everyMs: 200 });
  return {
    settings, cluster, traffic, control,
    close() {
      traffic.close();
      forward.close();
    },
  };
}

function orders({ perSecond, sockets }: LoadSettings, ingress: string): { inside: Order; outside: Order } {
  const share = perSecond / 4;
  const edge = Math.floor(sockets / 10);
  return {
    inside: {
      streams: [
        { name: 'HTTP/1.1', protocol: 'http1', url: 'http://app:8080/', perSecond: share },
        { name: 'HTTP/2', protocol: 'http2', url: 'http://app:8081/', perSecond: share },
        { name: 'gRPC', protocol: 'grpc', url: 'http://app:8082/traffic.Server/Answer', perSecond: share },
        { name: SLOW_STREAM, protocol: 'http1', url: 'http://app:8080/?ms=2000', perSecond: FEW },
        { name: 'GET of an application that exits at once', protocol: 'http1', url: 'http://rude:8080/', perSecond: FEW, methods: ['GET'] },
      ],
      sockets: [{ name: 'WebSocket', url: 'ws://sockets:8080/ws', count: sockets - edge }],
    },
    outside: {
      streams: [{ name: 'ingress', protocol: 'http1', url: `${ingress}/`, host: 'app.example.com', perSecond: share }],
      sockets: [{ name: 'WebSocket, ingress', url: `${ingress.replace('http', 'ws')}/ws`, host: 'sockets.example.com', count: edge }],
    },
  };
}

/** Nothing failed, and nearly all of the load was sent, or the window says nothing. */
export function assertClean(window: Window, { perSecond }: LoadSettings): void {
  assert.equal(failedOf(window) + closedOf(window), 0, explain(window));
  const sent = sentOf(window);
  assert.ok(sent > window.seconds * perSecond * 0.7, `only ${sent} requests in ${window.seconds.toFixed(1)} s`);
}
