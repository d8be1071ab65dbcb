import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts';
import { PatchType } from '../../kube/client.ts';
import { CronJobs, DaemonSets, Jobs, Nodes, PersistentVolumeClaims, Pods, ReplicaSets, Services, StatefulSets } from '../../kube/resource.ts';
import type { PublishedPort } from './load-balancer.ts';
import { runningStatus, startTestCluster } from './test-cluster.ts';
import type { TestCluster } from './test-cluster.ts';

const template = (app: string, image = 'x') => ({ metadata: { labels: { app } }, spec: { containers: [{ name: app, image }] } });
const meta = (name: string) => ({ name, namespace: 'default' });
const names = async (cluster: TestCluster) => (await cluster.pods()).map((pod) => pod.metadata.name).sort();

const replicaSet = (replicas: number): ReplicaSet => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: meta('web'), spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template('web') } });

test('a ReplicaSet adopts a pod that matches and lets go of one that no longer does', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...meta('stray'), labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'x' }] } });
  await cluster.apply(ReplicaSets, replicaSet(2));
  await cluster.settle();
  assert.equal((await cluster.pods()).length, 2);
  const stray = await cluster.client.get(Pods, meta('stray'));
  assert.equal(stray.metadata.ownerReferences?.[0]?.kind, 'ReplicaSet');
  await cluster.client.patch(Pods, meta('stray'), { type: PatchType.Merge, body: { metadata: { labels: { app: 'free' } } } });
  await cluster.settle();
  assert.equal((await cluster.pods()).length, 3);
  assert.equal((await cluster.client.get(Pods, meta('stray'))).metadata.ownerReferences?.length ?? 0, 0);
});

test('a ReplicaSet that shrinks gives up pods that do not serve first, and says what it did', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ReplicaSets, replicaSet(3));
  await cluster.settle();
  const [good] = await cluster.pods();
  assert.ok(good);
  await cluster.setPodStatus(good, runningStatus(cluster.clock, '10.244.0.5'));
  await cluster.settle();
  await cluster.client.patch(ReplicaSets, meta('web'), { type: PatchType.Merge, body: { spec: { replicas: 1 } } });
  await cluster.settle();
  const left = (await cluster.pods()).filter((pod) => !pod.metadata.deletionTimestamp);
  assert.deepEqual(left.map((pod) => pod.metadata.name), [good.metadata.name]);
  const reasons = (await cluster.events('ReplicaSet', 'web')).map((event) => event.split(':')[0]);
  assert.deepEqual(reasons.sort(), ['SuccessfulCreate', 'SuccessfulCreate', 'SuccessfulCreate', 'SuccessfulDelete', 'SuccessfulDelete']);
});

test('a pod that is deleted is replaced at once', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(ReplicaSets, replicaSet(1));
  await cluster.runPods();
  const [pod] = await cluster.pods();
  await cluster.client.delete(Pods, meta(pod?.metadata.name ?? ''));
  await cluster.settle();
  assert.equal((await cluster.pods()).filter((each) => !each.metadata.deletionTimestamp).length, 1);
});

const statefulSet = (spec: Partial<NonNullable<StatefulSet['spec']>> = {}): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: meta('db'),
  spec: { replicas: 3, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template('db'), ...spec },
});

test('a StatefulSet makes its pods in order, each after the one before is ready, and ends them the other way round', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(StatefulSets, statefulSet());
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['db-0']);
  await cluster.runPods();
  assert.deepEqual(await names(cluster), ['db-0', 'db-1']);
  await cluster.runPods();
  await cluster.runPods();
  assert.deepEqual(await names(cluster), ['db-0', 'db-1', 'db-2']);
  const last = await cluster.client.get(Pods, meta('db-2'));
  assert.deepEqual([last.spec?.hostname, last.spec?.subdomain, last.metadata.labels?.['apps.kubernetes.io/pod-index']], ['db-2', 'db', '2']);
  await cluster.client.patch(StatefulSets, meta('db'), { type: PatchType.Merge, body: { spec: { replicas: 1 } } });
  await cluster.settle();
  const going = async () => (await cluster.pods()).filter((pod) => pod.metadata.deletionTimestamp).map((pod) => pod.metadata.name);
  assert.deepEqual(await going(), ['db-2']);
  await cluster.runPods();
  assert.deepEqual(await going(), ['db-1']);
  await cluster.runPods();
  assert.deepEqual(await names(cluster), ['db-0']);
});

