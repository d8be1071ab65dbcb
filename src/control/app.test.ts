import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { ServiceEntries } from '../api/service-entry.ts';
import { VirtualServices } from '../api/virtual-service.ts';
import { PatchType } from '../kube/client.ts';
import type { KubeObject } from '../kube/object.ts';
import { ConfigMaps, ServiceAccounts } from '../kube/resource.ts';
import { startControlMesh } from '../testkit/control-mesh.ts';
import { eventually } from '../testkit/eventually.ts';
import { RouteConfigurationSchema, type RouteConfiguration } from '../xds/generated/envoy/config/route/v3/route_pb.js';
import { decodeNameTable } from '../xds/name-table.ts';
import { TypeUrl } from '../xds/type-urls.ts';
import { openDelta } from './serve/testing/ads-client.ts';

const NODE = { id: 'sidecar~10.244.0.2~productpage-v1.default~default.svc.cluster.local', metadata: { NAMESPACE: 'default' } };

const REVIEWS = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]}]
`;

function weights(bytes: Uint8Array | undefined): Record<string, number> {
  assert.ok(bytes);
  const routes: RouteConfiguration = fromBinary(RouteConfigurationSchema, bytes);
  const action = routes.virtualHosts.find((h) => h.name.startsWith('reviews.'))?.routes[0]?.action;
  assert.ok(action?.case === 'route' && action.value.clusterSpecifier.case === 'weightedClusters');
  return Object.fromEntries(action.value.clusterSpecifier.value.clusters.map((c) => [c.name.split('|')[2], c.weight ?? 0]));
}

test('a change of weights in the API server reaches a connected proxy', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(REVIEWS);
  const client = openDelta({ address: `127.0.0.1:${mesh.plane.ports.plaintext}`, node: NODE });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  client.send({ typeUrl: TypeUrl.Listener });
  client.send({ typeUrl: TypeUrl.Route, subscribe: ['9080'] });
  const read = () => weights(client.held(TypeUrl.Route).get('9080'));
  await eventually(() => assert.deepEqual(read(), { v1: 90, v2: 10 }));
  const change = (weight: number) => ({ route: [{ destination: { host: 'reviews', subset: 'v1' }, weight: 100 - weight }, { destination: { host: 'reviews', subset: 'v2' }, weight }] });
  // Its status is written at the same time.
  await mesh.client.patch(VirtualServices, { namespace: 'default', name: 'reviews' }, { type: PatchType.Merge, body: { spec: { http: [change(50)] } } });
  await eventually(() => assert.deepEqual(read(), { v1: 50, v2: 50 }));
  const clusters = [...client.held(TypeUrl.Cluster).keys()];
  assert.ok(clusters.includes('outbound|9080||reviews.default.svc.cluster.local'), clusters.join());
  assert.deepEqual(new Set(client.held(TypeUrl.Listener).keys()), new Set(['virtualOutbound', 'virtualInbound', '0.0.0.0_9080']));
});

test('the TLS port takes a proxy with a token of its own namespace, and no other', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.client.create(ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web', namespace: 'default' } });
  const review = await mesh.client.create<KubeObject & { spec: object; status?: { token: string } }>(
    { ...ServiceAccounts, type: undefined },
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['istio-ca'], expirationSeconds: 3600 } },
    { subresource: 'token', namespace: 'default', name: 'web' },
  );
  const token = review.status?.token;
  assert.ok(token);
  const address = `127.0.0.1:${mesh.plane.ports.secure}`;
  const tls = credentials.createSsl(Buffer.from(mesh.plane.rootPem));
  const open = (namespace: string, given?: string) => {
    const client = openDelta({ address, credentials: tls, token: given, node: { id: `sidecar~10.244.0.2~x.${namespace}~${namespace}.svc.cluster.local`, metadata: { NAMESPACE: namespace } } });
    t.after(() => client.close());
    client.send({ typeUrl: TypeUrl.Cluster });
    return client.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  };
  assert.ok((await open('default', token)).resources.length > 0);
  await assert.rejects(open('istio-system', token), /PERMISSION_DENIED/);
  await assert.rejects(open('default', 'nonsense'), /UNAUTHENTICATED/);
  await assert.rejects(open('default'), /UNAUTHENTICATED/);
});

test('the monitoring port tells metrics, readiness and what was sent to whom', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(REVIEWS);
  const client = openDelta({ address: `127.0.0.1:${mesh.plane.ports.plaintext}`, node: NODE });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  await client.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${mesh.plane.ports.monitoring}${path}`)).text();
  assert.equal((await fetch(`http://127.0.0.1:${mesh.plane.ports.http}/ready`)).status, 200);
  assert.match(await get('/metrics'), /^pilot_xds\{version="[^"]+"\} 1$/m);
  await eventually(async () => {
    const [row] = JSON.parse(await get('/debug/syncz'));
    assert.equal(row.proxy, 'productpage-v1.default');
    assert.equal(row.cluster_status, 'SYNCED');
  });
  const dump = JSON.parse(await get('/debug/config_dump?proxyID=productpage-v1.default'));
  assert.equal(dump.configs.length, 4);
  assert.match(await get('/debug/config_dump'), /say which proxy/);
});

test('every namespace gets the root certificate, which also signed the webhook server', async (t) => {
  const mesh = await startControlMesh(t);
  await eventually(async () => {
    const map = await mesh.client.get(ConfigMaps, { namespace: 'default', name: 'istio-ca-root-cert' });
    assert.equal(map.data?.['root-cert.pem'], mesh.plane.rootPem);
  });
  const isTrusted = await new Promise<boolean>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: mesh.plane.ports.webhook, servername: 'istiod.istio-system.svc', ca: mesh.plane.rootPem }, () => {
      resolve(socket.authorized);
      socket.destroy();
    });
    socket.on('error', reject);
  });
  assert.ok(isTrusted);
});

const EXTERNAL = (name: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${name}.example.com], resolution: DNS, ports: [{number: 5432, name: tcp, protocol: TCP}]}
`;

test('hosts of ServiceEntries get addresses that outlive the control plane, and proxies that answer DNS are told', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(EXTERNAL('one') + '---' + EXTERNAL('two'));
  const addresses = async () => {
    const { items } = await mesh.client.list(ServiceEntries);
    return items.map((e) => e.status?.addresses?.map((a) => a.value) ?? []);
  };
  const given = await eventually(async () => {
    const found = await addresses();
    assert.deepEqual(found.map((a) => a.length), [2, 2]);
    return found;
  });
  assert.equal(new Set(given.flat()).size, 4);

  const node = { ...NODE, metadata: { ...NODE.metadata, DNS_CAPTURE: 'true' } };
  const client = openDelta({ address: `127.0.0.1:${mesh.plane.ports.plaintext}`, node });
  t.after(() => client.close());
  for (const typeUrl of [TypeUrl.Listener, TypeUrl.NameTable]) client.send({ typeUrl });
  await eventually(() => {
    const table = client.held(TypeUrl.NameTable).get('one.example.com');
    assert.deepEqual([...decodeNameTable(table ?? new Uint8Array()).values()].map((info) => info.ips), [[given[0]?.[0]]]);
    assert.ok(client.held(TypeUrl.Listener).has(`${given[1]?.[0]}_5432`));
  });

  await mesh.restart();
  await mesh.apply(EXTERNAL('aaa'));
  await eventually(async () => {
    const found = await addresses();
    assert.deepEqual(found.map((a) => a.length), [2, 2, 2]);
    assert.deepEqual(found.slice(1), given, 'what was given stays');
  });
});
