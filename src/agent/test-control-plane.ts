/** For tests: discovery by the real control plane over a mesh written as YAML, and a certificate authority, on one TLS port. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { CREATE_CERTIFICATE } from '../control/ca/service.ts';
import { SnapshotBuilder } from '../control/registry/snapshot-builder.ts';
import { yamlMesh } from '../control/registry/testing/yaml-mesh.ts';
import { createDiscovery, type Discovery } from '../control/serve/discovery.ts';
import { Generator } from '../control/generate/generator.ts';
import type { Machines } from '../control/machines/machines.ts';
import { createPilotMetrics } from '../control/serve/metrics.ts';
import { unary } from '../grpc/call.ts';
import { createGrpcServer } from '../grpc/server.ts';
import { createAuthority, type Authority } from '../pki/authority.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../xds/generated/istio/ca_pb.js';

export interface TestControlPlane {
  readonly port: number;
  readonly rootPem: string;
  readonly discovery: Discovery;
  /** Bearer tokens that came with requests for certificates. */
  readonly tokens: string[];
  /** @param mesh the whole of it, as it is from now on */
  change(mesh: string): void;
  stop(): void;
}

export interface TestControlPlaneOptions {
  readonly mesh: string;
  /** Of a control plane that comes back. */
  readonly ca?: Authority;
  readonly port?: number;
  readonly identity: string;
  readonly machines?: Pick<Machines, 'admit'>;
}

export const testAuthority = (): Authority => createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });

export async function startTestControlPlane({ mesh, identity, machines, ca = testAuthority(), port = 0 }: TestControlPlaneOptions): Promise<TestControlPlane> {
  const tls = ca.issue({ sans: { dns: ['localhost'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const builder = new SnapshotBuilder();
  const discovery = createDiscovery({ generator: new Generator(builder.build(yamlMesh(mesh), Date.now())), metrics: createPilotMetrics('test'), machines, clock: systemClock, log: silentLog });
  const tokens: string[] = [];
  const authority = unary(async (request, peer) => {
    tokens.push(peer.metadata('authorization') ?? '');
    const { csr } = fromBinary(IstioCertificateRequestSchema, request);
    const leaf = ca.sign(csr, { sans: { uri: [identity] }, lifetimeMs: 3_600_000, usages: ['server', 'client'] });
    return toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, { certChain: [leaf, ca.certificatePem] }));
  });
  const server = createGrpcServer({ services: [discovery.service(), { [CREATE_CERTIFICATE]: authority }] });
  const front = createServer({ key: tls.keyPem, cert: tls.certificatePem, ALPNProtocols: ['h2'] }, (socket) => server.accept(socket));
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen(port, '127.0.0.1', resolve);
  });
  // A TCP server's address is never a path.
  const bound = (front.address() as AddressInfo).port;
  return { port: bound, rootPem: ca.certificatePem, discovery, tokens, change: (next) => discovery.push(builder.build(yamlMesh(next), Date.now())), stop: () => {
    front.close();
    discovery.close();
    void server.close();
  } };
}
