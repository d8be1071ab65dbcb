import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { silentLog } from '../../base/log.ts';
import { createAuthority } from '../../pki/authority.ts';
import { eventually } from '../../testkit/eventually.ts';
import { NodeSchema } from '../generated/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '../generated/envoy/service/discovery/v3/discovery_pb.js';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../generated/envoy/service/discovery/v3/discovery_pb.js';
import { DELTA_ADS_PATH, createAdsClient } from './ads-client.ts';
import type { AdsClientDeps } from './ads-client.ts';
import type { DeltaUpdate, RejectedResource } from './delta-session.ts';
import { createGrpcChannel } from './grpc-channel.ts';
import type { ChannelTls } from './grpc-channel.ts';
import { createLastGoodFile } from './last-good-file.ts';

const CDS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const EDS = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
type Stream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

async function startServer(t: TestContext, options: { refuse?: boolean; tls?: { keyPem: string; certificatePem: string } } = {}) {
  const requests: DeltaDiscoveryRequest[] = [];
  const streams: Stream[] = [];
  const tokens: unknown[] = [];
  const server = new Server();
  server.addService({
    Delta: {
      path: DELTA_ADS_PATH, requestStream: true, responseStream: true,
      requestSerialize: (m: DeltaDiscoveryRequest) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, m)),
      requestDeserialize: (b: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, b),
      responseSerialize: (m: DeltaDiscoveryResponse) => Buffer.from(toBinary(DeltaDiscoveryResponseSchema, m)),
      responseDeserialize: (b: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, b),
    },
  }, {
    Delta(stream: Stream) {
      if (options.refuse) return void stream.emit('error', { code: status.UNAUTHENTICATED, details: 'not you' });
      streams.push(stream);
      tokens.push(stream.metadata.get('authorization')[0]);
      stream.on('data', (request: DeltaDiscoveryRequest) => requests.push(request));
      stream.on('error', () => {});
    },
  });
  const credentials = options.tls ? ServerCredentials.createSsl(null, [{ private_key: Buffer.from(options.tls.keyPem), cert_chain: Buffer.from(options.tls.certificatePem) }]) : ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => server.bindAsync(`127.0.0.1:0`, credentials, (error, bound) => (error ? reject(error) : resolve(bound))));
  t.after(() => server.forceShutdown());
  const push = (typeUrl: string, nonce: string, resources: Record<string, string>) => {
    const stream = streams.at(-1);
    assert.ok(stream);
    stream.write(create(DeltaDiscoveryResponseSchema, {
      typeUrl, nonce,
      resources: Object.entries(resources).map(([name, version]) => ({ name, version, resource: { typeUrl, value: new TextEncoder().encode(name + version) } })),
    }));
  };
  return { server, port, requests, streams, tokens, push };
}

function startClient(t: TestContext, port: () => number, more: Partial<AdsClientDeps> & { tls?: ChannelTls } = {}) {
  const updates: DeltaUpdate[] = [];
  const { tls, ...deps } = more;
  const client = createAdsClient({
    connect: async () => ({ channel: createGrpcChannel({ host: '127.0.0.1', port: port(), tls, connectTimeoutMs: 1000 }), headers: { authorization: 'Bearer t' } }),
    node: toBinary(NodeSchema, create(NodeSchema, { id: 'sidecar~1.1.1.1~p.ns~ns.svc' })),
    apply(update) {
      updates.push(update);
      return [];
    },
    wildcardTypes: [CDS],
    log: silentLog,
    backoff: { baseMs: 5, maxMs: 20 },
    ...deps,
  });
  t.after(() => client.close());
  return { client, updates };
}

test('the stream starts with the node and the token, and every response is acknowledged by its nonce', async (t) => {
  const server = await startServer(t);
  const { client, updates } = startClient(t, () => server.port);
  await client.start();
  await eventually(() => assert.equal(server.requests.length, 1));
  assert.equal(server.requests[0]?.node?.id, 'sidecar~1.1.1.1~p.ns~ns.svc');
  assert.deepEqual(server.tokens, ['Bearer t']);
  server.push(CDS, 'n1', { a: '1' });
  await eventually(() => assert.equal(server.requests.length, 2));
  const ack = server.requests[1];
  assert.deepEqual([ack?.responseNonce, ack?.errorDetail, ack?.node, ack?.typeUrl], ['n1', undefined, undefined, CDS]);
  assert.deepEqual(updates.map((u) => u.upserted.map((r) => Buffer.from(r.value).toString())), [['a1']]);
  assert.equal(client.status().connected, true);
});

test('a refused resource is answered with a NACK that carries the reason', async (t) => {
  const server = await startServer(t);
  const refuse = (update: DeltaUpdate): RejectedResource[] => update.upserted.filter((r) => r.name === 'bad').map((r) => ({ name: r.name, message: 'no such filter' }));
  const { client } = startClient(t, () => server.port, { apply: refuse });
  await client.start();
  await eventually(() => assert.equal(server.streams.length, 1));
  server.push(CDS, 'n1', { good: '1', bad: '1' });
  await eventually(() => assert.equal(server.requests[1]?.errorDetail?.message, 'bad: no such filter'));
  assert.equal(client.status().rejects, 1);
});

