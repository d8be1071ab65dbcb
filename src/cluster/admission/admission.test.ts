import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from 'kubernetes-types/core/v1.d.ts';
import { isReason } from '../../kube/client.ts';
import { LimitRanges, Namespaces, PersistentVolumeClaims, Pods, ReplicaSets, ResourceQuotas, ServiceAccounts, Services, StorageClasses } from '../../kube/resource.ts';
import { silentLog } from '../../base/log.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createApiServer } from '../apiserver/server.ts';
import { startTestCluster } from '../controllers/test-cluster.ts';
import type { TestCluster } from '../controllers/test-cluster.ts';
import { createAdmissionChain } from './chain.ts';
import { PriorityClasses } from './reads.ts';

const pod = (name: string, requests?: Record<string, string>, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name, image: 'nginx', ...(requests ? { resources: { requests } } : {}) }], ...spec },
});
const quota = (hard: Record<string, string>): ResourceQuota => ({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'mem-cpu-quota', namespace: 'default' }, spec: { hard } });
const GUIDE = { 'requests.cpu': '1', 'requests.memory': '2Gi' };
const used = async (cluster: TestCluster) => (await cluster.client.get(ResourceQuotas, { namespace: 'default', name: 'mem-cpu-quota' })).status;

test('a quota is counted at once, refuses in its own words, and is charged and discharged', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota(GUIDE));
  await assert.rejects(cluster.apply(Pods, pod('test-pod')), {
    message: 'pods "test-pod" is forbidden: failed quota: mem-cpu-quota: must specify requests.cpu for: test-pod; requests.memory for: test-pod',
  });
  await cluster.apply(Pods, pod('one', { cpu: '750m', memory: '1Gi' }));
  assert.deepEqual(await used(cluster), { hard: GUIDE, used: { 'requests.cpu': '750m', 'requests.memory': '1Gi' } });
  await assert.rejects(cluster.apply(Pods, pod('two', { cpu: '500m', memory: '512Mi' })), {
    message: 'pods "two" is forbidden: exceeded quota: mem-cpu-quota, requested: requests.cpu=500m, used: requests.cpu=750m, limited: requests.cpu=1',
  });
  await cluster.settle();
  const [held] = (await cluster.pods()).filter((each) => each.metadata.name === 'one');
  assert.ok(held);
  await cluster.endPod(held);
  await cluster.settle();
  assert.deepEqual((await used(cluster))?.used, { 'requests.cpu': '0', 'requests.memory': '0' });
  await cluster.apply(Pods, pod('two', { cpu: '500m', memory: '512Mi' }));
});

test('of many pods at once a quota lets through exactly as many as fit', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota({ pods: '5' }));
  await cluster.settle();
  const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => cluster.apply(Pods, pod(`p${i}`))));
  assert.equal(results.filter((each) => each.status === 'fulfilled').length, 5);
  assert.deepEqual((await used(cluster))?.used, { pods: '5' });
});

test('a charge whose object never came to be is taken off', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota({ pods: '2' }));
  await cluster.apply(Pods, pod('one'));
  await assert.rejects(cluster.apply(Pods, pod('one')), (error: unknown) => isReason(error, 'AlreadyExists'));
  await cluster.advance(6000);
  assert.deepEqual((await used(cluster))?.used, { pods: '1' });
});

test('a ReplicaSet that a quota stops says so in an event and a condition, and goes on when it may', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota(GUIDE));
  await cluster.settle();
  const labels = { app: 'reviews' };
  await cluster.apply(ReplicaSets, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'reviews', namespace: 'default' },
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'reviews', image: 'x' }] } } },
  });
  await cluster.settle();
  const events = await cluster.events('ReplicaSet', 'reviews');
  const refusal = /^FailedCreate: Error creating: pods "reviews-.*" is forbidden: failed quota: mem-cpu-quota: must specify requests\.cpu for: reviews; requests\.memory for: reviews$/;
  assert.ok(events.length > 0 && events.every((event) => refusal.test(event)), events.join('\n'));
  const set = await cluster.client.get(ReplicaSets, { namespace: 'default', name: 'reviews' });
  assert.equal(set.status?.conditions?.[0]?.reason, 'FailedCreate');
  await cluster.client.delete(ResourceQuotas, { namespace: 'default', name: 'mem-cpu-quota' });
  await cluster.advance(60_000);
  assert.equal((await cluster.pods()).length, 2);
  assert.equal((await cluster.client.get(ReplicaSets, { namespace: 'default', name: 'reviews' })).status?.conditions, undefined);
});

test('a dry run is judged but not charged', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota({ pods: '1' }));
  await cluster.settle();
  await cluster.client.create(Pods, pod('one'), { namespace: 'default', dryRun: true });
  assert.deepEqual((await used(cluster))?.used, { pods: '0' });
});

test('a quota counts Services by type', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ResourceQuotas, quota({ services: '3', 'services.loadbalancers': '0' }));
  await cluster.settle();
  const service: Service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'lb', namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } };
  await assert.rejects(cluster.apply(Services, service), { message: 'services "lb" is forbidden: exceeded quota: mem-cpu-quota, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0' });
});