test('a StatefulSet updates from the last pod down to its partition', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(StatefulSets, statefulSet({ podManagementPolicy: 'Parallel', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }));
  await cluster.runPods();
  assert.deepEqual(await names(cluster), ['db-0', 'db-1', 'db-2']);
  await cluster.client.patch(StatefulSets, meta('db'), { type: PatchType.Strategic, body: { spec: { template: template('db', 'y') } } });
  for (let round = 0; round < 6; round++) await cluster.runPods();
  const images = Object.fromEntries((await cluster.pods()).map((pod) => [pod.metadata.name, pod.spec?.containers[0]?.image]));
  assert.deepEqual(images, { 'db-0': 'x', 'db-1': 'y', 'db-2': 'y' });
  const { status } = await cluster.client.get(StatefulSets, meta('db'));
  assert.deepEqual([status?.updatedReplicas, status?.readyReplicas, status?.currentRevision === status?.updateRevision], [2, 3, false]);
});

test('a StatefulSet makes a claim for each pod and mounts it', async (t) => {
  const cluster = await startTestCluster(t);
  const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }];
  await cluster.apply(StatefulSets, statefulSet({ replicas: 1, volumeClaimTemplates: claims }));
  await cluster.settle();
  assert.deepEqual((await cluster.client.list(PersistentVolumeClaims)).items.map((claim) => claim.metadata.name), ['data-db-0']);
  const pod = await cluster.client.get(Pods, meta('db-0'));
  assert.equal(pod.spec?.volumes?.find((volume) => volume.name === 'data')?.persistentVolumeClaim?.claimName, 'data-db-0');
});

const daemonSet: DaemonSet = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: meta('agent'), spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent') } };

test('a DaemonSet has one pod on every node that takes it, also on one that comes later, and renews them', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(DaemonSets, daemonSet);
  await cluster.runPods();
  assert.deepEqual((await cluster.pods()).map((pod) => pod.spec?.nodeName), ['lateen']);
  await cluster.apply(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'second' } });
  await cluster.apply(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'tainted' }, spec: { taints: [{ key: 'only', effect: 'NoSchedule' }] } });
  await cluster.runPods();
  assert.deepEqual((await cluster.pods()).map((pod) => pod.spec?.nodeName).sort(), ['lateen', 'second']);
  await cluster.client.patch(DaemonSets, meta('agent'), { type: PatchType.Strategic, body: { spec: { template: template('agent', 'y') } } });
  for (let round = 0; round < 6; round++) await cluster.runPods();
  assert.deepEqual((await cluster.pods()).map((pod) => pod.spec?.containers[0]?.image), ['y', 'y']);
  const { status } = await cluster.client.get(DaemonSets, meta('agent'));
  assert.deepEqual([status?.desiredNumberScheduled, status?.numberReady, status?.updatedNumberScheduled], [2, 2, 2]);
});

const job = (spec: Partial<NonNullable<Job['spec']>> = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: meta('sum'),
  spec: { template: { ...template('sum'), spec: { restartPolicy: 'Never', containers: [{ name: 'sum', image: 'x' }] } }, ...spec },
});
const finish = async (cluster: TestCluster, phase: 'Succeeded' | 'Failed') => {
  await cluster.settle();
  for (const pod of (await cluster.pods()).filter((each) => each.status?.phase !== 'Succeeded' && each.status?.phase !== 'Failed')) await cluster.setPodStatus(pod, { phase });
  await cluster.settle();
};

test('a Job makes as many pods as it needs, no more at a time than it may, and completes', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Jobs, job({ completions: 3, parallelism: 2 }));
  await cluster.settle();
  assert.equal((await cluster.pods()).length, 2);
  await finish(cluster, 'Succeeded');
  assert.equal((await cluster.pods()).length, 3);
  await finish(cluster, 'Succeeded');
  const { status } = await cluster.client.get(Jobs, meta('sum'));
  assert.deepEqual([status?.succeeded, status?.active, status?.conditions?.map((each) => each.type)], [3, undefined, ['SuccessCriteriaMet', 'Complete']]);
  assert.ok((await cluster.events('Job', 'sum')).includes('Completed: Job completed'));
});

