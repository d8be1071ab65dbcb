import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status as Code, type ServiceError } from '@grpc/grpc-js';
import { readCertificate } from '../../../src/pki/certificate.ts';
import { createCsr } from '../../../src/pki/csr.ts';
import { NodeSchema } from '../../../src/xds/generated/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema } from '../../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.js';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../../../src/xds/generated/istio/ca_pb.js';
import { kubectlPath, type TestCluster } from '../harness.ts';
import { allProxiesInSync } from './robustness-control-plane.ts';

const DELTA = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const SIGN = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const CLUSTERS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const DEADLINE_MS = 10_000;

/** Clients of the control plane that are broken, unknown, or pretend to be somebody else. */
export async function meetStrangers(t: TestContext, cluster: TestCluster): Promise<void> {
  const forward = await forwardIstiod(cluster);
  t.after(() => forward.close());
  const root = await cluster.kubectl('get', 'configmap', 'istio-ca-root-cert', '-o', 'jsonpath={.data.root-cert\\.pem}');
  const client = new Client(`127.0.0.1:${forward.port}`, credentials.createSsl(Buffer.from(root)), { 'grpc.ssl_target_name_override': 'istiod.istio-system.svc', 'grpc.default_authority': 'istiod.istio-system.svc' });
  t.after(() => client.close());
  const token = (await cluster.kubectl('create', 'token', 'bookinfo-details', '--audience', 'istio-ca')).trim();
  const otherAudience = (await cluster.kubectl('create', 'token', 'bookinfo-details')).trim();

  for (const [name, stream, want] of [
    ['without a token', { node: node('default'), token: undefined }, Code.UNAUTHENTICATED],
    ['with a token that nobody issued', { node: node('default'), token: 'eyJhbGciOiJub25lIn0.e30.' }, Code.UNAUTHENTICATED],
    ['with a token for another audience', { node: node('default'), token: otherAudience }, Code.UNAUTHENTICATED],
    ['that says it lives in another namespace', { node: node('istio-system'), token }, Code.PERMISSION_DENIED],
    ['that sends no node', { node: undefined, token }, Code.INVALID_ARGUMENT],
  ] as const) {
    await t.test(`an xDS client ${name} is refused as ${Code[want]}`, async () => {
      const request = create(DeltaDiscoveryRequestSchema, { typeUrl: CLUSTERS, node: stream.node });
      const end = await streamEnd(client, Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)), stream.token);
      assert.equal(Code[end.code], Code[want], end.details);
      assert.ok(end.details.length > 10, `says why: ${end.details}`);
    });
  }

  await t.test('an xDS client whose messages are no messages is refused', async () => {
    const end = await streamEnd(client, Buffer.from('this is not protobuf'), token);
    assert.ok([Code.INTERNAL, Code.INVALID_ARGUMENT].includes(end.code), `${Code[end.code]}: ${end.details}`);
  });

  await t.test('bytes that are not TLS close the connection', async () => {
    const socket = connect(forward.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', () => {});
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('not closed in time')));
    await once(socket, 'close');
    assert.doesNotMatch(Buffer.concat(parts).toString('latin1'), /HTTP\/1\.1 200/);
  });

  const sign = (csr: string, bearer: string | undefined) => signOf(client, csr, bearer);
  await t.test('a request for somebody else’s identity is not signed', async () => {
    const { csrPem } = createCsr({ sans: { uri: ['spiffe://cluster.local/ns/istio-system/sa/istiod'] } });
    await assert.rejects(sign(csrPem, token), (error: ServiceError) => error.code === Code.PERMISSION_DENIED && /istio-system\/sa\/istiod.*default\/sa\/bookinfo-details/.test(error.details));
  });
  await t.test('a request that names nobody is signed for the caller’s own identity', async () => {
    const [leaf = ''] = await sign(createCsr({ subject: { commonName: 'istiod.istio-system.svc' } }).csrPem, token);
    const facts = readCertificate(leaf);
    assert.deepEqual([facts.uris, facts.dns, facts.isAuthority], [['spiffe://cluster.local/ns/default/sa/bookinfo-details'], [], false]);
    assert.doesNotMatch(facts.subject, /istiod/);
  });
  for (const [name, csr, bearer, want] of [
    ['without a token', createCsr().csrPem, undefined, Code.UNAUTHENTICATED],
    ['that is none', 'garbage', token, Code.INVALID_ARGUMENT],
  ] as const) {
    await t.test(`a certificate request ${name} is refused as ${Code[want]}`, async () => {
      await assert.rejects(sign(csr, bearer), (error: ServiceError) => error.code === want && error.details.length > 10);
    });
  }

  await t.test('and all of that has disturbed none of the proxies', () => allProxiesInSync(cluster));
}

const node = (namespace: string) => create(NodeSchema, {
  id: `sidecar~10.244.9.9~stranger.${namespace}~${namespace}.svc.cluster.local`, cluster: `stranger.${namespace}`, metadata: { NAMESPACE: namespace, CLUSTER_ID: 'Kubernetes' },
});

function callMetadata(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

const plain = (bytes: Buffer) => bytes;

/** How a stream ends that sends one message. A resource in answer is a failure. */
function streamEnd(client: Client, message: Buffer, token: string | undefined): Promise<{ code: Code; details: string }> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(DELTA, plain, plain, callMetadata(token), { deadline: Date.now() + DEADLINE_MS });
    call.on('data', () => {
      call.cancel();
      reject(new Error('the stranger got resources'));
    });
    call.on('error', () => {});
    call.on('status', ({ code, details }) => resolve({ code, details }));
    call.write(message);
  });
}

function signOf(client: Client, csr: string, token: string | undefined): Promise<string[]> {
  const request = Buffer.from(toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr, validityDuration: 60n })));
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(SIGN, plain, plain, request, callMetadata(token), { deadline: Date.now() + DEADLINE_MS }, (error, answer) => {
      if (error || !answer) reject(error ?? new Error('no answer'));
      else resolve(fromBinary(IstioCertificateResponseSchema, answer).certChain);
    });
  });
}

/** `kubectl port-forward` to the control plane's TLS port. */
async function forwardIstiod(cluster: TestCluster): Promise<{ port: number; close(): void }> {
  const child = spawn(kubectlPath(), ['port-forward', '-n', 'istio-system', 'service/istiod', ':15012'], { env: { ...process.env, ...cluster.env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    // It goes on printing a line for each connection, so its output is read to the end.
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      const found = /127\.0\.0\.1:(\d+) -> 15012/.exec(text)?.[1];
      if (found) resolve(Number(found));
    });
    child.once('exit', () => reject(new Error(`kubectl port-forward ended: ${text}`)));
  });
  return { port, close: () => void child.kill() };
}