test('a limit range gives defaults before the quota counts', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(LimitRanges, { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits', namespace: 'default' }, spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m', memory: '64Mi' }, max: { cpu: '2' }, default: { cpu: '1' } }] } });
  await cluster.apply(ResourceQuotas, quota(GUIDE));
  await cluster.settle();
  const made = await cluster.apply(Pods, pod('plain'));
  assert.deepEqual(made.spec?.containers[0]?.resources, { limits: { cpu: '1' }, requests: { cpu: '100m', memory: '64Mi' } });
  assert.deepEqual((await used(cluster))?.used, { 'requests.cpu': '100m', 'requests.memory': '64Mi' });
  const greedy = pod('greedy');
  await assert.rejects(cluster.apply(Pods, { ...greedy, spec: { containers: [{ name: 'greedy', image: 'x', resources: { limits: { cpu: '3' } } }] } }), {
    message: 'pods "greedy" is forbidden: maximum cpu usage per Container is 2, but limit is 3',
  });
});

test('a pod gets its account, the token volume, tolerations and a priority', async (t) => {
  const cluster = await startTestCluster(t);
  const { spec } = await cluster.apply(Pods, pod('p', undefined, { initContainers: [{ name: 'init', image: 'x' }] }));
  assert.equal(spec?.serviceAccountName, 'default');
  const [volume] = spec?.volumes ?? [];
  assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/);
  assert.deepEqual(volume?.projected?.sources?.[0], { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } });
  for (const container of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
    assert.deepEqual(container.volumeMounts, [{ name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }]);
  }
  assert.deepEqual(spec?.tolerations?.map((each) => [each.key, each.tolerationSeconds]), [['node.kubernetes.io/not-ready', 300], ['node.kubernetes.io/unreachable', 300]]);
  assert.deepEqual([spec?.priority, spec?.preemptionPolicy], [0, 'PreemptLowerPriority']);
});

test('an account may refuse the token, and a pod may overrule its account', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'shy', namespace: 'default' }, automountServiceAccountToken: false, imagePullSecrets: [{ name: 'registry' }] });
  const shy = await cluster.apply(Pods, pod('shy', undefined, { serviceAccountName: 'shy' }));
  assert.equal(shy.spec?.volumes?.length ?? 0, 0);
  assert.deepEqual(shy.spec?.imagePullSecrets, [{ name: 'registry' }]);
  const bold = await cluster.apply(Pods, pod('bold', undefined, { serviceAccountName: 'shy', automountServiceAccountToken: true }));
  assert.equal(bold.spec?.volumes?.length, 1);
});

test('a pod of an unknown account or class is refused', async (t) => {
  const cluster = await startTestCluster(t);
  await assert.rejects(cluster.apply(Pods, pod('p', undefined, { serviceAccountName: 'ghost' })), { message: 'pods "p" is forbidden: error looking up service account default/ghost: serviceaccount "ghost" not found' });
  await assert.rejects(cluster.apply(Pods, pod('p', undefined, { priorityClassName: 'ghost' })), { message: 'pods "p" is forbidden: no PriorityClass with name ghost was found' });
  await cluster.apply(PriorityClasses, { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000 });
  assert.equal((await cluster.apply(Pods, pod('p', undefined, { priorityClassName: 'high' }))).spec?.priority, 1000);
});

test('a pod made right after its namespace waits for the default account', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fresh' } });
  const made = await cluster.client.create(Pods, { ...pod('p'), metadata: { name: 'p', namespace: 'fresh' } }, { namespace: 'fresh' });
  assert.equal(made.spec?.serviceAccountName, 'default');
});

test('the newest of several default classes is taken, and an empty name is a name', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.clock.advance(5000);
  await cluster.apply(StorageClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'example.com/none' });
  await cluster.settle();
  const claim = (name: string, storageClassName?: string): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...(storageClassName === undefined ? {} : { storageClassName }) },
  });
  assert.equal((await cluster.apply(PersistentVolumeClaims, claim('a'))).spec?.storageClassName, 'fast');
  assert.equal((await cluster.apply(PersistentVolumeClaims, claim('b', ''))).spec?.storageClassName, '');
});

test('a write that comes before admission has started waits for it', async (t) => {
  const clock = new FakeClock();
  const server = createApiServer({ clock });
  const chain = createAdmissionChain({ client: () => server.client, clock, log: silentLog });
  t.after(async () => {
    await chain.close();
    await server.close();
  });
  await server.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  await server.client.create(LimitRanges, { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits', namespace: 'default' }, spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m' } }] } }, { namespace: 'default' });
  await server.client.create(ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }, { namespace: 'default' });
  server.setAdmission(chain);
  const made = server.client.create(Pods, pod('early'), { namespace: 'default' });
  await chain.start();
  assert.deepEqual((await made).spec?.containers[0]?.resources, { requests: { cpu: '100m' } });
});
