/** A field of a WorkloadGroup without which nothing is different has no effect. The whole way is gone: the group becomes the files of a
 * machine, these the settings of its proxy, its node an entry, the entry endpoints; and the probe looks at real applications. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { WorkloadGroup } from '../../src/api/workload-group.ts';
import { silentLog } from '../../src/base/log.ts';
import { machineFiles } from '../../src/cli/workload/machine-files.ts';
import { Generator } from '../../src/control/generate/generator.ts';
import { entryFromGroup } from '../../src/control/machines/entry.ts';
import { snapshotOf } from '../../src/control/registry/snapshot-builder.ts';
import { yamlMesh } from '../../src/control/registry/testing/yaml-mesh.ts';
import { readProxy } from '../../src/control/translate/proxy.ts';
import { unary } from '../../src/grpc/call.ts';
import { createGrpcServer } from '../../src/grpc/server.ts';
import type { Stored } from '../../src/kube/object.ts';
import { createAuthority } from '../../src/pki/authority.ts';
import { loadSettings } from '../../src/proxy/bootstrap/load-settings.ts';
import { encodeNode } from '../../src/proxy/bootstrap/xds-node.ts';
import { createHealthChecker, failureOf } from '../../src/proxy/health/health-checker.ts';
import type { ReadinessProbe } from '../../src/proxy/health/readiness-probe.ts';
import { FakeClock } from '../../src/testkit/fake-clock.ts';
import { deadPort, httpUpstream, listen } from '../../src/testkit/loopback.ts';
import { NodeSchema } from '../../src/xds/generated/envoy/config/core/v3/base_pb.js';
import { TypeUrl } from '../../src/xds/type-urls.ts';
import { GROUP_FIELDS, type Places } from './group-fields.ts';
import { mutate } from './lab/mutate.ts';

const ADDRESS = '10.1.2.3';
/** One service asks for no label of the group's, the others for one each. */
const SERVICES = ['{}', '{app: vm}', '{version: v2}'].map((labels, i) => `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: s${i}}, spec: {hosts: [s${i}.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: ${i === 0 ? '{service.istio.io/canonical-name: vms}' : labels}}}}`);

async function startPlaces(t: TestContext): Promise<Places> {
  const { certificatePem: cert, keyPem: key } = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 }).issue({ sans: { dns: ['app.test'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const secure = createSecureServer({ cert, key }, (_request, response) => response.end());
  const grpc = createGrpcServer({ services: [{ '/grpc.health.v1.Health/Check': unary(async (request) => Uint8Array.of(8, request.subarray(2).toString() === 'app' ? 1 : 2)) }] });
  t.after(() => grpc.close());
  return {
    http: await httpUpstream(t, (request, response) => response.writeHead(request.url === '/ready' && request.headers['x-probe'] === 'yes' ? 200 : 500).end()),
    https: await listen(t, secure, () => secure.closeAllConnections()),
    elsewhere: await at(t, createServer((_request, response) => response.end()), '127.0.0.9'),
    mute: await httpUpstream(t, () => {}),
    grpc: await grpc.listen({ port: 0, host: '127.0.0.1' }),
    dead: await deadPort(),
  };
}

async function at(t: TestContext, server: Server, host: string): Promise<number> {
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  // A TCP server's address is never a path.
  return (server.address() as AddressInfo).port;
}

/** All that comes of a group, as text. */
async function outcome(t: TestContext, group: Stored<WorkloadGroup>): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'group-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const files = machineFiles({ group, namespace: 'default', mesh: '', istioNamespace: 'istio-system', clusterId: 'Kubernetes', registers: true, capturesDns: false, isExternal: false, token: '', rootPem: '', address: ADDRESS });
  for (const [name, text] of files) writeFileSync(join(dir, name), text);
  const settings = await loadSettings(['proxy', 'sidecar', '--machine', dir], { POD_NAME: 'vm-1' });
  const { id, metadata, extensions } = fromBinary(NodeSchema, encodeNode(settings));
  const read = readProxy({ id, metadata, extensions });
  assert.ok('proxy' in read && read.proxy.machine);
  const entry = entryFromGroup(group, { ...read.proxy, machine: read.proxy.machine });
  const { annotations } = entry.metadata ?? {};
  const well = { ...entry, status: { conditions: [{ type: 'Healthy', status: 'True' }] } };
  return JSON.stringify([told(JSON.stringify(well)), annotations, await health(settings.readinessProbe)]);
}

/** What a caller is told of the machine. */
function told(entry: string): unknown {
  const generator = new Generator(snapshotOf(yamlMesh([...SERVICES, entry])));
  const caller = readProxy({ id: 'sidecar~10.0.0.9~caller.default~default.svc.cluster.local', metadata: { NAMESPACE: 'default' }, extensions: [] });
  assert.ok('proxy' in caller);
  const names = new Set(SERVICES.map((_, i) => `outbound|80||s${i}.example`));
  return [TypeUrl.Cluster, TypeUrl.Endpoints].map((type) => [...generator.resources(caller.proxy, type, names).values()].map((r) => [r.name, Buffer.from(r.value).toString('base64')]));
}

/** What the first probe finds, and what a course of good and bad ones comes to. */
async function health(probe: ReadinessProbe | undefined): Promise<unknown> {
  if (!probe) return 'nobody asks';
  const first = await failureOf(probe.method, { timeoutMs: probe.timeoutMs, instanceIp: ADDRESS });
  const clock = new FakeClock(0);
  const course = [...'+-+--+++---+'];
  const reports: string[] = [];
  const check = () => Promise.resolve(course.shift() === '-' ? 'ill' : undefined);
  const checker = createHealthChecker({ probe, instanceIp: ADDRESS, notReady: () => undefined, check, report: ({ isHealthy }) => void reports.push(`${clock.now()} ${isHealthy}`), clock, log: silentLog });
  checker.start();
  await clock.advance(200_000);
  checker.close();
  return [first?.replaceAll(/\d+\.\d+\.\d+\.\d+:\d+/g, 'ADDRESS'), reports];
}

// Of the shape that the row gives it.
const groupOf = (spec: object) => ({ apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name: 'vms', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }, spec }) as Stored<WorkloadGroup>;

test('the same group comes to the same', async (t) => {
  const places = await startPlaces(t);
  const group = groupOf({ metadata: { labels: { app: 'vm' } }, template: { serviceAccount: 'vm', ports: { http: 8080 } }, probe: { httpGet: { port: places.dead } } });
  assert.equal(await outcome(t, group), await outcome(t, group));
});

test('every field of a WorkloadGroup makes a difference', async (t) => {
  const places = await startPlaces(t);
  for (const { field, spec, instead } of GROUP_FIELDS) {
    await t.test(field, async (s) => {
      const group = groupOf(spec(places));
      const [reduced] = mutate([group], field, instead?.(places)) as Stored<WorkloadGroup>[];
      assert.ok(reduced);
      assert.notEqual(await outcome(s, group), await outcome(s, reduced));
    });
  }
});
