import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { Namespace, ConfigMap, Secret } from 'kubernetes-types/core/v1.d.ts';
import { silentLog } from '../../base/log.ts';
import { createGrpcServer } from '../../grpc/server.ts';
import { KubeApiError } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer, InformerEvent } from '../../kube/informer.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { objectKey } from '../../kube/object.ts';
import { createAuthority } from '../../pki/authority.ts';
import { readCertificate } from '../../pki/certificate.ts';
import { createCsr } from '../../pki/csr.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../../xds/generated/istio/ca_pb.js';
import type { IstioCertificateResponse } from '../../xds/generated/istio/ca_pb.js';
import { createTokenReviewer } from './caller.ts';
import { createCaMetrics } from './metrics.ts';
import { createRateLimit } from './rate-limit.ts';
import { createRootDistributor } from './root-distributor.ts';
import { loadOrCreateRoot } from './root-secret.ts';
import { createCaService, CREATE_CERTIFICATE } from './service.ts';
import { createServingCertificate } from './serving-certificate.ts';
import { readCaSettings } from './settings.ts';
import { createTlsFront } from './tls-front.ts';

const failure = (reason: string, code: number) => new KubeApiError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, code });

/** Objects by key, and tokens `good:NS:SA[:audience]`. Only what the authority calls. */
function fakeCluster() {
  const objects = new Map<string, Stored>();
  const listeners = new Set<(event: InformerEvent<KubeObject>) => void>();
  const emit = (event: InformerEvent<KubeObject>) => { for (const listener of listeners) listener(event); };
  const put = (object: KubeObject): Stored => {
    const key = `${object.kind}/${objectKey(object)}`;
    const old = objects.get(key);
    const metadata = { ...object.metadata, name: object.metadata?.name ?? '', uid: 'u', resourceVersion: String(objects.size), creationTimestamp: '' };
    const stored: Stored = { ...object, metadata };
    objects.set(key, stored);
    emit(old ? { type: 'updated', object: stored, old } : { type: 'added', object: stored });
    return stored;
  };
  const client: Partial<KubeClient> = {
    // The fake stores what it was given, so the type asked for is the type stored.
    get: (async (resource: { kind: string }, at: { namespace?: string; name: string }) => {
      const found = objects.get(`${resource.kind}/${at.namespace}/${at.name}`);
      if (!found) throw failure('NotFound', 404);
      return found;
    }) as unknown as KubeClient['get'],
    create: (async (_resource: unknown, object: KubeObject & { spec?: { token: string } }) => {
      if (object.kind === 'TokenReview') {
        const [good, namespace, account, audience = 'istio-ca'] = (object.spec?.token ?? '').split(':');
        if (good !== 'good') return { status: { authenticated: false, error: 'token expired' } };
        return { status: { authenticated: true, audiences: [audience], user: { username: `system:serviceaccount:${namespace}:${account}` } } };
      }
      if (objects.has(`${object.kind}/${objectKey(object)}`)) throw failure('AlreadyExists', 409);
      return put(object);
    }) as unknown as KubeClient['create'],
    update: (async (_resource: unknown, object: KubeObject) => put(object)) as unknown as KubeClient['update'],
  };
  const informer = <T extends KubeObject>(kind: string): Informer<T> => ({
    get: (key) => objects.get(`${kind}/${key}`) as Stored<T> | undefined,
    list: () => [],
    listIn: () => [],
    subscribe(listener) {
      const filtered = (event: InformerEvent<KubeObject>) => { if (event.object.kind === kind) listener(event as InformerEvent<T>); };
      listeners.add(filtered);
      for (const object of objects.values()) filtered({ type: 'added', object });
      return () => void listeners.delete(filtered);
    },
    start: async () => {},
    close: async () => {},
  });
  const remove = (key: string) => {
    const object = objects.get(key);
    objects.delete(key);
    if (object) emit({ type: 'deleted', object });
  };
  return { client: client as KubeClient, objects, put, remove, informer };
}