test('an update that takes effect later is answered then, the next of its type after it, and other types do not wait', async (t) => {
  const server = await startServer(t);
  const effects: ((refused: RejectedResource[]) => void)[] = [];
  const { client } = startClient(t, () => server.port, { wildcardTypes: [CDS, EDS], apply: (update) => (update.typeUrl === CDS && effects.length === 0 ? new Promise((resolve) => effects.push(resolve)) : []) });
  await client.start();
  await eventually(() => assert.equal(server.requests.length, 2));
  server.push(CDS, 'n1', { a: '1' });
  server.push(CDS, 'n2', { a: '2' });
  server.push(EDS, 'n3', { a: '1' });
  await eventually(() => assert.deepEqual(server.requests.slice(2).map((r) => r.responseNonce), ['n3']));
  effects[0]?.([{ name: 'a', message: 'no port' }]);
  await eventually(() => assert.deepEqual(server.requests.slice(3).map((r) => [r.responseNonce, r.errorDetail?.message]), [['n1', 'a: no port'], ['n2', undefined]]));
});

test('an application that throws is a NACK, and the stream goes on', async (t) => {
  const server = await startServer(t);
  const { client } = startClient(t, () => server.port, { apply: () => { throw new Error('boom'); } });
  await client.start();
  await eventually(() => assert.equal(server.streams.length, 1));
  server.push(CDS, 'n1', { a: '1' });
  await eventually(() => assert.equal(server.requests[1]?.errorDetail?.message, 'a: boom'));
  assert.equal(client.status().connected, true);
});

test('after the server was gone the client comes back and tells what it holds', async (t) => {
  const first = await startServer(t);
  let port = first.port;
  const { client, updates } = startClient(t, () => port);
  await client.start();
  client.setNames(EDS, new Set(['e']));
  await eventually(() => assert.equal(first.requests.length, 2));
  first.push(CDS, 'n1', { a: '1' });
  first.push(EDS, 'n2', { e: '5' });
  await eventually(() => assert.equal(first.requests.length, 4));
  first.server.forceShutdown();
  await eventually(() => assert.equal(client.status().connected, false));
  assert.match(client.status().lastError ?? '', /lost/);

  const second = await startServer(t);
  port = second.port;
  await eventually(() => assert.equal(second.requests.length, 2));
  assert.deepEqual(second.requests.map((r) => [r.typeUrl, r.initialResourceVersions, r.resourceNamesSubscribe]), [[CDS, { a: '1' }, ['*']], [EDS, { e: '5' }, ['e']]]);
  second.push(CDS, 'm1', { a: '2' });
  await eventually(() => assert.equal(updates.at(-1)?.upserted[0]?.version, '2'));
  assert.equal(second.requests.at(-1)?.responseNonce, 'm1');
});

test('a server that refuses the stream says why, and is asked again', async (t) => {
  const server = await startServer(t, { refuse: true });
  const { client } = startClient(t, () => server.port);
  await client.start();
  await eventually(() => assert.ok(client.status().connects >= 3));
  assert.equal(client.status().lastError, 'not you');
});

test('over TLS the name of the control plane is checked against the mounted root', async (t) => {
  const ca = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
  const other = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
  const tls = ca.issue({ sans: { dns: ['istiod.istio-system.svc'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const server = await startServer(t, { tls });
  const good = startClient(t, () => server.port, { tls: { trustedCaPem: ca.certificatePem, serverName: 'istiod.istio-system.svc' } });
  const wrongRoot = startClient(t, () => server.port, { tls: { trustedCaPem: other.certificatePem, serverName: 'istiod.istio-system.svc' } });
  const wrongName = startClient(t, () => server.port, { tls: { trustedCaPem: ca.certificatePem, serverName: 'evil.example' } });
  await Promise.all([good.client.start(), wrongRoot.client.start(), wrongName.client.start()]);
  await eventually(() => assert.equal(server.requests.length, 1));
  await eventually(() => assert.match(wrongRoot.client.status().lastError ?? '', /certificate|signature/));
  await eventually(() => assert.match(wrongName.client.status().lastError ?? '', /Hostname\/IP does not match/));
  assert.equal(server.requests.length, 1);
});

test('a restarted sidecar starts from the file with what was accepted last, and secrets are not in it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'xds-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'deep', 'last-good');
  const server = await startServer(t);
  const SDS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  const before = startClient(t, () => server.port, { lastGood: createLastGoodFile({ path, log: silentLog }) });
  await before.client.start();
  before.client.setNames(SDS, new Set(['gw']));
  await eventually(() => assert.equal(server.requests.length, 2));
  server.push(CDS, 'n1', { a: '1', b: '1' });
  server.push(SDS, 'n2', { gw: 'SECRET' });
  await eventually(() => assert.equal(before.updates.length, 2));
  await before.client.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);

  const nowhere = 1;
  const after = startClient(t, () => nowhere, { lastGood: createLastGoodFile({ path, log: silentLog }) });
  await after.client.start();
  assert.deepEqual(after.updates.map((u) => [u.typeUrl, u.upserted.map((r) => r.name + r.version)]), [[CDS, ['a1', 'b1']]]);

  writeFileSync(path, 'garbage that is not a file of ours');
  const fresh = startClient(t, () => nowhere, { lastGood: createLastGoodFile({ path, log: silentLog }) });
  await fresh.client.start();
  assert.deepEqual(fresh.updates, []);
});
