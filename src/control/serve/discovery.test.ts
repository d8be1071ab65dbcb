import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { eventually } from '../../testkit/eventually.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { RouteStore } from '../../proxy/config/route-store.ts';
import { TAKES_VIRTUAL_HOSTS, TypeUrl } from '../../xds/type-urls.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { readProxy } from '../translate/proxy.ts';
import { openDelta, openSotw } from './testing/ads-client.ts';
import { startHarness } from './testing/ads-harness.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {replicas: 2, template: {metadata: {labels: {app: web, version: v1}}, spec: {containers: []}}}
`;
const RULES = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}
`;

const node = (name: string, namespace = 'default') => ({ id: `sidecar~10.9.0.1~${name}.${namespace}~${namespace}.svc.cluster.local`, metadata: { NAMESPACE: namespace } });
const WEB = 'outbound|80||web.default.svc.cluster.local';
const V1 = 'outbound|80|v1|web.default.svc.cluster.local';

test('a route to a new subset comes after the cluster and its endpoints', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: node('a') });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  client.send({ typeUrl: TypeUrl.Endpoints, subscribe: [WEB] });
  client.send({ typeUrl: TypeUrl.Route, subscribe: ['80'] });
  await eventually(() => assert.equal(client.held(TypeUrl.Route).size, 1));
  const before = client.inbox.all.length;
  harness.update(yamlMesh(MESH + RULES));
  await client.inbox.find((r) => r.resources.some((x) => x.name === V1));
  client.send({ typeUrl: TypeUrl.Endpoints, subscribe: [V1] });
  await eventually(() => {
    const order = client.inbox.all.slice(before).map((r) => r.typeUrl);
    assert.deepEqual(order.slice(-2), [TypeUrl.Endpoints, TypeUrl.Route]);
    assert.equal(order[0], TypeUrl.Cluster);
  });
});

test('a client that says so gets virtual hosts one by one, and a change of one is that one alone', async (t) => {
  const other = MESH.replaceAll('web', 'shop');
  const harness = await startHarness(yamlMesh([MESH, other]));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: { ...node('a'), extensions: [{ name: TAKES_VIRTUAL_HOSTS }] } });
  t.after(() => client.close());
  const routes = new RouteStore({ perFilter: () => undefined, random: () => 0 });
  const cluster = () => {
    for (const [name, value] of client.held(TypeUrl.Route)) routes.set(name, value);
    for (const [name, value] of client.held(TypeUrl.VirtualHost)) routes.setHost(name, value);
    routes.hasHosts = client.held(TypeUrl.VirtualHost).size > 0;
    const action = routes.get('80')?.find('web')?.routes[0]?.action;
    return action?.kind === 'forward' && 'cluster' in action.target ? action.target.cluster.cluster : undefined;
  };
  for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener, TypeUrl.VirtualHost]) client.send({ typeUrl });
  client.send({ typeUrl: TypeUrl.Route, subscribe: ['80'] });
  client.send({ typeUrl: TypeUrl.Endpoints, subscribe: [WEB, V1, WEB.replace('web', 'shop')] });
  await eventually(() => assert.equal(cluster(), WEB));
  const before = client.inbox.all.length;
  harness.update(yamlMesh([MESH, other, RULES]));
  await eventually(() => assert.equal(cluster(), V1));
  const sent = client.inbox.all.slice(before).filter((r) => r.typeUrl === TypeUrl.Route || r.typeUrl === TypeUrl.VirtualHost);
  assert.deepEqual(sent.flatMap((r) => r.resources.map((x) => x.name)), ['80/web.default.svc.cluster.local:80']);
});

test('endpoints that nobody knows are empty, not missing', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: node('a') });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Endpoints, subscribe: ['outbound|1||nobody.example', 'nonsense'] });
  await eventually(() => assert.equal(client.held(TypeUrl.Endpoints).size, 2));
  const bytes = client.held(TypeUrl.Endpoints).get('nonsense');
  assert.ok(bytes);
  assert.deepEqual(fromBinary(ClusterLoadAssignmentSchema, bytes).endpoints, []);
});

test('a state-of-the-world client is answered, and its NACK is shown', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const client = openSotw({ address: harness.address, node: node('a') });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  const response = await client.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  assert.ok(response.resources.length >= 4);
  client.send({ typeUrl: TypeUrl.Cluster, nonce: response.nonce, error: 'no such thing' });
  await eventually(() => assert.equal(harness.discovery.connections()[0]?.status()[0]?.error, 'no such thing'));
  assert.match(harness.metrics.render(), /pilot_total_xds_rejects\{type="cds"\} 1/);
});

