import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { MutatingWebhook, ValidatingWebhook } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { KubeApiError } from '../../../kube/client.ts';
import { ConfigMaps, EndpointSlices, MutatingWebhooks, Namespaces, Services, ValidatingWebhooks } from '../../../kube/resource.ts';
import { createAuthority } from '../../../pki/authority.ts';
import { startTestCluster } from '../../controllers/test-cluster.ts';
import type { TestCluster } from '../../controllers/test-cluster.ts';
import type { ReviewRequest } from './review.ts';

interface Answer {
  allowed: boolean;
  status?: { message?: string; code?: number; reason?: string };
  patch?: unknown[];
  warnings?: string[];
  uid?: string;
}
type Responder = (request: ReviewRequest, path: string) => Answer | Promise<Answer>;

interface Hooks {
  cluster: TestCluster;
  /** Requests in the order in which they came, `path operation name`. */
  calls: string[];
  reviews: ReviewRequest[];
  /** What all webhooks of these tests share; `path` tells them apart. */
  hook(name: string, path: string, extra?: Partial<MutatingWebhook>): MutatingWebhook;
}

/** A cluster with a webhook server behind the Service `hooks` of the namespace `default`. */
async function startHooks(t: TestContext, respond: Responder): Promise<Hooks> {
  const authority = await createAuthority({ commonName: 'hooks', lifetimeMs: 3_600_000 });
  const leaf = await authority.issue({ subject: { commonName: 'hooks' }, sans: { dns: ['hooks.default.svc'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const calls: string[] = [];
  const reviews: ReviewRequest[] = [];
  const server = createServer({ key: leaf.keyPem, cert: leaf.certificatePem }, async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { request } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { request: ReviewRequest };
    const path = (incoming.url ?? '').split('?')[0] ?? '';
    calls.push(`${path} ${request.operation} ${request.name}`);
    reviews.push(request);
    const { patch, ...answer } = await respond(request, path);
    const response = { uid: request.uid, ...answer, ...(patch ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') } : {}) };
    outgoing.setHeader('content-type', 'application/json');
    outgoing.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cluster = await startTestCluster(t);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await cluster.apply(Services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hooks', namespace: 'default' }, spec: { ports: [{ name: 'https', port: 443 }] } });
  await cluster.apply(EndpointSlices, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'hooks', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hooks' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
  const hook: Hooks['hook'] = (name, path, extra = {}) => ({
    name,
    clientConfig: { service: { name: 'hooks', namespace: 'default', path }, caBundle: Buffer.from(authority.certificatePem).toString('base64') },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] } as never],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...extra,
  });
  return { cluster, calls, reviews, hook };
}

async function mutating({ cluster }: Hooks, name: string, webhooks: MutatingWebhook[]): Promise<void> {
  await cluster.apply(MutatingWebhooks, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', metadata: { name }, webhooks });
  await cluster.settle();
}

async function validating({ cluster }: Hooks, name: string, webhooks: ValidatingWebhook[]): Promise<void> {
  await cluster.apply(ValidatingWebhooks, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name }, webhooks });
  await cluster.settle();
}

const map = (name: string, labels?: Record<string, string>, namespace = 'default'): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ...(labels ? { labels } : {}) } });
const addLabel = (name: string, value = 'yes') => [{ op: 'add', path: '/metadata/labels', value: { [name]: value } }];

test('a mutating webhook changes the object, and sees it as Kubernetes shows it', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true, patch: addLabel('seen') }));
  await mutating(hooks, 'm', [hooks.hook('label.example.com', '/label')]);
  const made = await hooks.cluster.apply(ConfigMaps, map('a'));
  assert.deepEqual(made.metadata.labels, { seen: 'yes' });
  const [review] = hooks.reviews;
  assert.deepEqual(
    [review?.kind, review?.resource, review?.namespace, review?.operation, review?.object?.metadata?.name, review?.oldObject, review?.dryRun],
    [{ group: '', version: 'v1', kind: 'ConfigMap' }, { group: '', version: 'v1', resource: 'configmaps' }, 'default', 'CREATE', 'a', null, false],
  );
  assert.equal(typeof review?.userInfo.username, 'string');
});

