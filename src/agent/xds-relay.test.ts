import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { createGrpcServer } from '../grpc/server.ts';
import { openDelta, type TestNode } from '../control/serve/testing/ads-client.ts';
import type { Machines } from '../control/machines/machines.ts';
import { eventually } from '../testkit/eventually.ts';
import { createGrpcChannel } from '../xds/client/grpc-channel.ts';
import { createLastGoodFile } from '../xds/client/last-good-file.ts';
import type { DeltaUpdate } from '../xds/client/delta-session.ts';
import { TypeUrl } from '../xds/type-urls.ts';
import { HeldConfiguration } from './held-configuration.ts';
import { startTestControlPlane, testAuthority, type TestControlPlane } from './test-control-plane.ts';
import { createXdsRelay } from './xds-relay.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.7.7, selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
`;
const NODE = { id: 'sidecar~10.244.0.2~web-abc-0.default~default.svc.cluster.local', metadata: { NAMESPACE: 'default' } };
const IDENTITY = 'spiffe://cluster.local/ns/default/sa/default';

/** A relay with names of its own, on a socket, and an Envoy that speaks to it. */
async function start(t: TestContext, dir: string, control: () => Pick<TestControlPlane, 'port' | 'rootPem'>, node: TestNode = NODE) {
  const names: string[] = [];
  const held = new HeldConfiguration(createLastGoodFile({ path: join(dir, 'last-good'), log: silentLog }));
  held.load();
  const relay = createXdsRelay({
    connect: async () => ({ channel: createGrpcChannel({ host: 'localhost', port: control().port, tls: { trustedCaPem: control().rootPem, serverName: 'localhost' } }), headers: {} }),
    own: {
      typeUrls: [TypeUrl.NameTable],
      apply(update: DeltaUpdate) {
        names.push(...update.upserted.map((r) => r.name));
        return [];
      },
    },
    held, clock: systemClock, log: silentLog,
  });
  relay.start();
  const server = createGrpcServer({ services: [relay.service] });
  const socket = join(dir, `${Math.random()}.sock`);
  await server.listen({ path: socket });
  const close = async () => {
    relay.close();
    await server.close();
    await held.close();
  };
  t.after(close);
  const envoy = () => {
    const client = openDelta({ address: `unix:${socket}`, node });
    t.after(() => client.close());
    client.send({ typeUrl: TypeUrl.Cluster });
    client.send({ typeUrl: TypeUrl.Listener });
    return client;
  };
  return { relay, names, envoy, close };
}

function makeDirectory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'relay-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const CLUSTER = 'outbound|80||web.default.svc.cluster.local';

test('bytes pass, what is the agent’s own comes on the same stream, and both are there again without the control plane', async (t) => {
  const dir = makeDirectory(t);
  const control = await startTestControlPlane({ mesh: MESH, identity: IDENTITY });
  t.after(() => control.stop());
  const first = await start(t, dir, () => control);
  const online = first.envoy();
  await online.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  assert.ok(online.held(TypeUrl.Cluster).has(CLUSTER));
  await eventually(() => assert.deepEqual(first.names, ['web.default.svc.cluster.local']));
  assert.equal(control.discovery.connections().length, 1, 'a pod is one client');
  assert.equal(online.held(TypeUrl.NameTable).size, 0, 'Envoy does not see what it did not ask for');
  await eventually(() => assert.deepEqual(control.discovery.connections().flatMap((c) => c.status().filter((s) => s.waiting)), []));
  assert.equal(first.relay.status().connected, true);
  const value = online.held(TypeUrl.Cluster).get(CLUSTER);
  await first.close();
  control.stop();

  const second = await start(t, dir, () => control);
  assert.deepEqual(second.names, ['web.default.svc.cluster.local'], 'from the file');
  const offline = second.envoy();
  await offline.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  assert.deepEqual(offline.held(TypeUrl.Cluster).get(CLUSTER), value);
  assert.equal(second.relay.status().connected, false);
});

test('when the control plane is back, Envoy is sent to it', async (t) => {
  const dir = makeDirectory(t);
  const ca = testAuthority();
  const control = await startTestControlPlane({ mesh: MESH, identity: IDENTITY, ca });
  const relay = await start(t, dir, () => control);
  const online = relay.envoy();
  await online.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  await eventually(() => assert.deepEqual(control.discovery.connections().flatMap((c) => c.status().filter((s) => s.waiting)), []));
  control.stop();
  await eventually(() => assert.ok(online.inbox.error, 'the stream has ended'));
  const offline = relay.envoy();
  await offline.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  const back = await startTestControlPlane({ mesh: MESH, identity: IDENTITY, ca, port: control.port });
  t.after(() => back.stop());
  await eventually(() => assert.match(offline.inbox.error?.details ?? '', /can be reached again/), { timeoutMs: 15_000 });
  const again = relay.envoy();
  await again.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  assert.equal(back.discovery.connections().length, 1);
});

test('without the control plane and with nothing held, Envoy is told why', async (t) => {
  const relay = await start(t, makeDirectory(t), () => ({ port: 1, rootPem: testAuthority().certificatePem }));
  const client = relay.envoy();
  await eventually(() => assert.match(client.inbox.error?.details ?? '', /ECONNREFUSED|lost/));
});

test('how the application of a machine is goes the same way, and is said again when the control plane has been away', async (t) => {
  const dir = makeDirectory(t);
  const told: string[] = [];
  const machines: Pick<Machines, 'admit'> = { admit: async (proxy) => ({ proxy, registration: { health: ({ isHealthy, message }) => void told.push(isHealthy ? 'well' : message), left: () => void told.push('left') } }) };
  const ca = testAuthority();
  const control = await startTestControlPlane({ mesh: MESH, identity: IDENTITY, ca, machines });
  const relay = await start(t, dir, () => control, { ...NODE, metadata: { ...NODE.metadata, AUTO_REGISTER_GROUP: 'vms' } });
  relay.relay.reportHealth({ isHealthy: true, message: '' });
  const envoy = relay.envoy();
  await envoy.inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  await eventually(() => assert.deepEqual(told, ['well']), { timeoutMs: 20_000 });
  relay.relay.reportHealth({ isHealthy: false, message: 'refused' });
  await eventually(() => assert.deepEqual(told, ['well', 'refused']), { timeoutMs: 20_000 });
  envoy.close();
  await eventually(() => assert.deepEqual(told, ['well', 'refused', 'left']), { timeoutMs: 20_000 });
  await relay.envoy().inbox.find((r) => r.typeUrl === TypeUrl.Listener);
  await eventually(() => assert.deepEqual(told, ['well', 'refused', 'left', 'refused']), { timeoutMs: 20_000 });
  control.stop();
});