test('a Job whose pods fail tries again after a while, and gives up at its limit', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Jobs, job({ backoffLimit: 1, completions: 1 }));
  await finish(cluster, 'Failed');
  await cluster.advance(30_000);
  assert.equal((await cluster.pods()).length, 2);
  await finish(cluster, 'Failed');
  const { status } = await cluster.client.get(Jobs, meta('sum'));
  const failed = status?.conditions?.find((each) => each.type === 'Failed');
  assert.deepEqual([failed?.status, failed?.reason, failed?.message], ['True', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit']);
});

test('a finished Job is removed after its time to live', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Jobs, job({ completions: 1, ttlSecondsAfterFinished: 30 }));
  await finish(cluster, 'Succeeded');
  await cluster.advance(31_000);
  assert.deepEqual((await cluster.client.list(Jobs)).items, []);
});

test('a CronJob starts a Job at its time', async (t) => {
  const cluster = await startTestCluster(t);
  const cron: CronJob = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: meta('tick'), spec: { schedule: '*/5 * * * *', jobTemplate: { spec: job({ completions: 1 }).spec ?? { template: {} } } } };
  await cluster.apply(CronJobs, cron);
  await cluster.settle();
  assert.deepEqual((await cluster.client.list(Jobs)).items, []);
  await cluster.advance(301_000);
  const [made] = (await cluster.client.list(Jobs)).items;
  assert.match(made?.metadata.name ?? '', /^tick-\d+$/);
  assert.equal((await cluster.client.get(CronJobs, meta('tick'))).status?.active?.[0]?.name, made?.metadata.name);
});

test('a pod that no node takes waits, says why, and is placed when a node comes', async (t) => {
  const cluster = await startTestCluster(t, { withoutNode: true });
  await cluster.apply(Pods, { apiVersion: 'v1', kind: 'Pod', metadata: meta('p'), spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'x' }] } });
  await cluster.settle();
  await cluster.apply(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'plain' } });
  await cluster.settle();
  const waiting = await cluster.client.get(Pods, meta('p'));
  assert.equal(waiting.status?.conditions?.find((each) => each.type === 'PodScheduled')?.reason, 'Unschedulable');
  const events = await cluster.events('Pod', 'p');
  assert.ok(events.some((event) => event.startsWith("FailedScheduling: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")), events.join('\n'));
  await cluster.apply(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'fast', labels: { disk: 'ssd' } } });
  await cluster.settle();
  assert.equal((await cluster.client.get(Pods, meta('p'))).spec?.nodeName, 'fast');
});

test('a pod with a claim that does not exist waits for it', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Pods, { apiVersion: 'v1', kind: 'Pod', metadata: meta('p'), spec: { containers: [{ name: 'c', image: 'x' }], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'gone' } }] } });
  await cluster.settle();
  assert.ok((await cluster.events('Pod', 'p')).some((event) => event.startsWith('FailedScheduling: 0/1 nodes are available: persistentvolumeclaim "gone" not found.')));
});

test('a Service of type LoadBalancer gets the loopback address once it is published', async (t) => {
  const ports = new Map<string, PublishedPort[]>();
  const listeners = new Set<(namespace: string, name: string) => void>();
  const publishedPorts = {
    of: (namespace: string, name: string) => ports.get(`${namespace}/${name}`),
    subscribe(listener: (namespace: string, name: string) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const cluster = await startTestCluster(t, { publishedPorts });
  await cluster.apply(Services, { apiVersion: 'v1', kind: 'Service', metadata: meta('gateway'), spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
  await cluster.settle();
  const ingress = async () => (await cluster.client.get(Services, meta('gateway'))).status?.loadBalancer?.ingress;
  assert.equal(await ingress(), undefined);
  ports.set('default/gateway', [{ port: 80, hostPort: 8080, protocol: 'TCP' }]);
  for (const listener of listeners) listener('default', 'gateway');
  await cluster.settle();
  assert.deepEqual(await ingress(), [{ ip: '127.0.0.1', ipMode: 'Proxy', ports: [{ port: 8080, protocol: 'TCP' }] }]);
});
