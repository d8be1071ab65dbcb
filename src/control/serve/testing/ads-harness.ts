/** For tests: the discovery server on a socket, with a mesh that the test changes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { createGrpcServer } from '../../../grpc/server.ts';
import { createAuthority } from '../../../pki/authority.ts';
import { SnapshotBuilder } from '../../registry/snapshot-builder.ts';
import type { MeshInputs } from '../../registry/snapshot.ts';
import { createDiscovery, type Discovery } from '../discovery.ts';
import { Generator } from '../../generate/generator.ts';
import { createPilotMetrics, type PilotMetrics } from '../metrics.ts';
import { secretService, type WorkloadCertificate } from './secret-service.ts';

export interface AdsHarness {
  /** `unix:/path` */
  readonly address: string;
  readonly socket: string;
  readonly discovery: Discovery;
  readonly generator: Generator;
  readonly metrics: PilotMetrics;
  update(inputs: MeshInputs): void;
  close(): Promise<void>;
}

export async function startHarness(inputs: MeshInputs): Promise<AdsHarness> {
  const builder = new SnapshotBuilder();
  const generator = new Generator(builder.build(inputs, Date.now()));
  const metrics = createPilotMetrics('test');
  const discovery = createDiscovery({ generator, metrics, clock: systemClock, log: silentLog });
  const server = createGrpcServer({ services: [discovery.service(), secretService(testCertificates())] });
  const dir = mkdtempSync(join(tmpdir(), 'lateen-ads-'));
  const socket = join(dir, 'xds.sock');
  await server.listen({ path: socket });
  return {
    address: `unix:${socket}`, socket, discovery, generator, metrics,
    update: (next) => discovery.push(builder.build(next, Date.now())),
    async close() {
      await server.close();
      discovery.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function testCertificates(): () => WorkloadCertificate {
  const authority = createAuthority({ commonName: 'test root', lifetimeMs: 3_600_000 });
  const leaf = authority.issue({ subject: {}, sans: { uri: ['spiffe://cluster.local/ns/default/sa/default'] }, lifetimeMs: 3_600_000, usages: ['server', 'client'] });
  return () => ({ ...leaf, rootPem: authority.certificatePem });
}