test('a client that does not answer keeps nobody waiting, and is sent no more than it has room for; when it answers it gets what it missed, at once', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const open = (name: string, acks: boolean) => {
    const client = openDelta({ address: harness.address, node: node(name), acks });
    t.after(() => client.close());
    client.send({ typeUrl: TypeUrl.Cluster });
    client.send({ typeUrl: TypeUrl.Listener });
    return client;
  };
  const [quick, mute] = [open('quick', true), open('mute', false)];
  const clusters = (client: typeof quick) => [...client.held(TypeUrl.Cluster).keys()].filter((name) => name.startsWith('outbound|80||')).length;
  await eventually(() => assert.deepEqual([quick, mute].map(clusters), [1, 1]));
  const others = Array.from({ length: 10 }, (_, i) => MESH.replaceAll('web', `other${i}`));
  for (let i = 1; i <= others.length; i++) {
    harness.update(yamlMesh([MESH, ...others.slice(0, i)]));
    await eventually(() => assert.equal(clusters(quick), i + 1));
  }
  assert.deepEqual([clusters(mute), mute.inbox.all.filter((r) => r.typeUrl === TypeUrl.Cluster).length], [1, 1]);
  const late = () => harness.discovery.connections().map(({ proxy, settledAt }) => `${proxy.name} ${settledAt === harness.generator.snapshot.number}`);
  await eventually(() => assert.deepEqual(late().sort(), ['mute false', 'quick true']));
  const responses = () => mute.inbox.all.filter((r) => r.typeUrl === TypeUrl.Cluster);
  await eventually(() => {
    mute.send({ typeUrl: TypeUrl.Cluster, nonce: responses().at(-1)?.nonce });
    assert.equal(clusters(mute), 11);
  });
  assert.ok(responses().length <= 3, `ten changes are not ten responses: ${responses().length}`);
});

test('a client that does not say who it is, or nonsense, is refused', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  for (const id of ['nonsense', 'sidecar~1.2.3.4', 'ztunnel~1.2.3.4~a.b~b.svc.cluster.local']) {
    const client = openDelta({ address: harness.address, node: { id } });
    t.after(() => client.close());
    client.send({ typeUrl: TypeUrl.Cluster });
    await assert.rejects(client.inbox.find(() => true), /INVALID_ARGUMENT/);
  }
  assert.equal(harness.discovery.connections().length, 0);
});

test('a client that is gone is forgotten', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: node('a') });
  client.send({ typeUrl: TypeUrl.Cluster });
  await client.inbox.find(() => true);
  client.close();
  await eventually(() => assert.equal(harness.discovery.connections().length, 0));
});

test('what proxies have in common is the same bytes, and is not made again when something else changes', async (t) => {
  const harness = await startHarness(yamlMesh(MESH));
  t.after(() => harness.close());
  const proxies = ['a', 'b'].map((name) => {
    const read = readProxy({ ...node(name), extensions: [] });
    assert.ok('proxy' in read);
    return read.proxy;
  });
  const resource = (i: number, typeUrl: string, name: string) => {
    const proxy = proxies[i];
    assert.ok(proxy);
    return harness.generator.resources(proxy, typeUrl, new Set([name])).get(name);
  };
  for (const [typeUrl, name] of [[TypeUrl.Cluster, WEB], [TypeUrl.Endpoints, WEB], [TypeUrl.Route, '80']] as const) {
    assert.ok(resource(0, typeUrl, name));
    assert.equal(resource(0, typeUrl, name), resource(1, typeUrl, name), typeUrl);
  }
});

test('an object that cannot be translated is left out, named, and harms no other', async (t) => {
  const bad = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bad, namespace: default}
spec: {rules: [{when: [{key: no.such.key, values: [x]}]}]}
`;
  const harness = await startHarness(yamlMesh(MESH + bad));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: node('a') });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  client.send({ typeUrl: TypeUrl.Listener });
  await eventually(() => assert.ok(client.held(TypeUrl.Cluster).has(WEB) && client.held(TypeUrl.Listener).has('virtualInbound')));
  assert.deepEqual(harness.generator.leftOut.map((l) => [l.kind, l.name]), [['AuthorizationPolicy', 'bad']]);
});

test('a proxy that asks for names is answered also when there are none, and then told each change by itself', async (t) => {
  const harness = await startHarness(yamlMesh(''));
  t.after(() => harness.close());
  const client = openDelta({ address: harness.address, node: node('a') });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.NameTable });
  await client.inbox.find((r) => r.typeUrl === TypeUrl.NameTable && r.resources.length === 0);
  harness.update(yamlMesh(MESH));
  await eventually(() => assert.deepEqual([...client.held(TypeUrl.NameTable).keys()], ['web.default.svc.cluster.local']));
  const before = client.inbox.all.length;
  harness.update(yamlMesh(`${MESH}---
apiVersion: v1
kind: Service
metadata: {name: more, namespace: default}
spec: {ports: [{name: http, port: 80}]}
`));
  await eventually(() => assert.deepEqual(client.inbox.all.slice(before).map((r) => r.resources.map((x) => x.name)), [['more.default.svc.cluster.local']]));
});
