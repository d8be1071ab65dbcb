/** For tests: discovery by the real control plane over a mesh written as YAML, and a certificate authority, on one TLS port. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { snapshotOf } from '../control/registry/snapshot-builder.ts';
import { yamlMesh } from '../control/registry/testing/yaml-mesh.ts';
import { createDiscovery, type Discovery } from '../control/serve/discovery.ts';
import { Generator } from '../control/generate/generator.ts';
import { createPilotMetrics } from '../control/serve/metrics.ts';
import { createAuthority, type Authority } from '../pki/authority.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../xds/generated/istio/ca_pb.js';

export interface TestControlPlane {
  readonly port: number;
  readonly rootPem: string;
  readonly discovery: Discovery;
  /** Bearer tokens that came with requests for certificates. */
  readonly tokens: string[];
  stop(): void;
}

export interface TestControlPlaneOptions {
  readonly mesh: string;
  /** Of a control plane that comes back. */
  readonly ca?: Authority;
  readonly port?: number;
  readonly identity: string;
}

const raw = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };

export const testAuthority = (): Authority => createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });

export async function startTestControlPlane({ mesh, identity, ca = testAuthority(), port = 0 }: TestControlPlaneOptions): Promise<TestControlPlane> {
  const tls = ca.issue({ sans: { dns: ['localhost'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const discovery = createDiscovery({ generator: new Generator(snapshotOf(yamlMesh(mesh))), metrics: createPilotMetrics('test'), clock: systemClock, log: silentLog });
  const tokens: string[] = [];
  const server = new Server();
  const { definition, implementation } = discovery.service();
  server.addService(definition, implementation);
  server.addService({ Create: { path: '/istio.v1.auth.IstioCertificateService/CreateCertificate', requestStream: false, responseStream: false, ...raw } }, {
    Create(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
      tokens.push(String(call.metadata.get('authorization')[0]));
      const { csr } = fromBinary(IstioCertificateRequestSchema, call.request);
      const leaf = ca.sign(csr, { sans: { uri: [identity] }, lifetimeMs: 3_600_000, usages: ['server', 'client'] });
      reply(null, Buffer.from(toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, { certChain: [leaf, ca.certificatePem] }))));
    },
  });
  const credentials = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.keyPem), cert_chain: Buffer.from(tls.certificatePem) }]);
  const bound = await new Promise<number>((resolve, reject) => server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error ? reject(error) : resolve(at))));
  return { port: bound, rootPem: ca.certificatePem, discovery, tokens, stop: () => server.forceShutdown() };
}