test('mutating webhooks run by name of the configuration, then by place, each on the work of the one before', async (t) => {
  const hooks = await startHooks(t, (request, path) => {
    const data = (request.object as ConfigMap).data ?? {};
    return { allowed: true, patch: [{ op: 'add', path: '/data', value: { trail: `${data['trail'] ?? ''}${path}` } }] };
  });
  await mutating(hooks, 'b', [hooks.hook('3.example.com', '/3')]);
  await mutating(hooks, 'a', [hooks.hook('1.example.com', '/1'), hooks.hook('2.example.com', '/2')]);
  assert.deepEqual((await hooks.cluster.apply(ConfigMaps, map('x'))).data, { trail: '/1/2/3' });
});

test('a webhook that wants it is called once more when a later one changed the object', async (t) => {
  const hooks = await startHooks(t, (request, path) => ({ allowed: true, ...(path === '/late' && !request.object?.metadata?.labels ? { patch: addLabel('late') } : {}) }));
  await mutating(hooks, 'a', [hooks.hook('again.example.com', '/again', { reinvocationPolicy: 'IfNeeded' }), hooks.hook('once.example.com', '/once'), hooks.hook('late.example.com', '/late')]);
  await hooks.cluster.apply(ConfigMaps, map('x'));
  assert.deepEqual(hooks.calls.map((call) => call.split(' ')[0]), ['/again', '/once', '/late', '/again']);
});

test('a refusal carries the name of the webhook, its message and its code', async (t) => {
  const hooks = await startHooks(t, (_request, path) => (path === '/mute' ? { allowed: false } : { allowed: false, status: { message: 'no such luck', code: 403, reason: 'Forbidden' } }));
  await validating(hooks, 'v', [hooks.hook('deny.example.com', '/deny')]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('a')), (error: unknown) => {
    assert.ok(error instanceof KubeApiError);
    assert.deepEqual([error.message, error.status.code, error.reason], ['admission webhook "deny.example.com" denied the request: no such luck', 403, 'Forbidden']);
    return true;
  });
  await hooks.cluster.client.delete(ValidatingWebhooks, { name: 'v' });
  await validating(hooks, 'w', [hooks.hook('mute.example.com', '/mute')]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('a')), (error: unknown) => error instanceof KubeApiError && error.status.code === 400 && error.message === 'admission webhook "mute.example.com" denied the request without explanation');
});

test('selectors of namespace and object decide who is asked', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  const { cluster } = hooks;
  await cluster.apply(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'meshed', labels: { injection: 'enabled' } } });
  await validating(hooks, 'v', [
    hooks.hook('namespace.example.com', '/namespace', { namespaceSelector: { matchLabels: { injection: 'enabled' } } }),
    hooks.hook('object.example.com', '/object', { objectSelector: { matchExpressions: [{ key: 'inject', operator: 'In', values: ['true'] }] } }),
  ]);
  await cluster.apply(ConfigMaps, map('a'));
  await cluster.apply(ConfigMaps, map('b', { inject: 'true' }));
  await cluster.apply(ConfigMaps, map('c', undefined, 'meshed'));
  assert.deepEqual(hooks.calls, ['/object CREATE b', '/namespace CREATE c']);
});

test('match conditions see the object, and a condition that fails follows the failure policy', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  const broken = [{ name: 'broken', expression: 'object.data.missing == "x"' }];
  await validating(hooks, 'v', [
    hooks.hook('only-a.example.com', '/only-a', { matchConditions: [{ name: 'a', expression: 'object.metadata.name == "a" && request.operation == "CREATE"' }] }),
    hooks.hook('lenient.example.com', '/lenient', { matchConditions: broken, failurePolicy: 'Ignore' }),
  ]);
  await hooks.cluster.apply(ConfigMaps, map('a'));
  await hooks.cluster.apply(ConfigMaps, map('b'));
  assert.deepEqual(hooks.calls, ['/only-a CREATE a']);
  await validating(hooks, 'w', [hooks.hook('strict.example.com', '/strict', { matchConditions: broken })]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('c')), /broken: /);
});

