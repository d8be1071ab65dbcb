import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { FakeClock } from '../../../testkit/fake-clock.ts';
import { KubeApiError, PatchType } from '../../../kube/client.ts';
import { ConfigMaps, Deployments, Namespaces, Pods, Secrets, ServiceAccounts, Services } from '../../../kube/resource.ts';
import { startApi } from '../test-server.ts';

const pod = (name: string, more: Partial<Pod> = {}): Pod => ({ metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'nginx' }] }, ...more });
const at = (name: string) => ({ namespace: 'default', name });
const message = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof KubeApiError) return `${error.status.code} ${error.reason}: ${error.message}`;
    throw error;
  }
  return 'no error';
};

test('a pod gets its defaults, an identity and a status', async (t) => {
  const { client } = await startApi(t);
  const made = await client.create(Pods, pod('a'));
  assert.equal(made.spec?.restartPolicy, 'Always');
  assert.equal(made.spec?.containers[0]?.imagePullPolicy, 'Always');
  assert.equal(made.status?.phase, 'Pending');
  assert.equal(made.metadata.generation, 1);
  assert.match(made.metadata.uid, /^[0-9a-f-]{36}$/);
});

test('generateName appends five letters', async (t) => {
  const { client } = await startApi(t, { random: () => 0 });
  const made = await client.create(Pods, pod('', { metadata: { generateName: 'web-', namespace: 'default' } }));
  assert.equal(made.metadata.name, 'web-bbbbb');
});

