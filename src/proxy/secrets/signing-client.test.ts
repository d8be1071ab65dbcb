import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { silentLog } from '../../base/log.ts';
import { createAuthority } from '../../pki/authority.ts';
import type { Authority } from '../../pki/authority.ts';
import { readCertificate } from '../../pki/certificate.ts';
import { splitChain } from '../../pki/pem.ts';
import { eventually } from '../../testkit/eventually.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../../xds/generated/istio/ca_pb.js';
import type { IstioCertificateRequest } from '../../xds/generated/istio/ca_pb.js';
import { requestCertificate } from './signing-client.ts';
import { createWorkloadSecrets } from './workload-secrets.ts';

const HOUR = 3_600_000;
const NAME = 'spiffe://cluster.local/ns/default/sa/web';

/** A signing service that checks the token and signs whatever it is given. */
async function startCa(t: TestContext, ca: Authority, lifetimeMs = 20_000) {
  const seen: IstioCertificateRequest[] = [];
  const server = new Server();
  const raw = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
  server.addService({ Create: { path: '/istio.v1.auth.IstioCertificateService/CreateCertificate', requestStream: false, responseStream: false, ...raw } }, {
    Create(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
      if (call.metadata.get('authorization')[0] !== 'Bearer good') return reply({ code: status.UNAUTHENTICATED, details: 'token expired' });
      const request = fromBinary(IstioCertificateRequestSchema, call.request);
      seen.push(request);
      const leaf = ca.sign(request.csr, { sans: { uri: [NAME] }, lifetimeMs, usages: ['server', 'client'] });
      reply(null, Buffer.from(toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, { certChain: [leaf, ca.certificatePem] }))));
    },
  });
  const tls = ca.issue({ sans: { dns: ['localhost'] }, lifetimeMs: HOUR, usages: ['server'] });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.keyPem), cert_chain: Buffer.from(tls.certificatePem) }]), (error, bound) => (error ? reject(error) : resolve(bound))));
  t.after(() => server.forceShutdown());
  return { port, seen, server };
}

function files(t: TestContext, contents: Record<string, string>) {
  const dir = mkdtempSync(join(tmpdir(), 'sign-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(dir, name), text);
  return { tokenFile: join(dir, 'token'), rootCertificateFile: join(dir, 'root') };
}

const options = (port: number, paths: { tokenFile: string; rootCertificateFile: string }) => ({
  address: { host: 'localhost', port }, identity: { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'web' }, clusterId: 'Kubernetes', lifetimeMs: 20_000, ...paths,
});

test('a key made here is signed for the token, and the root is told apart from the chain', async (t) => {
  const ca = createAuthority({ commonName: 'root', lifetimeMs: HOUR });
  const { port, seen } = await startCa(t, ca);
  const signed = await requestCertificate(options(port, files(t, { token: 'good\n', root: ca.certificatePem })));
  assert.ok(new X509Certificate(signed.certificateChainPem).checkPrivateKey(createPrivateKey(signed.keyPem)));
  assert.deepEqual([splitChain(signed.certificateChainPem).length, splitChain(signed.rootPem)], [1, [ca.certificatePem]]);
  assert.deepEqual([seen[0]?.validityDuration, seen[0]?.metadata], [20n, { ClusterID: 'Kubernetes' }]);
});

test('while roots change, the mounted one and the one that signs are both trusted', async (t) => {
  const [ca, old] = ['new', 'old'].map((commonName) => createAuthority({ commonName, lifetimeMs: HOUR }));
  assert.ok(ca && old);
  const { port } = await startCa(t, ca);
  const signed = await requestCertificate(options(port, files(t, { token: 'good', root: old.certificatePem + ca.certificatePem })));
  assert.equal(splitChain(signed.rootPem).length, 2);
});

test('a refused token, a missing token and a server of another root say so', async (t) => {
  const ca = createAuthority({ commonName: 'root', lifetimeMs: HOUR });
  const { port } = await startCa(t, ca);
  await assert.rejects(requestCertificate(options(port, files(t, { token: 'bad', root: ca.certificatePem }))), /UNAUTHENTICATED: token expired/);
  await assert.rejects(requestCertificate(options(port, files(t, { root: ca.certificatePem }))), /cannot read the service account token/);
  const other = createAuthority({ commonName: 'root', lifetimeMs: HOUR });
  await assert.rejects(requestCertificate(options(port, files(t, { token: 'good', root: other.certificatePem }))), /UNAVAILABLE.*(certificate|signature)/);
});

test('a certificate of two seconds is renewed over the wire, and is never out of date', async (t) => {
  const ca = createAuthority({ commonName: 'root', lifetimeMs: HOUR });
  const { port } = await startCa(t, ca, 2000);
  const paths = files(t, { token: 'good', root: ca.certificatePem });
  const secrets = createWorkloadSecrets({ request: () => requestCertificate(options(port, paths)), policy: { graceRatio: 0.9, graceJitter: 0 }, log: silentLog });
  t.after(() => secrets.close());
  const serials = new Set<string>();
  secrets.onChange(() => {
    const { certificatePem } = secrets.current() ?? assert.fail();
    const facts = readCertificate(certificatePem);
    assert.ok(facts.notAfterMs > Date.now());
    serials.add(facts.serialNumber);
  });
  secrets.start();
  await eventually(() => assert.ok(serials.size >= 4), { timeoutMs: 5000 });
});