async function startCa(t: TestContext, env: Record<string, string> = {}) {
  const cluster = fakeCluster();
  const settings = readCaSettings(env);
  const root = await loadOrCreateRoot({ client: cluster.client, settings });
  const metrics = createCaMetrics({ rootMs: root.authority.notAfterMs, chainMs: root.authority.notAfterMs });
  const reviewToken = createTokenReviewer({ client: cluster.client, audiences: settings.audiences, trustDomain: settings.trustDomain });
  const service = createCaService({ root, settings, reviewToken, metrics, log: silentLog });
  const server = createGrpcServer({ services: [service] });
  const serving = createServingCertificate({ root, settings });
  const front = createTlsFront({ server, serving, log: silentLog });
  const port = await front.listen(0, '127.0.0.1');
  t.after(async () => {
    serving.close();
    await front.close();
    await server.close();
  });
  const call = (request: { csr: string; seconds?: number; token?: string; client?: { keyPem: string; chain: string } }) => {
    const pair = request.client;
    const tls = credentials.createSsl(Buffer.from(root.rootPem), pair ? Buffer.from(pair.keyPem) : null, pair ? Buffer.from(pair.chain) : null);
    const client = new Client(`127.0.0.1:${port}`, tls, { 'grpc.ssl_target_name_override': 'istiod.istio-system.svc' });
    t.after(() => client.close());
    const metadata = new Metadata();
    if (request.token !== undefined) metadata.set('authorization', `Bearer ${request.token}`);
    const message = create(IstioCertificateRequestSchema, { csr: request.csr, validityDuration: BigInt(request.seconds ?? 0) });
    return new Promise<IstioCertificateResponse>((resolve, reject) => {
      client.makeUnaryRequest(CREATE_CERTIFICATE, (m: typeof message) => Buffer.from(toBinary(IstioCertificateRequestSchema, m)), (bytes) => fromBinary(IstioCertificateResponseSchema, bytes), message, metadata, {}, (error: ServiceError | null, value) =>
        (error || !value ? reject(error ?? new Error('no answer')) : resolve(value)));
    });
  };
  return { cluster, root, metrics, call };
}

test('a workload gets a certificate for its own service account over TLS, and renews it with that certificate alone', async (t) => {
  const { root, metrics, call } = await startCa(t);
  const { csrPem, keyPem } = createCsr();
  const first = await call({ csr: csrPem, seconds: 20, token: 'good:default:web' });
  const leaf = readCertificate(first.certChain[0] ?? '');
  assert.deepEqual(leaf.uris, ['spiffe://cluster.local/ns/default/sa/web']);
  assert.ok(Math.abs(leaf.notAfterMs - Date.now() - 20_000) < 5000);
  assert.equal(first.certChain.at(-1)?.trim(), root.rootPem.trim());
  assert.ok(new X509Certificate(first.certChain[0] ?? '').verify(new X509Certificate(root.rootPem).publicKey));

  const renewed = await call({ csr: createCsr().csrPem, client: { keyPem, chain: first.certChain.join('') } });
  assert.deepEqual(readCertificate(renewed.certChain[0] ?? '').uris, ['spiffe://cluster.local/ns/default/sa/web']);
  assert.match(metrics.expose(), /citadel_server_csr_count 2\n[^]*citadel_server_success_cert_issuance_count 2\n/);
});

for (const [name, request, code, text] of [
  ['no token and no certificate', {}, 16, /no bearer token/],
  ['an expired token', { token: 'bad' }, 16, /token expired/],
  ['a token for another audience', { token: 'good:default:web:api' }, 16, /not for audience istio-ca/],
  ['a request that names another identity', { token: 'good:default:web', csr: createCsr({ sans: { uri: ['spiffe://cluster.local/ns/default/sa/admin'] } }).csrPem }, 7, /asks for spiffe:.*admin, but the caller is .*web/],
  ['a request that is not one', { token: 'good:default:web', csr: 'rubbish' }, 3, /PEM/],
  ['a lifetime over the maximum', { token: 'good:default:web', seconds: 91 * 86_400 }, 3, /longer than/],
] as const) {
  test(`${name} is refused with gRPC code ${code}`, async (t) => {
    const { call } = await startCa(t);
    await assert.rejects(call({ csr: createCsr().csrPem, ...request }), (error: ServiceError) => {
      assert.equal(error.code, code);
      assert.match(error.details, text);
      return true;
    });
  });
}

