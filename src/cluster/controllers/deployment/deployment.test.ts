import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import { PatchType } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { Deployments, ReplicaSets } from '../../../kube/resource.ts';
import { startTestCluster } from '../test-cluster.ts';
import type { TestCluster } from '../test-cluster.ts';
import { isPodReady } from '../pods.ts';

type Spec = Partial<NonNullable<Deployment['spec']>>;

const web = (image: string, spec: Spec = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    ...spec,
  },
});

const AT = { namespace: 'default', name: 'web' };
const get = (cluster: TestCluster) => cluster.client.get(Deployments, AT);
const patch = (cluster: TestCluster, body: unknown) => cluster.client.patch(Deployments, AT, { type: PatchType.Strategic, body });
const setImage = (cluster: TestCluster, image: string) => patch(cluster, { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } });
const condition = (deployment: Stored<Deployment>, type: string) => {
  const found = deployment.status?.conditions?.find((each) => each.type === type);
  return found && { status: found.status, reason: found.reason, message: found.message };
};
const images = async (cluster: TestCluster) => (await cluster.pods()).filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => pod.spec?.containers[0]?.image).sort();

async function rollOut(cluster: TestCluster): Promise<void> {
  await cluster.settle();
  for (let round = 0; round < 20; round++) await cluster.runPods();
}

test('a Deployment becomes pods of one ReplicaSet, and its conditions say how far it is', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a'));
  await cluster.settle();
  let deployment = await get(cluster);
  assert.equal(condition(deployment, 'Available')?.status, 'False');
  assert.equal(condition(deployment, 'Progressing')?.status, 'True');
  assert.equal(deployment.status?.unavailableReplicas, 3);
  await cluster.runPods();
  deployment = await get(cluster);
  const [set] = (await cluster.client.list(ReplicaSets, { namespace: 'default' })).items;
  assert.deepEqual(condition(deployment, 'Available'), { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' });
  assert.deepEqual(condition(deployment, 'Progressing'), { status: 'True', reason: 'NewReplicaSetAvailable', message: `ReplicaSet "${set?.metadata.name}" has successfully progressed.` });
  const { replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas, observedGeneration } = deployment.status ?? {};
  assert.deepEqual({ replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas, observedGeneration }, { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, unavailableReplicas: undefined, observedGeneration: 1 });
  assert.equal(deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  const hash = set?.metadata.labels?.['pod-template-hash'];
  assert.equal(set?.metadata.name, `web-${hash}`);
  assert.ok((await cluster.pods()).every((pod) => pod.metadata.labels?.['pod-template-hash'] === hash));
  assert.deepEqual(await cluster.events('Deployment', 'web'), [`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`]);
});

test('a new image rolls out and never breaks the promises of surge and availability', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a', { replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } }));
  await rollOut(cluster);
  await setImage(cluster, 'b');
  await cluster.settle();
  let steps = 0;
  while ((await images(cluster)).includes('a')) {
    const pods = await cluster.pods();
    const living = pods.filter((pod) => !pod.metadata.deletionTimestamp);
    assert.ok(living.length <= 5, `${living.length} pods`);
    assert.ok(living.filter(isPodReady).length >= 3, 'too few ready pods');
    // One pod at a time, the last one first, as an unkind node would.
    const [next] = pods.filter((pod) => pod.metadata.deletionTimestamp || !isPodReady(pod)).reverse();
    assert.ok(next, 'the rollout is stuck');
    await cluster.runPods((pod) => pod.metadata.uid === next.metadata.uid);
    assert.ok(++steps < 40, 'the rollout does not end');
  }
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['b', 'b', 'b', 'b']);
  assert.equal((await get(cluster)).metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
});

test('going back to an earlier template takes its ReplicaSet again, as a new revision', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a'));
  await rollOut(cluster);
  await setImage(cluster, 'b');
  await rollOut(cluster);
  await setImage(cluster, 'a');
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['a', 'a', 'a']);
  const sets = (await cluster.client.list(ReplicaSets, { namespace: 'default' })).items;
  assert.equal(sets.length, 2);
  const back = sets.find((set) => set.spec?.replicas === 3);
  assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

test('a paused Deployment keeps its pods until it is resumed, but can be scaled', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a'));
  await rollOut(cluster);
  await patch(cluster, { spec: { paused: true } });
  await setImage(cluster, 'b');
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['a', 'a', 'a']);
  assert.deepEqual(condition(await get(cluster), 'Progressing'), { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' });
  await patch(cluster, { spec: { replicas: 4 } });
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['a', 'a', 'a', 'a']);
  await patch(cluster, { spec: { paused: false } });
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['b', 'b', 'b', 'b']);
});

test('Recreate ends every old pod before it makes the first new one', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a', { strategy: { type: 'Recreate' } }));
  await rollOut(cluster);
  await setImage(cluster, 'b');
  await cluster.settle();
  const during = await cluster.pods();
  assert.ok(during.length === 3 && during.every((pod) => pod.metadata.deletionTimestamp && pod.spec?.containers[0]?.image === 'a'));
  await rollOut(cluster);
  assert.deepEqual(await images(cluster), ['b', 'b', 'b']);
});

test('a rollout that does not get on is reported after its deadline', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a', { progressDeadlineSeconds: 60 }));
  await cluster.settle();
  await cluster.advance(50_000);
  assert.equal(condition(await get(cluster), 'Progressing')?.status, 'True');
  await cluster.advance(12_000);
  const [set] = (await cluster.client.list(ReplicaSets, { namespace: 'default' })).items;
  assert.deepEqual(condition(await get(cluster), 'Progressing'), { status: 'False', reason: 'ProgressDeadlineExceeded', message: `ReplicaSet "${set?.metadata.name}" has timed out progressing.` });
});

test('old ReplicaSets beyond the history limit are forgotten', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a', { replicas: 1, revisionHistoryLimit: 1 }));
  for (const image of ['b', 'c', 'd']) {
    await rollOut(cluster);
    await setImage(cluster, image);
  }
  await rollOut(cluster);
  const revisions = (await cluster.client.list(ReplicaSets, { namespace: 'default' })).items.map((set) => set.metadata.annotations?.['deployment.kubernetes.io/revision']).sort();
  assert.deepEqual(revisions, ['3', '4']);
});

test('deleting a Deployment deletes its ReplicaSets and pods', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Deployments, web('a'));
  await rollOut(cluster);
  await cluster.client.delete(Deployments, AT, { propagationPolicy: 'Background' });
  await rollOut(cluster);
  assert.deepEqual((await cluster.client.list(ReplicaSets, { namespace: 'default' })).items, []);
  assert.deepEqual(await cluster.pods(), []);
});
