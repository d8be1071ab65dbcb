import assert from 'node:assert/strict';
import test from 'node:test';
import { resourceFor, startControlMesh as startMesh } from '../../testkit/control-mesh.ts';
import { eventually } from '../../testkit/eventually.ts';
import { httpUpstream } from '../../testkit/loopback.ts';
import { TypeUrl } from '../../xds/type-urls.ts';

const REVIEWS = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}
`;

test('a change is Programmed when every proxy that it concerns has acknowledged it', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(REVIEWS);
  const said = (type: string) => mesh.said('VirtualService', 'reviews', type);
  await eventually(async () => assert.equal(await said('Programmed'), 'True NoInterestedProxy: no connected proxy uses this object'));
  assert.equal(await said('Accepted'), 'True Valid: the object is valid');
  assert.equal(await said('ResolvedRefs'), 'True ResolvedRefs: everything that the object refers to is there');
  assert.equal(await said('InEffect'), 'True AllFieldsInEffect: every field that is set has an effect');

  mesh.proxy('quick');
  const slow = mesh.proxy('slow', { acks: false });
  const answer = async (typeUrl: string, error?: string) => {
    const response = await slow.inbox.find((r) => r.typeUrl === typeUrl);
    slow.inbox.all.splice(slow.inbox.all.indexOf(response), 1);
    slow.send({ typeUrl, nonce: response.nonce, error });
  };
  for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route]) await answer(typeUrl);
  const weights = (v1: number) => ({ http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' }, weight: v1 }, { destination: { host: 'reviews', subset: 'v2' }, weight: 100 - v1 }] }] });
  await mesh.change('VirtualService', 'reviews', weights(50));
  await eventually(async () => assert.equal(await said('Programmed'), 'False Pending: acknowledged by 1 of 2 interested proxies; waiting for slow.default'));
  await answer(TypeUrl.Route);
  await eventually(async () => assert.equal(await said('Programmed'), 'True Programmed: acknowledged by 2 of 2 interested proxies'));

  await mesh.change('VirtualService', 'reviews', weights(60));
  await answer(TypeUrl.Route, 'route 9080: I do not like it');
  await eventually(async () => assert.equal(await said('Programmed'), 'False Refused: acknowledged by 1 of 2 interested proxies; refused by slow.default: route 9080: I do not like it'));
  await mesh.change('VirtualService', 'reviews', weights(70));
  await answer(TypeUrl.Route);
  await eventually(async () => assert.equal(await said('Programmed'), 'True Programmed: acknowledged by 2 of 2 interested proxies'));
});

test('the count follows proxies that come and go', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(REVIEWS);
  const said = () => mesh.said('VirtualService', 'reviews', 'Programmed');
  mesh.proxy('first');
  await eventually(async () => assert.equal(await said(), 'True Programmed: acknowledged by 1 of 1 interested proxies'));
  const second = mesh.proxy('second', { acks: false });
  const third = mesh.proxy('third');
  for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route]) {
    const { nonce } = await second.inbox.find((r) => r.typeUrl === typeUrl);
    second.send({ typeUrl, nonce });
  }
  await eventually(async () => assert.equal(await said(), 'True Programmed: acknowledged by 3 of 3 interested proxies'), { timeoutMs: 20_000 });
  third.close();
  await eventually(async () => assert.equal(await said(), 'True Programmed: acknowledged by 2 of 2 interested proxies'), { timeoutMs: 20_000 });
});

test('who does not concern itself with an object is not waited for, even when it does not answer', async (t) => {
  const mesh = await startMesh(t);
  mesh.proxy('mute', { acks: false });
  await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`);
  await eventually(async () => assert.equal(await mesh.said('Gateway', 'edge', 'Programmed'), 'True NoInterestedProxy: no connected proxy uses this object'));
  assert.equal(await mesh.said('Gateway', 'edge', 'ResolvedRefs'), 'False RefNotFound: spec.selector: no pod has the labels of the selector (istio=edge); install a gateway with them, or take those of one that runs');
});

test('references that lead nowhere are named with what there is, until they lead somewhere', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(REVIEWS);
  const route = (destination: object) => ({ http: [{ route: [{ destination }] }] });
  const said = () => mesh.said('VirtualService', 'reviews', 'ResolvedRefs');
  const cases: [destination: object, expected: string][] = [
    [{ host: 'reviews', subset: 'v3' }, 'False RefNotFound: spec.http[0].route[0].destination.subset: subset v3 of reviews.default.svc.cluster.local is not in DestinationRule default/reviews (has v1, v2); add it there'],
    [{ host: 'revievs' }, 'False RefNotFound: spec.http[0].route[0].destination.host: host revievs.default.svc.cluster.local is not a service that namespace default sees; did you mean reviews.default.svc.cluster.local?'],
    [{ host: 'reviews', port: { number: 81 } }, 'False RefNotFound: spec.http[0].route[0].destination.port.number: port 81 is not a port of reviews.default.svc.cluster.local (has 9080 http)'],
    [{ host: 'ratings', subset: 'v9' }, 'False RefNotFound: spec.http[0].route[0].destination.host: host ratings.default.svc.cluster.local is not a service that namespace default sees; create the Service, or a ServiceEntry for what is outside of the mesh'],
  ];
  for (const [destination, expected] of cases) {
    await mesh.change('VirtualService', 'reviews', route(destination));
    await eventually(async () => assert.equal(await said(), expected));
  }
  await mesh.apply(`
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {selector: {app: ratings}, ports: [{name: http, port: 9080}]}
`);
  await eventually(async () => assert.equal(await said(), 'False RefNotFound: spec.http[0].route[0].destination.subset: subset v9 of ratings.default.svc.cluster.local is in no DestinationRule: there is none for this host; create one with this subset'));
});

