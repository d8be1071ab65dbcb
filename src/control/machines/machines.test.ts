import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { renderCrds } from '../../api/crds.ts';
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import { WorkloadEntries, type WorkloadEntry } from '../../api/workload-entry.ts';
import { silentLog } from '../../base/log.ts';
import { createApiServer } from '../../cluster/apiserver/server.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createInformer } from '../../kube/informer.ts';
import { CustomResourceDefinitions, Namespaces } from '../../kube/resource.ts';
import { applyYaml } from '../../testkit/control-mesh.ts';
import { eventually as poll } from '../../testkit/eventually.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { readProxy, type Proxy } from '../translate/proxy.ts';
import { createMachines, type Machines, type Registration } from './machines.ts';

const GROUP = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: default}
spec: {metadata: {labels: {app: vm}}, template: {serviceAccount: vm, ports: {http: 8080}, locality: eu/eu-1}}
`;
const VM = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'vm' };

function proxyOf(metadata: Record<string, string | object> = {}, address = '10.1.2.3'): Proxy {
  const read = readProxy({ id: `sidecar~${address}~vm-1.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default', AUTO_REGISTER_GROUP: 'vms', LABELS: { own: 'yes' }, ...metadata } as never, extensions: [] });
  if ('error' in read) throw new Error(read.error);
  return read.proxy;
}

/** The API server is a real one. */
const eventually = <T>(probe: () => T | Promise<T>) => poll(probe, { timeoutMs: 20_000 });

interface Bench {
  readonly client: KubeClient;
  readonly clock: FakeClock;
  /** A control plane; the one before, if any, has ended. */
  plane(instance?: string): Machines;
  readonly counted: string[];
  entry(name?: string): Promise<WorkloadEntry | undefined>;
}

async function bench(t: TestContext, others: readonly string[] = []): Promise<Bench> {
  const api = createApiServer({ allowAll: true });
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, crd);
  await api.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const { client } = api;
  const entries = createInformer(WorkloadEntries, { client });
  await entries.start();
  const clock = new FakeClock();
  const counted: string[] = [];
  let machines: Machines | undefined;
  t.after(async () => {
    machines?.close();
    await entries.close();
    await api.close();
  });
  return {
    client, clock, counted,
    plane(instance = 'istiod-1') {
      machines?.close();
      machines = createMachines({ client, entries, isElsewhere: (name) => others.includes(name), instance, graceMs: 10_000, counted: (event) => void counted.push(event), clock, log: silentLog });
      machines.start();
      return machines;
    },
    entry: (name = 'vms-10.1.2.3') => client.get(WorkloadEntries, { namespace: 'default', name }).catch(() => undefined),
  };
}

async function connect(machines: Machines, proxy = proxyOf()): Promise<Registration & { proxy: Proxy }> {
  const admission = await machines.admit(proxy, VM);
  assert.ok('proxy' in admission && admission.registration, JSON.stringify(admission));
  return { ...admission.registration, proxy: admission.proxy };
}

const annotation = (entry: WorkloadEntry | undefined, name: string) => entry?.metadata?.annotations?.[name];

test('a machine that connects has an entry, and is what the entry says', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const { proxy } = await connect(b.plane());
  const entry = await b.entry();
  assert.deepEqual(entry?.spec, { address: '10.1.2.3', labels: { app: 'vm', own: 'yes' }, locality: 'eu/eu-1', ports: { http: 8080 }, serviceAccount: 'vm' });
  assert.equal(annotation(entry, RegistrationAnnotation.controller), 'istiod-1');
  assert.equal(annotation(entry, RegistrationAnnotation.connectedAt), new Date(b.clock.now()).toISOString());
  assert.deepEqual([proxy.labels, proxy.ports, proxy.locality.zone], [{ app: 'vm', own: 'yes' }, { http: 8080 }, 'eu-1']);
  assert.deepEqual(b.counted, ['success']);
});

test('a machine that goes leaves its entry for the grace period, and takes it up again when it comes back in time', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const machines = b.plane();
  const first = await connect(machines);
  first.left();
  await eventually(async () => assert.ok(annotation(await b.entry(), RegistrationAnnotation.disconnectedAt)));
  assert.equal(annotation(await b.entry(), RegistrationAnnotation.connectedAt), undefined);
  await b.clock.advance(9_000);
  const second = await connect(machines);
  await b.clock.advance(60_000);
  assert.equal(annotation(await b.entry(), RegistrationAnnotation.disconnectedAt), undefined);
  second.left();
  await eventually(async () => assert.ok(annotation(await b.entry(), RegistrationAnnotation.disconnectedAt)));
  await eventually(async () => {
    await b.clock.advance(2_000);
    assert.equal(await b.entry(), undefined);
  });
  await eventually(() => assert.deepEqual(b.counted, ['success', 'unregister', 'updates', 'unregister', 'deletes']));
});

test('the end of an old connection after the machine has come anew changes nothing', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const machines = b.plane();
  const old = await connect(machines);
  await connect(machines);
  old.left();
  old.left();
  await b.clock.advance(60_000);
  assert.ok(annotation(await b.entry(), RegistrationAnnotation.connectedAt));
});