test('refusals are in the words of Kubernetes', async (t) => {
  const { client } = await startApi(t);
  await client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' } });
  assert.equal(await message(client.get(Pods, at('nope'))), '404 NotFound: pods "nope" not found');
  assert.equal(await message(client.get(Deployments, at('nope'))), '404 NotFound: deployments.apps "nope" not found');
  assert.equal(await message(client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' } })), '409 AlreadyExists: configmaps "x" already exists');
  assert.equal(await message(client.create(Pods, pod('p', { spec: { containers: [{ name: 'c' }] } }))), '422 Invalid: Pod "p" is invalid: spec.containers[0].image: Required value');
  assert.equal(await message(client.create(Pods, { ...pod('p'), nope: 1 } as Pod, { fieldValidation: 'Strict' })), '400 BadRequest: Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "nope"');
  const template = { metadata: { labels: { app: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  assert.equal(
    await message(client.create(Deployments, { metadata: { name: 'd', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'a' } }, template } })),
    '422 Invalid: Deployment.apps "d" is invalid: spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`',
  );
});

test('an update with an old version is a conflict, and one without a version wins', async (t) => {
  const { client } = await startApi(t);
  const first = await client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' }, data: { a: '1' } });
  await client.update(ConfigMaps, { metadata: at('x'), data: { a: '2' } });
  assert.equal(await message(client.update(ConfigMaps, { ...first, data: { a: '3' } })), '409 Conflict: Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again');
});

test('a write that changes nothing keeps the version', async (t) => {
  const { client } = await startApi(t);
  const first = await client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' }, data: { a: '1' } });
  const again = await client.patch(ConfigMaps, at('x'), { type: PatchType.Merge, body: { data: { a: '1' } } });
  assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
});

test('many patches of one object at once all arrive', async (t) => {
  const { client } = await startApi(t);
  await client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' } });
  await Promise.all(Array.from({ length: 20 }, (_, i) => client.patch(ConfigMaps, at('x'), { type: PatchType.Merge, body: { data: { [`k${i}`]: 'v' } } })));
  assert.equal(Object.keys((await client.get(ConfigMaps, at('x'))).data ?? {}).length, 20);
});

test('the generation counts changes of the spec, and the status is written apart', async (t) => {
  const { client } = await startApi(t);
  await client.create(Pods, pod('a'));
  const labelled = await client.patch(Pods, at('a'), { type: PatchType.Merge, body: { metadata: { labels: { a: 'b' } }, status: { phase: 'Running' } } });
  assert.deepEqual([labelled.metadata.generation, labelled.status?.phase], [1, 'Pending']);
  const running = await client.patch(Pods, at('a'), { type: PatchType.Merge, body: { spec: { containers: [] }, status: { phase: 'Running' } } }, { subresource: 'status' });
  assert.deepEqual([running.status?.phase, running.spec?.containers.length], ['Running', 1]);
  const changed = await client.patch(Pods, at('a'), { type: PatchType.Strategic, body: { spec: { containers: [{ name: 'c', image: 'other' }] } } });
  assert.equal(changed.metadata.generation, 2);
  assert.match(await message(client.patch(Pods, at('a'), { type: PatchType.Merge, body: { spec: { restartPolicy: 'Never' } } })), /spec: Forbidden: pod updates may not change fields other than/);
});

test('a bound pod is deleted in two steps, an unbound one at once', async (t) => {
  const clock = new FakeClock();
  const { client } = await startApi(t, { clock });
  await client.create(Pods, pod('bound'));
  await client.create(Pods, { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n' } } as Pod, { namespace: 'default', name: 'bound', subresource: 'binding' });
  await client.delete(Pods, at('bound'), { gracePeriodSeconds: 5 });
  const going = await client.get(Pods, at('bound'));
  assert.equal(going.metadata.deletionGracePeriodSeconds, 5);
  assert.equal(Date.parse(going.metadata.deletionTimestamp ?? ''), clock.now() + 5000);
  assert.equal(going.spec?.nodeName, 'n');
  await client.delete(Pods, at('bound'), { gracePeriodSeconds: 0 });
  assert.match(await message(client.get(Pods, at('bound'))), /^404/);
  await client.create(Pods, pod('unbound'));
  await client.delete(Pods, at('unbound'));
  assert.match(await message(client.get(Pods, at('unbound'))), /^404/);
});

test('finalizers hold an object until the last one is taken off', async (t) => {
  const { client } = await startApi(t);
  await client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default', finalizers: ['example.com/a'] } });
  await client.delete(ConfigMaps, at('x'));
  assert.ok((await client.get(ConfigMaps, at('x'))).metadata.deletionTimestamp);
  assert.match(await message(client.patch(ConfigMaps, at('x'), { type: PatchType.Merge, body: { metadata: { finalizers: ['example.com/a', 'example.com/b'] } } })), /no new finalizers can be added/);
  await client.patch(ConfigMaps, at('x'), { type: PatchType.Merge, body: { metadata: { finalizers: null } } });
  assert.match(await message(client.get(ConfigMaps, at('x'))), /^404/);
});

test('a namespace stays until it is finalized', async (t) => {
  const { client } = await startApi(t);
  await client.delete(Namespaces, { name: 'default' });
  const going = await client.get(Namespaces, { name: 'default' });
  assert.equal(going.status?.phase, 'Terminating');
  await client.update(Namespaces, { ...going, spec: { finalizers: [] } }, { subresource: 'finalize' });
  assert.match(await message(client.get(Namespaces, { name: 'default' })), /^404/);
});

test('a dry run answers and stores nothing', async (t) => {
  const { client } = await startApi(t);
  assert.ok((await client.create(Pods, pod('a'), { dryRun: true })).metadata.uid);
  assert.match(await message(client.get(Pods, at('a'))), /^404/);
});

test('services get addresses and node ports, keep them, and give them back', async (t) => {
  const { client } = await startApi(t, { serviceCidr: '10.96.0.0/28', random: () => 0 });
  const service = (name: string, spec: object) => client.create(Services, { metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } });
  const first = await service('a', { type: 'NodePort' });
  assert.deepEqual([first.spec?.clusterIP, first.spec?.ports?.[0]?.nodePort, first.spec?.ports?.[0]?.targetPort], ['10.96.0.8', 30_000, 80]);
  assert.match(await message(service('b', { clusterIP: '10.96.0.8' })), /provided IP is already allocated/);
  assert.match(await message(service('b', { clusterIP: '10.0.0.8' })), /not in the valid range/);
  assert.equal((await service('headless', { clusterIP: 'None' })).spec?.clusterIP, 'None');
  const kept = await client.update(Services, { metadata: at('a'), spec: { type: 'NodePort', ports: [{ port: 81 }] } });
  assert.equal(kept.spec?.clusterIP, '10.96.0.8');
  await client.delete(Services, at('a'));
  assert.equal((await service('c', {})).spec?.clusterIP, '10.96.0.8');
});

test('two services made at once do not share an address', async (t) => {
  const { client } = await startApi(t);
  const made = await Promise.all(['a', 'b', 'c'].map((name) => client.create(Services, { metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }] } })));
  assert.equal(new Set(made.map((s) => s.spec?.clusterIP)).size, 3);
});

test('stringData of a secret becomes data', async (t) => {
  const { client } = await startApi(t);
  const made = await client.create(Secrets, { metadata: { name: 's', namespace: 'default' }, stringData: { a: 'b' } });
  assert.deepEqual([made.data, made.type], [{ a: 'Yg==' }, 'Opaque']);
});

test('a list is cut into pages that join again', async (t) => {
  const { client } = await startApi(t);
  for (const name of ['c', 'a', 'b']) await client.create(ConfigMaps, { metadata: { name, namespace: 'default', labels: { odd: String(name !== 'b') } } });
  const page = await client.list(ConfigMaps, { limit: 2 });
  assert.deepEqual([page.items.map((o) => o.metadata.name), page.metadata.remainingItemCount], [['a', 'b'], 1]);
  const rest = await client.list(ConfigMaps, { limit: 2, continue: page.metadata.continue });
  assert.deepEqual([rest.items.map((o) => o.metadata.name), rest.metadata.continue], [['c'], undefined]);
  assert.equal((await client.list(ConfigMaps, { labelSelector: 'odd=true' })).items.length, 2);
  assert.equal((await client.list(ConfigMaps, { fieldSelector: 'metadata.name!=a' })).items.length, 2);
  assert.match(await message(client.list(ConfigMaps, { fieldSelector: 'data=x' })), /field label not supported: data/);
});

test('a token is bound to its account and its pod', async (t) => {
  const { client } = await startApi(t);
  const account = await client.create(ServiceAccounts, { metadata: { name: 'sa', namespace: 'default' } });
  const made = await client.create(Pods, pod('a'));
  const request = { spec: { audiences: ['istio-ca'], expirationSeconds: 3600, boundObjectRef: { kind: 'Pod', name: 'a', uid: made.metadata.uid } } };
  const answer = await client.create(ServiceAccounts, request as object, { namespace: 'default', name: 'sa', subresource: 'token' }) as unknown as { status: { token: string } };
  const review = async (audiences: string[]) => (await client.create({ ...ServiceAccounts, group: 'authentication.k8s.io', plural: 'tokenreviews', kind: 'TokenReview', namespaced: false }, { spec: { token: answer.status.token, audiences } } as object) as unknown as { status: { authenticated: boolean; user: { username?: string; uid?: string } } }).status;
  const good = await review(['istio-ca']);
  assert.deepEqual([good.authenticated, good.user.username, good.user.uid], [true, 'system:serviceaccount:default:sa', account.metadata.uid]);
  assert.equal((await review(['other'])).authenticated, false);
  await client.delete(Pods, at('a'));
  assert.equal((await review(['istio-ca'])).authenticated, false);
});