test('an object that is not valid says why, and the status of an object does not move the mesh', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(REVIEWS);
  const proxy = mesh.proxy('client');
  await eventually(async () => assert.match(await mesh.said('VirtualService', 'reviews', 'Programmed'), /^True/));
  await mesh.change('VirtualService', 'reviews', { http: [{ match: [{ uri: { regex: '(' } }], route: [{ destination: { host: 'reviews' } }] }] });
  await eventually(async () => assert.match(await mesh.said('VirtualService', 'reviews', 'Accepted'), /^False Invalid: left out: spec\.http\[0\]\.match\[0\]\.uri/));
  assert.equal(await mesh.said('VirtualService', 'reviews', 'Programmed'), 'False Invalid: the object is left out; see Accepted');
  const sent = proxy.inbox.all.length;
  await mesh.client.patch(resourceFor({ kind: 'VirtualService' }), { namespace: 'default', name: 'reviews' }, { type: 'application/merge-patch+json', body: { status: { note: 'by somebody else' } } }, { subresource: 'status' });
  await mesh.change('DestinationRule', 'reviews', { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] });
  await eventually(async () => assert.match(await mesh.said('DestinationRule', 'reviews', 'Programmed'), /^True/));
  assert.ok(proxy.inbox.all.slice(sent).every((r) => r.typeUrl === TypeUrl.Cluster || r.typeUrl === TypeUrl.Endpoints), 'only the change of the DestinationRule was sent');
  assert.equal((await mesh.read('VirtualService', 'reviews')).status?.conditions?.length, 4);
});

test('a kind of which nothing is made says so', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(`
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: script, namespace: default}
spec: {lua: {inlineCode: 'x'}}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plugin, namespace: default}
spec: {url: 'oci://example.com/x'}
`);
  await eventually(async () => assert.match(await mesh.said('TrafficExtension', 'script', 'InEffect'), /^False FieldsNotInEffect: spec: write a WasmPlugin/));
  assert.match(await mesh.said('TrafficExtension', 'script', 'Programmed'), /^False NotTranslated/);
  await eventually(async () => assert.match(await mesh.said('WasmPlugin', 'plugin', 'InEffect'), /^False FieldsNotInEffect: spec\.url: images are not pulled/));
});

test('a plugin whose module is served is in force; one whose module is not says why', async (t) => {
  const mesh = await startMesh(t);
  mesh.proxy('client');
  const store = await httpUpstream(t, (request, response) => {
    if (request.url === '/good.wasm') response.end(Buffer.from('\0asm\u0001\0\0\0', 'latin1'));
    else response.writeHead(404).end();
  });
  const plugin = (name: string) => JSON.stringify({ apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin', metadata: { name, namespace: 'default' }, spec: { url: `http://127.0.0.1:${store}/${name}.wasm` } });
  await mesh.apply(plugin('good'));
  await eventually(async () => {
    assert.match(await mesh.said('WasmPlugin', 'good', 'Programmed'), /^True/);
    assert.match(await mesh.said('WasmPlugin', 'good', 'InEffect'), /^True/);
  });
  await mesh.apply(plugin('missing'));
  await eventually(async () => assert.match(await mesh.said('WasmPlugin', 'missing', 'InEffect'), /^False FieldsNotInEffect: spec\.url: the control plane cannot fetch the module: .* answers 404; requests are answered 503/));
});

test('a patch of an EnvoyFilter that matches nothing says so, and what there is, until it matches', async (t) => {
  const mesh = await startMesh(t);
  mesh.proxy('client');
  const patch = (name: string) => ({ configPatches: [{ applyTo: 'CLUSTER', match: { context: 'SIDECAR_OUTBOUND', cluster: { name } }, patch: { operation: 'MERGE', value: { connect_timeout: '3s' } } }] });
  await mesh.apply(JSON.stringify({ apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata: { name: 'slow', namespace: 'default' }, spec: patch('Nowhere') }));
  await eventually(async () => assert.match(await mesh.said('EnvoyFilter', 'slow', 'InEffect'), /^False FieldsNotInEffect: spec\.configPatches\[0\]: matches nothing: no cluster is named Nowhere \(there is PassthroughCluster/));
  await mesh.change('EnvoyFilter', 'slow', patch('PassthroughCluster'));
  await eventually(async () => assert.match(await mesh.said('EnvoyFilter', 'slow', 'InEffect'), /^True/));
  await eventually(async () => assert.equal(await mesh.said('EnvoyFilter', 'slow', 'Programmed'), 'True Programmed: acknowledged by 1 of 1 interested proxies'));
});