test('entries whose machines went while the control plane was away are cleaned up, those that come back stay', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const before = b.plane();
  await connect(before);
  await connect(before, proxyOf({}, '10.1.2.4'));
  await eventually(async () => assert.ok(await b.entry('vms-10.1.2.4')));
  const after = b.plane('istiod-9');
  await connect(after, proxyOf({}, '10.1.2.4'));
  await b.clock.advance(20_000);
  assert.ok(annotation(await b.entry(), RegistrationAnnotation.connectedAt), 'it is waited for');
  await eventually(async () => {
    await b.clock.advance(5_000);
    assert.equal(await b.entry(), undefined);
  });
  assert.equal(annotation(await b.entry('vms-10.1.2.4'), RegistrationAnnotation.controller), 'istiod-9');
});

test('entries of another control plane that is there are left to it', async (t) => {
  const b = await bench(t, ['istiod-1']);
  await applyYaml(b.client, GROUP);
  await connect(b.plane('istiod-1'));
  b.plane('istiod-2');
  for (let i = 0; i < 20; i++) await b.clock.advance(5_000);
  assert.ok(annotation(await b.entry(), RegistrationAnnotation.connectedAt));
});

test('a machine without a group, or with an account that is not the group’s, is refused, and registered once that is mended', async (t) => {
  const b = await bench(t);
  const machines = b.plane();
  assert.deepEqual(await machines.admit(proxyOf(), VM), { refuse: 'FailedPrecondition', reason: 'machine default/vms-10.1.2.3 cannot be registered: there is no WorkloadGroup default/vms' });
  await applyYaml(b.client, GROUP);
  const refused = await machines.admit(proxyOf(), { ...VM, serviceAccount: 'other' });
  assert.ok('refuse' in refused && refused.refuse === 'PermissionDenied', JSON.stringify(refused));
  const unknown = await machines.admit(proxyOf(), undefined);
  assert.ok('refuse' in unknown && /TLS port/.test(unknown.reason));
  assert.equal(await b.entry(), undefined);
  await connect(machines);
  assert.ok(await b.entry());
});

test('the entry of a machine that is connected is made again when somebody has deleted it, with its health', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const vm = await connect(b.plane(), proxyOf({ PROXY_CONFIG: { readinessProbe: { tcpSocket: { port: 80 } } } }));
  vm.health({ isHealthy: true, message: '' });
  const health = async () => (await b.entry())?.status?.conditions?.find(({ type }) => type === 'Healthy')?.status;
  await eventually(async () => assert.equal(await health(), 'True'));
  const uid = (await b.entry())?.metadata?.uid;
  await b.client.delete(WorkloadEntries, { namespace: 'default', name: 'vms-10.1.2.3' });
  await eventually(async () => {
    await b.clock.advance(10_000);
    assert.equal(await health(), 'True');
  });
  assert.notEqual((await b.entry())?.metadata?.uid, uid);
});

test('an entry of the same name that somebody wrote is not taken over', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, `${GROUP}---\n{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vms-10.1.2.3, namespace: default}, spec: {address: 10.1.2.3}}`);
  const refused = await b.plane().admit(proxyOf(), VM);
  assert.ok('refuse' in refused && /group vms has not made; delete it/.test(refused.reason), JSON.stringify(refused));
});

test('what the agent reports stands in the status of the entry, beside what others have written there', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, GROUP);
  const vm = await connect(b.plane(), proxyOf({ PROXY_CONFIG: { readinessProbe: { tcpSocket: { port: 80 } } } }));
  assert.equal(annotation(await b.entry(), HEALTH_CHECKS), 'true');
  await b.client.patch(WorkloadEntries, { namespace: 'default', name: 'vms-10.1.2.3' }, { type: 'application/merge-patch+json', body: { status: { conditions: [{ type: 'Accepted', status: 'True' }] } } }, { subresource: 'status' });
  const said = async () => (await b.entry())?.status?.conditions?.map(({ type, status, message }) => [type, status, message]);
  vm.health({ isHealthy: true, message: '' });
  await eventually(async () => assert.deepEqual(await said(), [['Accepted', 'True', undefined], ['Healthy', 'True', undefined]]));
  vm.health({ isHealthy: false, message: 'connection refused' });
  await b.clock.advance(500);
  vm.health({ isHealthy: true, message: '' });
  vm.health({ isHealthy: false, message: 'refused' });
  assert.deepEqual(await said(), [['Accepted', 'True', undefined], ['Healthy', 'True', undefined]], 'one write in a second');
  await b.clock.advance(500);
  await eventually(async () => assert.deepEqual(await said(), [['Accepted', 'True', undefined], ['Healthy', 'False', 'refused']]));
});

test('an entry that somebody wrote is no machine’s to remove; its health is unknown again when the agent has gone', async (t) => {
  const b = await bench(t);
  await applyYaml(b.client, `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: written, namespace: default, annotations: {${HEALTH_CHECKS}: "true"}}, spec: {address: 10.1.2.3, serviceAccount: vm}}`);
  const vm = await connect(b.plane(), proxyOf({ AUTO_REGISTER_GROUP: '', WORKLOAD_ENTRY: 'written' }));
  vm.health({ isHealthy: true, message: '' });
  const health = async () => (await b.entry('written'))?.status?.conditions?.find(({ type }) => type === 'Healthy')?.status;
  await eventually(async () => assert.equal(await health(), 'True'));
  vm.left();
  await eventually(async () => {
    await b.clock.advance(2_000);
    assert.equal(await health(), undefined);
  });
  assert.ok(await b.entry('written'));
});
