import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound } from '../../../kube/client.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../../../kube/resource.ts';
import { eventually } from '../../../testkit/eventually.ts';
import { startTestCluster } from '../test-cluster.ts';
import type { TestCluster } from '../test-cluster.ts';
import { LOCAL_PATH_PROVISIONER } from './local-path.ts';

const claim = (name: string, spec: Partial<NonNullable<PersistentVolumeClaim['spec']>> = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const user = (name: string, claimName: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'x' }], volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] },
});
const volume = (name: string, storage: string, extra: Partial<NonNullable<PersistentVolume['spec']>> = {}): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'manual', hostPath: { path: '/nowhere' }, persistentVolumeReclaimPolicy: 'Retain', ...extra },
});
const at = (name: string) => ({ namespace: 'default', name });
/** Directories are made by the file system, which takes its own time. */
const bound = (cluster: TestCluster, name: string) =>
  eventually(async () => {
    const now = await cluster.client.get(PersistentVolumeClaims, at(name));
    assert.equal(now.status?.phase, 'Bound');
    return now;
  });

test('a claim of the class standard gets a directory, which goes when the claim goes', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(PersistentVolumeClaims, claim('data'));
  const { spec } = await bound(cluster, 'data');
  const made = await cluster.client.get(PersistentVolumes, { name: spec?.volumeName ?? '' });
  const path = made.spec?.hostPath?.path ?? '';
  assert.ok(existsSync(path));
  assert.equal(made.status?.phase, 'Bound');
  await cluster.client.delete(PersistentVolumeClaims, at('data'));
  await eventually(async () => {
    await assert.rejects(cluster.client.get(PersistentVolumes, { name: made.metadata.name }), isNotFound);
    assert.ok(!existsSync(path));
  });
});

test('a claim that a pod uses stays until the pod is gone', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(PersistentVolumeClaims, claim('data'));
  await bound(cluster, 'data');
  await cluster.apply(Pods, user('reader', 'data'));
  await cluster.runPods();
  await cluster.client.delete(PersistentVolumeClaims, at('data'));
  await cluster.settle();
  assert.ok((await cluster.client.get(PersistentVolumeClaims, at('data'))).metadata.deletionTimestamp);
  await cluster.client.delete(Pods, at('reader'));
  await cluster.runPods();
  await assert.rejects(cluster.client.get(PersistentVolumeClaims, at('data')), isNotFound);
});

test('a class may wait for the first pod that uses the claim', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(StorageClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'lazy' }, provisioner: LOCAL_PATH_PROVISIONER, volumeBindingMode: 'WaitForFirstConsumer' });
  await cluster.apply(PersistentVolumeClaims, claim('data', { storageClassName: 'lazy' }));
  await cluster.settle();
  assert.equal((await cluster.client.get(PersistentVolumeClaims, at('data'))).status?.phase, 'Pending');
  assert.deepEqual(await cluster.events('PersistentVolumeClaim', 'data'), ['WaitForFirstConsumer: waiting for first consumer to be created before binding']);
  await cluster.apply(Pods, user('reader', 'data'));
  await bound(cluster, 'data');
});

test('a claim takes the smallest volume that suffices, and a volume that was used is not given away', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(PersistentVolumes, volume('large', '10Gi'));
  await cluster.apply(PersistentVolumes, volume('small', '500Mi'));
  await cluster.apply(PersistentVolumes, volume('right', '2Gi'));
  await cluster.settle();
  assert.equal((await cluster.client.get(PersistentVolumes, { name: 'right' })).status?.phase, 'Available');
  await cluster.apply(PersistentVolumeClaims, claim('data', { storageClassName: 'manual' }));
  assert.equal((await bound(cluster, 'data')).spec?.volumeName, 'right');
  await cluster.client.delete(PersistentVolumeClaims, at('data'));
  await cluster.settle();
  assert.equal((await cluster.client.get(PersistentVolumes, { name: 'right' })).status?.phase, 'Released');
  await cluster.apply(PersistentVolumeClaims, claim('next', { storageClassName: 'manual' }));
  assert.equal((await bound(cluster, 'next')).spec?.volumeName, 'large');
});

test('a claim of a class that does not exist says so', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(PersistentVolumeClaims, claim('data', { storageClassName: 'gold' }));
  await cluster.settle();
  assert.deepEqual(await cluster.events('PersistentVolumeClaim', 'data'), ['ProvisioningFailed: storageclass.storage.k8s.io "gold" not found']);
});
