/** A real xDS client, @grpc/grpc-js-xds, over our control plane. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Client, credentials, Server, ServerCredentials, type ClientOptions, type ServiceDefinition } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { eventually as soon } from '../../testkit/eventually.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { startHarness, type AdsHarness } from './testing/ads-harness.ts';

const TARGET = 'xds:///echo.default.svc.cluster.local:7070';
const WHO = '/test.Echo/Who';
/** Connections are made anew after a change, by a library that takes its time on a busy machine. */
const eventually = (check: () => Promise<void>): Promise<void> => soon(check, { timeoutMs: 15_000 });
const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
const ECHO: ServiceDefinition = {
  Who: { path: WHO, requestStream: false, responseStream: false, requestSerialize: text.serialize, requestDeserialize: text.deserialize, responseSerialize: text.serialize, responseDeserialize: text.deserialize },
};

/** On an address of its own, all on one port. */
async function serve(t: TestContext, address: string, port: number): Promise<number> {
  const server = new Server();
  server.addService(ECHO, { Who: (_call: unknown, answer: (error: null, value: string) => void) => answer(null, address) });
  t.after(() => server.forceShutdown());
  return new Promise((resolve, reject) => server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
}

interface World {
  /** By version of the workload: addresses. */
  readonly pods: Readonly<Record<string, readonly string[]>>;
  readonly weights?: Readonly<Record<string, number>>;
}

function mesh(port: number, { pods, weights }: World) {
  const all = Object.entries(pods).flatMap(([version, addresses]) => addresses.map((address) => ({ version, address })));
  const routes = weights && `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec: {hosts: [echo], http: [{route: [${Object.entries(weights).map(([subset, weight]) => `{destination: {host: echo, subset: ${subset}}, weight: ${weight}}`).join(', ')}]}]}`;
  return yamlMesh(`
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{name: grpc, port: 7070, targetPort: ${port}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
${all.map(({ version, address }) => `---
apiVersion: v1
kind: Pod
metadata: {name: echo-${version}-${address}, labels: {app: echo, version: ${version}}}
spec: {containers: []}
status: {phase: Running, podIP: ${address}, conditions: [{type: Ready, status: 'True'}]}
`).join('')}${routes ?? ''}`);
}

async function start(t: TestContext, world: (port: number) => Promise<World>): Promise<{ harness: AdsHarness; port: number; who(times: number): Promise<Map<string, number>> }> {
  const port = await serve(t, '127.0.0.11', 0);
  const harness = await startHarness(mesh(port, await world(port)));
  t.after(() => harness.close());
  register();
  const client = connect(t, TARGET, harness, 'caller');
  return {
    harness, port,
    async who(times) {
      const counts = new Map<string, number>();
      for (const address of await Promise.all(Array.from({ length: times }, () => call(client)))) counts.set(address, (counts.get(address) ?? 0) + 1);
      return counts;
    },
  };
}

function connect(t: TestContext, target: string, harness: AdsHarness, pod: string): Client {
  const client = new Client(target, credentials.createInsecure(), channelOptions(harness.address, pod));
  t.after(() => client.close());
  return client;
}

const call = (client: Client): Promise<string> =>
  new Promise((resolve, reject) => void client.makeUnaryRequest(WHO, text.serialize, text.deserialize, 'who', { deadline: Date.now() + 20_000 }, (error, value) => (error ? reject(error) : resolve(value ?? ''))));

/** Each channel has a bootstrap, and so a stream, of its own. */
function channelOptions(address: string, pod: string): ClientOptions {
  const bootstrap = {
    xds_servers: [{ server_uri: address, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: { id: `sidecar~127.0.0.1~${pod}.default~default.svc.cluster.local`, metadata: { GENERATOR: 'grpc', NAMESPACE: 'default', CLUSTER_ID: 'Kubernetes' }, locality: {} },
  };
  return { 'grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config': JSON.stringify(bootstrap) };
}

test('a gRPC client without a proxy resolves, balances, splits by weight and follows changes', async (t) => {
  const { harness, port, who } = await start(t, async (bound) => {
    for (const address of ['127.0.0.12', '127.0.0.13']) await serve(t, address, bound);
    return { pods: { v1: ['127.0.0.11', '127.0.0.12'], v2: [] } };
  });
  // The first connection that is there takes calls before the other is.
  await eventually(async () => assert.deepEqual([...(await who(20)).keys()].sort(), ['127.0.0.11', '127.0.0.12'], 'balanced over the endpoints'));
  for (const [address, count] of await who(100)) assert.ok(count >= 40 && count <= 60, `${address} got ${count} of 100`);

  harness.update(mesh(port, { pods: { v1: ['127.0.0.11'], v2: ['127.0.0.13'] } }));
  await eventually(async () => assert.deepEqual([...(await who(20)).keys()].sort(), ['127.0.0.11', '127.0.0.13'], 'the change of endpoints is followed'));

  harness.update(mesh(port, { pods: { v1: ['127.0.0.11'], v2: ['127.0.0.13'] }, weights: { v1: 90, v2: 10 } }));
  await eventually(async () => assert.ok(((await who(100)).get('127.0.0.11') ?? 0) > 70));
  const split = await who(1000);
  const share = (split.get('127.0.0.13') ?? 0) / 1000;
  // Five standard deviations around one in ten.
  assert.ok(share > 0.05 && share < 0.15, `v2 got ${share} of the calls`);

  harness.update(mesh(port, { pods: { v1: ['127.0.0.11'], v2: ['127.0.0.13'] }, weights: { v1: 0, v2: 100 } }));
  await eventually(async () => assert.deepEqual([...(await who(50)).keys()], ['127.0.0.13'], 'the change of weights is followed'));

  const others = ['echo:7070', 'echo.default:7070', 'echo.default.svc.cluster.local:7070'].map((name, i) => connect(t, `xds:///${name}`, harness, `other-${i}`));
  assert.deepEqual(await Promise.all(others.map(call)), ['127.0.0.13', '127.0.0.13', '127.0.0.13'], 'over streams of their own, by any form of the name');
  assert.equal(harness.discovery.connections().length, 4);
  assert.deepEqual(harness.discovery.connections().flatMap((c) => c.refusals()), [], 'nothing was refused');
});
