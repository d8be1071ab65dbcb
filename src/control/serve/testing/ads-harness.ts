/** For tests: the discovery server on a socket, with a mesh that the test changes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { systemClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { createAuthority } from '../../../pki/authority.ts';
import { SecretSchema } from '../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { createAdsService, type AdsService } from '../../../xds/ads-server.ts';
import type { EncodedResource } from '../../../xds/resource.ts';
import { SnapshotBuilder } from '../../registry/snapshot-builder.ts';
import type { MeshInputs } from '../../registry/snapshot.ts';
import { createDiscovery, type Discovery } from '../discovery.ts';
import { encode } from '../encode.ts';
import { Generator } from '../generator.ts';
import { createPilotMetrics, type PilotMetrics } from '../metrics.ts';

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
  const server = new Server();
  add(server, discovery.service());
  add(server, secretService());
  const dir = mkdtempSync(join(tmpdir(), 'lateen-ads-'));
  const socket = join(dir, 'xds.sock');
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
  return {
    address: `unix:${socket}`, socket, discovery, generator, metrics,
    update: (next) => discovery.push(builder.build(next, Date.now())),
    async close() {
      server.forceShutdown();
      await Promise.resolve(rmSync(dir, { recursive: true, force: true }));
    },
  };
}

const add = (server: Server, { definition, implementation }: AdsService): void => server.addService(definition, implementation);

/** The secrets that a sidecar's agent would serve. */
function secretService(): AdsService {
  const authority = createAuthority({ commonName: 'test root', lifetimeMs: 3_600_000 });
  const leaf = authority.issue({ subject: {}, sans: { uri: ['spiffe://cluster.local/ns/default/sa/default'] }, lifetimeMs: 3_600_000, usages: ['server', 'client'] });
  const inline = (text: string) => ({ specifier: { case: 'inlineString' as const, value: text } });
  const secrets = new Map<string, EncodedResource>();
  const put = (resource: EncodedResource) => void secrets.set(resource.name, resource);
  put(encode(SecretSchema, 'default', create(SecretSchema, { name: 'default', type: { case: 'tlsCertificate', value: { certificateChain: inline(leaf.certificatePem), privateKey: inline(leaf.keyPem) } } })));
  put(encode(SecretSchema, 'ROOTCA', create(SecretSchema, { name: 'ROOTCA', type: { case: 'validationContext', value: { trustedCa: inline(authority.certificatePem) } } })));
  const { definition, implementation } = createAdsService({
    clock: systemClock,
    admit: () => Promise.resolve({ client: { source: { version: () => '1', resources: (_type, names) => (names === 'all' ? secrets : new Map([...secrets].filter(([name]) => names.has(name)))) }, closed() {} } }),
  });
  const method = definition['StreamAggregatedResources'];
  if (!method) throw new Error('no such method');
  return {
    definition: { StreamSecrets: { ...method, path: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets' } },
    implementation: { StreamSecrets: (call: ServerDuplexStream<unknown, unknown>) => (implementation['StreamAggregatedResources'] as (c: typeof call) => void)(call) },
  };
}
