import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import { ConfigMaps, CustomResourceDefinitions, resource } from '../../kube/resource.ts';
import { startTestCluster } from './test-cluster.ts';
import type { TestCluster } from './test-cluster.ts';

const map = (name: string, owner?: Stored<ConfigMap>, extra: { blockOwnerDeletion?: boolean; uid?: string } = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'default',
    ...(owner ? { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid, ...extra }] } : {}),
  },
});
const names = async (cluster: TestCluster) => (await cluster.client.list(ConfigMaps, { namespace: 'default' })).items.map((each) => each.metadata.name).filter((name) => name !== 'kube-root-ca.crt').sort();
const at = (name: string) => ({ namespace: 'default', name });

test('in the background, dependents and their dependents go after their owner', async (t) => {
  const cluster = await startTestCluster(t);
  const top = await cluster.apply(ConfigMaps, map('top'));
  const middle = await cluster.apply(ConfigMaps, map('middle', top));
  await cluster.apply(ConfigMaps, map('bottom', middle));
  await cluster.apply(ConfigMaps, map('bystander'));
  await cluster.client.delete(ConfigMaps, at('top'), { propagationPolicy: 'Background' });
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['bystander']);
});

test('in the foreground, the owner is the last to go', async (t) => {
  const cluster = await startTestCluster(t);
  const top = await cluster.apply(ConfigMaps, map('top'));
  const held = map('held', top, { blockOwnerDeletion: true });
  await cluster.apply(ConfigMaps, { ...held, metadata: { ...held.metadata, finalizers: ['example.com/wait'] } });
  await cluster.apply(ConfigMaps, map('free', top, { blockOwnerDeletion: true }));
  await cluster.client.delete(ConfigMaps, at('top'), { propagationPolicy: 'Foreground' });
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['held', 'top']);
  const waiting = await cluster.client.get(ConfigMaps, at('held'));
  await cluster.client.update(ConfigMaps, { ...waiting, metadata: { ...waiting.metadata, finalizers: [] } });
  await cluster.settle();
  assert.deepEqual(await names(cluster), []);
});

test('orphaned dependents stay, without the reference', async (t) => {
  const cluster = await startTestCluster(t);
  const top = await cluster.apply(ConfigMaps, map('top'));
  await cluster.apply(ConfigMaps, map('child', top));
  await cluster.client.delete(ConfigMaps, at('top'), { propagationPolicy: 'Orphan' });
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['child']);
  assert.equal((await cluster.client.get(ConfigMaps, at('child'))).metadata.ownerReferences?.length ?? 0, 0);
});

test('an object whose owner never was, or was another of that name, is deleted', async (t) => {
  const cluster = await startTestCluster(t);
  const owner = await cluster.apply(ConfigMaps, map('owner'));
  await cluster.apply(ConfigMaps, map('child', owner, { uid: '00000000-0000-0000-0000-000000000000' }));
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['owner']);
});

test('an object with one owner left loses only the other reference', async (t) => {
  const cluster = await startTestCluster(t);
  const [a, b] = [await cluster.apply(ConfigMaps, map('a')), await cluster.apply(ConfigMaps, map('b'))];
  const child = map('child', a);
  await cluster.apply(ConfigMaps, { ...child, metadata: { ...child.metadata, ownerReferences: [...(child.metadata?.ownerReferences ?? []), ...(map('x', b).metadata?.ownerReferences ?? [])] } });
  await cluster.client.delete(ConfigMaps, at('a'), { propagationPolicy: 'Background' });
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['b', 'child']);
  assert.deepEqual((await cluster.client.get(ConfigMaps, at('child'))).metadata.ownerReferences?.map((each) => each.name), ['b']);
});

test('custom resources own and are owned as soon as their definition is there', async (t) => {
  const cluster = await startTestCluster(t);
  const Boats = resource('example.com/v1', 'boats', 'Boat');
  await cluster.apply(CustomResourceDefinitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'boats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'boats', kind: 'Boat' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await cluster.settle();
  const boat = await cluster.apply(Boats, { apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name: 'dhow', namespace: 'default' } });
  await cluster.apply(ConfigMaps, { ...map('sail'), metadata: { name: 'sail', namespace: 'default', ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Boat', name: 'dhow', uid: boat.metadata.uid }] } });
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['sail']);
  await cluster.client.delete(Boats, at('dhow'), { propagationPolicy: 'Background' });
  await cluster.settle();
  assert.deepEqual(await names(cluster), []);
});
