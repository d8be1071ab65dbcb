import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Namespace, PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound, KubeApiError } from '../../kube/client.ts';
import { ConfigMaps, EndpointSlices, Namespaces, Pods, PersistentVolumeClaims, ServiceAccounts, Services, StorageClasses } from '../../kube/resource.ts';
import { ENABLED_PLUGINS } from '../admission/chain.ts';
import { eventually } from '../../testkit/eventually.ts';
import { startTestCluster } from './test-cluster.ts';

const namespace = (name: string): Namespace => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

test('a new namespace gets its default account and the root certificate, and gets them again when they are lost', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Namespaces, namespace('shop'));
  await cluster.settle();
  const at = { namespace: 'shop', name: 'default' };
  await cluster.client.get(ServiceAccounts, at);
  const roots = { namespace: 'shop', name: 'kube-root-ca.crt' };
  assert.equal((await cluster.client.get(ConfigMaps, roots)).data?.['ca.crt'], 'CA');
  await cluster.client.delete(ServiceAccounts, at);
  await cluster.client.delete(ConfigMaps, roots);
  await cluster.settle();
  await cluster.client.get(ServiceAccounts, at);
  const held = await cluster.client.get(ConfigMaps, roots);
  await cluster.client.update(ConfigMaps, { ...held, data: { 'ca.crt': 'forged' } });
  await cluster.settle();
  assert.equal((await cluster.client.get(ConfigMaps, roots)).data?.['ca.crt'], 'CA');
});

test('a deleted namespace is emptied, takes nothing new meanwhile, and goes when its last pod is gone', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Namespaces, namespace('shop'));
  await cluster.settle();
  const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'menu', namespace: 'shop' } };
  await cluster.apply(ConfigMaps, configMap);
  await cluster.apply(Pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'cook', namespace: 'shop' }, spec: { containers: [{ name: 'c', image: 'x' }] } });
  await cluster.runPods();
  await cluster.client.delete(Namespaces, { name: 'shop' });
  await cluster.settle();
  const going = await cluster.client.get(Namespaces, { name: 'shop' });
  assert.equal(going.status?.phase, 'Terminating');
  assert.deepEqual((await cluster.client.list(ConfigMaps, { namespace: 'shop' })).items, []);
  await assert.rejects(cluster.apply(ConfigMaps, configMap), (error: unknown) => {
    assert.ok(error instanceof KubeApiError);
    assert.equal(error.message, 'configmaps "menu" is forbidden: unable to create new content in namespace shop because it is being terminated');
    assert.equal(error.status.details?.causes?.[0]?.reason, 'NamespaceTerminating');
    return true;
  });
  await cluster.runPods();
  await assert.rejects(cluster.client.get(Namespaces, { name: 'shop' }), isNotFound);
});

test('nothing is made in a namespace that does not exist', async (t) => {
  const cluster = await startTestCluster(t);
  const made = cluster.apply(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'nowhere' } });
  await Promise.all([assert.rejects(made, { message: 'namespaces "nowhere" not found' }), cluster.advance(60)]);
});

test('what is made in a namespace that comes a moment later waits for it', async (t) => {
  const cluster = await startTestCluster(t);
  const made = cluster.apply(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'soon' } });
  await cluster.apply(Namespaces, namespace('soon'));
  assert.equal((await made).metadata.namespace, 'soon');
});

test('the namespace default stays', async (t) => {
  const cluster = await startTestCluster(t);
  await assert.rejects(cluster.client.delete(Namespaces, { name: 'default' }), { message: 'namespaces "default" is forbidden: this namespace may not be deleted' });
});

test('a new cluster has its system objects, and the API server shows its admission plugins in args', async (t) => {
  const cluster = await startTestCluster(t);
  assert.deepEqual((await cluster.client.list(Namespaces)).items.map((each) => each.metadata.name).sort(), ['default', 'kube-node-lease', 'kube-public', 'kube-system']);
  assert.equal((await cluster.client.get(Services, { namespace: 'default', name: 'kubernetes' })).spec?.clusterIP, '10.96.0.1');
  assert.equal((await cluster.client.get(Services, { namespace: 'kube-system', name: 'kube-dns' })).spec?.clusterIP, '10.96.0.10');
  assert.deepEqual((await cluster.client.get(EndpointSlices, { namespace: 'default', name: 'kubernetes' })).endpoints?.[0]?.addresses, ['10.244.0.1']);
  assert.equal((await cluster.client.list(StorageClasses)).items[0]?.metadata.name, 'standard');
  const { items } = await cluster.client.list(Pods, { namespace: 'kube-system', labelSelector: 'component=kube-apiserver' });
  const flags = items.flatMap((pod) => pod.spec?.containers.flatMap((container) => container.args ?? []) ?? []);
  assert.ok(flags.includes(`--enable-admission-plugins=${ENABLED_PLUGINS.join(',')}`));
  assert.equal(items[0]?.status?.phase, 'Running');
});

test('a claim without a class gets the default one and is bound; its directory goes with it', async (t) => {
  const cluster = await startTestCluster(t);
  const claim: PersistentVolumeClaim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'my-claim', namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  const created = await cluster.apply(PersistentVolumeClaims, claim);
  assert.equal(created.spec?.storageClassName, 'standard');
  assert.deepEqual(created.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  const phase = async () => (await cluster.client.get(PersistentVolumeClaims, { namespace: 'default', name: 'my-claim' })).status?.phase;
  // The directory is made by the file system, which takes its own time.
  await eventually(async () => assert.equal(await phase(), 'Bound'));
  const bound = await cluster.client.get(PersistentVolumeClaims, { namespace: 'default', name: 'my-claim' });
  assert.equal(bound.spec?.volumeName, `pvc-${bound.metadata.uid}`);
  assert.deepEqual(bound.status?.capacity, { storage: '1Gi' });
});