test('a client certificate of another authority proves nothing', async (t) => {
  const { call } = await startCa(t);
  const other = createAuthority({ commonName: 'cluster.local', organization: 'cluster.local', lifetimeMs: 86_400_000 });
  const pair = other.issue({ sans: { uri: ['spiffe://cluster.local/ns/default/sa/web'] }, lifetimeMs: 3_600_000, usages: ['client'] });
  await assert.rejects(call({ csr: createCsr().csrPem, client: { keyPem: pair.keyPem, chain: pair.certificatePem } }), /not signed by this authority|UNAUTHENTICATED/);
});

test('the root is made once and found again, and a broken one is never overwritten', async () => {
  const { client, put } = fakeCluster();
  const settings = readCaSettings({});
  const [a, b] = await Promise.all([loadOrCreateRoot({ client, settings }), loadOrCreateRoot({ client, settings })]);
  assert.equal(a.rootPem, b.rootPem);
  put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'cacerts', namespace: 'istio-system' }, data: { 'ca-cert.pem': 'eA==', 'ca-key.pem': 'eA==' } } as Secret);
  await assert.rejects(loadOrCreateRoot({ client, settings }), /secret cacerts cannot be used/);
});

test('the root is put into every namespace, also a new one, and again when it is deleted or changed', async () => {
  const { client, put, remove, objects, informer } = fakeCluster();
  const namespace = (name: string) => put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  namespace('default');
  const distributor = createRootDistributor({ client, namespaces: informer<Namespace>('Namespace'), configMaps: informer<ConfigMap>('ConfigMap'), rootPem: 'ROOT', log: silentLog });
  distributor.start();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const value = (ns: string) => (objects.get(`ConfigMap/${ns}/istio-ca-root-cert`) as ConfigMap | undefined)?.data?.['root-cert.pem'];
  await settle();
  namespace('later');
  namespace('kube-public');
  await settle();
  assert.deepEqual([value('default'), value('later'), value('kube-public')], ['ROOT', 'ROOT', undefined]);
  remove('ConfigMap/default/istio-ca-root-cert');
  put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio-ca-root-cert', namespace: 'later' }, data: { 'root-cert.pem': 'OTHER' } } as ConfigMap);
  await settle();
  await settle();
  assert.deepEqual([value('default'), value('later')], ['ROOT', 'ROOT']);
  distributor.close();
});

test('the serving certificate is renewed at half of its life', async () => {
  const clock = new FakeClock();
  const { client } = fakeCluster();
  const settings = { ...readCaSettings({}), servingLifetimeMs: 1000 };
  const root = await loadOrCreateRoot({ client, settings });
  const serving = createServingCertificate({ root, settings, clock });
  const first = serving.current().certificatePem;
  const seen: string[] = [];
  serving.onChange((pair) => seen.push(pair.certificatePem));
  await clock.advance(501);
  assert.equal(seen.length, 1);
  assert.notEqual(seen[0], first);
  serving.close();
});

test('one identity cannot use up the authority', () => {
  const clock = new FakeClock();
  const limit = createRateLimit({ perSecond: 1, burst: 2, clock });
  assert.deepEqual([limit.allow('a'), limit.allow('a'), limit.allow('a'), limit.allow('b')], [true, true, false, true]);
});

test('all mistakes in the settings are told at once', () => {
  assert.throws(() => readCaSettings({ DEFAULT_WORKLOAD_CERT_TTL: 'soon', MAX_WORKLOAD_CERT_TTL: '-1h' }), /DEFAULT_WORKLOAD_CERT_TTL.*MAX_WORKLOAD_CERT_TTL/);
});