test('a webhook that cannot be called is a refusal or nothing, as its policy says', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  const service = { name: 'ghost', namespace: 'default', path: '/x' };
  await validating(hooks, 'v', [hooks.hook('ignored.example.com', '/', { clientConfig: { service }, failurePolicy: 'Ignore' })]);
  await hooks.cluster.apply(ConfigMaps, map('a'));
  await validating(hooks, 'w', [hooks.hook('needed.example.com', '/', { clientConfig: { service } })]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('b')), {
    message: 'Internal error occurred: failed calling webhook "needed.example.com": failed to call webhook: Post "https://ghost.default.svc:443/x?timeout=10s": service "ghost" not found',
  });
});

test('a certificate that the bundle did not sign is not trusted', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  const other = await createAuthority({ commonName: 'other', lifetimeMs: 3_600_000 });
  const service = { name: 'hooks', namespace: 'default', path: '/' };
  await validating(hooks, 'v', [hooks.hook('tls.example.com', '/', { clientConfig: { service, caBundle: Buffer.from(other.certificatePem).toString('base64') } })]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('a')), /failed calling webhook "tls.example.com": failed to call webhook: Post "https:\/\/hooks.default.svc:443\/\?timeout=10s": .*certificate/);
  assert.deepEqual(hooks.calls, []);
});

test('an answer that is late, or to another question, is a failure', async (t) => {
  const late = Promise.withResolvers<Answer>();
  t.after(() => late.resolve({ allowed: true }));
  const asked = Promise.withResolvers<void>();
  const hooks = await startHooks(t, (_request, path) => {
    if (path === '/forged') return { allowed: true, uid: 'another' };
    asked.resolve();
    return late.promise;
  });
  await validating(hooks, 'v', [hooks.hook('slow.example.com', '/slow', { timeoutSeconds: 3 })]);
  const made = hooks.cluster.apply(ConfigMaps, map('a'));
  await asked.promise;
  await Promise.all([hooks.cluster.clock.advance(3000), assert.rejects(made, /Post "https:\/\/hooks.default.svc:443\/slow\?timeout=3s": context deadline exceeded/)]);
  await hooks.cluster.client.delete(ValidatingWebhooks, { name: 'v' });
  await validating(hooks, 'w', [hooks.hook('forged.example.com', '/forged')]);
  await assert.rejects(hooks.cluster.apply(ConfigMaps, map('a')), /expected response.uid=".*", got "another"/);
});

test('a dry run is only sent to webhooks without side effects', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  const create = (name: string) => hooks.cluster.client.create(ConfigMaps, map(name), { namespace: 'default', dryRun: true });
  await validating(hooks, 'v', [hooks.hook('clean.example.com', '/clean', { sideEffects: 'NoneOnDryRun' })]);
  await create('a');
  assert.equal(hooks.reviews[0]?.dryRun, true);
});

test('a webhook with side effects cannot be registered, so that a dry run has none', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: true }));
  await assert.rejects(validating(hooks, 'w', [hooks.hook('dirty.example.com', '/dirty', { sideEffects: 'Some' })]), /sideEffects: Unsupported value: "Some"/);
});

test('webhook configurations are never sent to webhooks', async (t) => {
  const hooks = await startHooks(t, () => ({ allowed: false }));
  const everything = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] } as never];
  await validating(hooks, 'v', [hooks.hook('all.example.com', '/all', { rules: everything })]);
  await hooks.cluster.client.delete(ValidatingWebhooks, { name: 'v' });
  await hooks.cluster.apply(ConfigMaps, map('a'));
  assert.ok(hooks.calls.every((call) => !call.includes(' v')));
});
