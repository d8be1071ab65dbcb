/** A small mesh of both data planes: two versions of an application, one behind each kind of sidecar, a client and a gateway of each,
 * and a client outside of the mesh. */
import assert from 'node:assert/strict';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { waitForPods } from '../steps/bookinfo.ts';

export const NAMESPACE = 'good';
export const ENGINES = ['lateen', 'envoy'] as const;
export type Engine = (typeof ENGINES)[number];

const PROXY_IMAGE: Readonly<Record<Engine, string>> = { lateen: 'lateen/proxy', envoy: 'lateen/proxy-envoy' };
/** Who serves which version: the client of one kind speaks with the server of the other, too. */
export const VERSIONS: Readonly<Record<string, Engine>> = { v1: 'lateen', v2: 'envoy' };
const APP_PORT = 8080;
const EDGE_PORT = 8081;

const deployment = (name: string, template: { labels: Record<string, string>; annotations: Record<string, string>; spec: object }): string =>
  JSON.stringify({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: NAMESPACE },
    spec: { selector: { matchLabels: template.labels }, template: { metadata: { labels: template.labels, annotations: template.annotations }, spec: { terminationGracePeriodSeconds: 2, ...template.spec } } },
  });

const withProxy = (engine: Engine): Record<string, string> => ({ 'sidecar.istio.io/proxyImage': PROXY_IMAGE[engine] });

const server = (version: string, engine: Engine): string =>
  deployment(`app-${version}`, {
    labels: { app: 'app', version }, annotations: withProxy(engine),
    spec: { containers: [{ name: 'app', image: 'lateen/traffic-server', imagePullPolicy: 'IfNotPresent', env: [{ name: 'VERSION', value: version }], readinessProbe: { httpGet: { path: '/', port: APP_PORT }, periodSeconds: 1 } }] },
  });

/** `plain` has no sidecar: it stands outside of the mesh, before the gateways. */
export const CLIENTS = ['lateen', 'envoy', 'plain'] as const;
export type Client = (typeof CLIENTS)[number];
export const clientOf = (client: Client): string => `client-${client}`;

const clientPod = (client: Client): string =>
  deployment(clientOf(client), {
    labels: { app: clientOf(client) }, annotations: client === 'plain' ? { 'sidecar.istio.io/inject': 'false' } : withProxy(client),
    spec: { containers: [{ name: 'app', image: 'lateen/traffic-client', imagePullPolicy: 'IfNotPresent' }] },
  });

export const edgeOf = (engine: Engine): string => `edge-${engine}`;

const gatewayPod = (engine: Engine): string =>
  deployment(edgeOf(engine), {
    labels: { app: edgeOf(engine), edge: 'yes' }, annotations: { ...withProxy(engine), 'inject.istio.io/templates': 'gateway' },
    spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
  });

const service = (name: string, selector: Record<string, string>, targetPort: number): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE }, spec: { selector, ports: [{ name: 'http', port: 80, targetPort }] } });

/** Reached from outside as `NAME.example.com`. */
export const outside = (name: string): string => `${name}.example.com`;

/** A service of both versions' pods, as the rest of the mesh sees it. */
export const appService = (name: string): string => service(name, { app: 'app' }, APP_PORT);

export const subsets = (host: string, versions: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: host, namespace: NAMESPACE },
    spec: { host, subsets: Object.entries(versions).map(([name, version]) => ({ name, labels: { version } })) },
  });

export const routeTo = (host: string, subset: string): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: host, namespace: NAMESPACE },
    spec: { hosts: [host, outside(host)], gateways: ['mesh', 'edge'], http: [{ route: [{ destination: { host, subset } }] }] },
  });

const EDGE = JSON.stringify({
  apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'edge', namespace: NAMESPACE },
  spec: { selector: { edge: 'yes' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'] }] },
});

export const documents = (...objects: readonly string[]): string => objects.join('\n---\n');

/** Everything up to the point where traffic can flow; services and their rules are for the steps to make. */
export async function installMesh(cluster: TestCluster): Promise<void> {
  await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
  await cluster.lateen('install', '--set', 'profile=minimal', '-y');
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: { 'istio-injection': 'enabled' } } }));
  await cluster.apply(documents(
    ...Object.entries(VERSIONS).map(([version, engine]) => server(version, engine)), ...CLIENTS.map(clientPod),
    ...ENGINES.flatMap((engine) => [gatewayPod(engine), service(edgeOf(engine), { app: edgeOf(engine) }, EDGE_PORT)]), EDGE,
  ));
  await meshIsUp(cluster);
}

/** Every pod is there, with its proxy: one of each Deployment. A pod that is made again may not be there yet, while istiod, which injects it, is away. */
export async function meshIsUp(cluster: TestCluster): Promise<void> {
  for (const { ready, apps, count } of PODS) {
    await eventually(async () => assert.equal((await waitForPods(cluster, ready, ['-n', NAMESPACE, '-l', `app in (${apps})`])).length, count), { timeoutMs: 60_000, everyMs: 200 });
  }
}

const PODS = [
  // Both versions of the application.
  { ready: '2/2', apps: 'app,client-lateen,client-envoy', count: 4 },
  { ready: '1/1', apps: 'client-plain,edge-lateen,edge-envoy', count: 3 },
];
