import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { renderCrds } from '../../api/crds.ts';
import { KINDS } from '../../api/kinds.ts';
import { resourceOf, type MeshObject } from '../../api/schema/kind.ts';
import { silentLog } from '../../base/log.ts';
import { createApiServer } from '../../cluster/apiserver/server.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createHttpClient } from '../../kube/http-client.ts';
import type { Condition, KubeObject } from '../../kube/object.ts';
import { CustomResourceDefinitions, EndpointSlices, Namespaces, Pods, Services, type Resource } from '../../kube/resource.ts';
import { eventually } from '../../testkit/eventually.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { startControlPlane } from '../app.ts';
import { readControlConfig } from '../config.ts';
import { openDelta, type DeltaClient } from '../serve/testing/ads-client.ts';

const ANY_PORT = ['--host=127.0.0.1', '--grpcAddr=:0', '--secureGRPCAddr=:0', '--httpsAddr=:0', '--monitoringAddr=:0', '--httpAddr=:0'];
const CORE: Readonly<Record<string, Resource>> = { Service: Services, EndpointSlice: EndpointSlices, Pod: Pods };

const resourceFor = (object: KubeObject): Resource => {
  const kind = KINDS.find((k) => k.kind === object.kind);
  const resource = kind ? resourceOf(kind) : CORE[object.kind ?? ''];
  assert.ok(resource, 'the kind is not known');
  return resource;
};

interface Mesh {
  apply(yaml: string): Promise<void>;
  change(kind: string, name: string, spec: object): Promise<void>;
  read(kind: string, name: string): Promise<MeshObject<unknown>>;
  /** `Accepted True Valid: message` */
  said(kind: string, name: string, type: string): Promise<string>;
  proxy(name: string, options?: { acks?: boolean }): DeltaClient;
  readonly client: KubeClient;
}

async function startMesh(t: TestContext): Promise<Mesh> {
  const api = createApiServer({ allowAll: true, tokens: new Map([['admin', { username: 'admin', groups: ['system:masters'] }]]) });
  for (const name of ['default', 'istio-system']) await api.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, crd);
  const server = createServer((request, response) => api.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo;
  const client = createHttpClient({ server: `http://127.0.0.1:${port}`, token: 'admin' });
  const plane = await startControlPlane({ client, config: readControlConfig(ANY_PORT, {}), log: silentLog });
  t.after(async () => {
    await plane.close();
    await client.close();
    server.closeAllConnections();
    server.close();
    await api.close();
  });
  const read = (kind: string, name: string) => client.get(resourceFor({ kind }) as Resource<MeshObject<unknown>>, { namespace: 'default', name });
  return {
    client,
    async apply(yaml) {
      for (const document of parseAllDocuments(yaml)) {
        // Written by hand below.
        const object = document.toJS() as KubeObject;
        await client.create(resourceFor(object), object, { namespace: object.metadata?.namespace });
      }
    },
    async change(kind, name, spec) {
      await client.patch(resourceFor({ kind }), { namespace: 'default', name }, { type: 'application/merge-patch+json', body: { spec } });
    },
    read,
    async said(kind, name, type) {
      const { status, metadata } = await read(kind, name);
      const found: Condition | undefined = status?.conditions?.find((c) => c.type === type);
      assert.ok(found, `no condition ${type} yet`);
      assert.equal(Number(found.observedGeneration), metadata?.generation, 'of the generation before');
      return `${found.status} ${found.reason}: ${found.message}`;
    },
    proxy(name, options = {}) {
      const proxy = openDelta({ address: `127.0.0.1:${plane.ports.plaintext}`, node: { id: `sidecar~10.244.9.9~${name}.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default' } }, ...options });
      t.after(() => proxy.close());
      for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener]) proxy.send({ typeUrl });
      proxy.send({ typeUrl: TypeUrl.Endpoints, subscribe: ['', 'v1', 'v2'].map((subset) => `outbound|9080|${subset}|reviews.default.svc.cluster.local`) });
      proxy.send({ typeUrl: TypeUrl.Route, subscribe: ['9080'] });
      return proxy;
    },
  };
}

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
  assert.equal(await mesh.said('Gateway', 'edge', 'ResolvedRefs'), 'False RefNotFound: no pod has the labels of the selector (istio=edge)');
});

test('references that lead nowhere are named with what there is, until they lead somewhere', async (t) => {
  const mesh = await startMesh(t);
  await mesh.apply(REVIEWS);
  const route = (destination: object) => ({ http: [{ route: [{ destination }] }] });
  const said = () => mesh.said('VirtualService', 'reviews', 'ResolvedRefs');
  const cases: [destination: object, expected: string][] = [
    [{ host: 'reviews', subset: 'v3' }, 'False RefNotFound: subset v3 of reviews.default.svc.cluster.local is not in DestinationRule default/reviews (has v1, v2)'],
    [{ host: 'revievs' }, 'False RefNotFound: host revievs.default.svc.cluster.local is not a service that namespace default sees; did you mean reviews.default.svc.cluster.local?'],
    [{ host: 'reviews', port: { number: 81 } }, 'False RefNotFound: port 81 is not a port of reviews.default.svc.cluster.local (has 9080 http)'],
    [{ host: 'ratings', subset: 'v9' }, 'False RefNotFound: host ratings.default.svc.cluster.local is not a service that namespace default sees'],
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
  await eventually(async () => assert.equal(await said(), 'False RefNotFound: subset v9 of ratings.default.svc.cluster.local is in no DestinationRule: there is none for this host'));
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
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua, namespace: default}
spec: {configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: MERGE, value: {name: x}}}]}
`);
  await eventually(async () => assert.match(await mesh.said('EnvoyFilter', 'lua', 'InEffect'), /^False FieldsNotInEffect: spec: EnvoyFilters are not applied/));
  assert.match(await mesh.said('EnvoyFilter', 'lua', 'Programmed'), /^False NotTranslated/);
});
