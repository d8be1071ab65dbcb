import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { silentLog } from '../../base/log.ts';
import { defaultInjectConfig } from '../../api/proxy-pod/config.ts';
import { contextOf } from '../../api/validation/context.ts';
import { httpUpstream } from '../../testkit/loopback.ts';
import { createWebhookHandler, type WebhookDeps } from './webhook.ts';
import type { JsonPatchOperation } from './json-patch.ts';

async function startWebhook(t: TestContext, deps: Partial<WebhookDeps> = {}): Promise<string> {
  const handler = createWebhookHandler({ injectConfig: () => defaultInjectConfig(), validationContext: () => contextOf([]), log: silentLog, ...deps });
  return `http://127.0.0.1:${await httpUpstream(t, handler)}`;
}

const POD: Pod = { metadata: { generateName: 'web-', labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }] } };

const review = (object: unknown, request: Record<string, unknown> = {}) =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u1', operation: 'CREATE', namespace: 'default', object, ...request } });

const post = (url: string, body: string, contentType = 'application/json') => fetch(url, { method: 'POST', body, headers: { 'content-type': contentType } });

interface Answer {
  response: { uid: string; allowed: boolean; patch?: string; patchType?: string; status?: { message: string }; warnings?: string[] };
}

test('a pod is answered with a patch that adds the proxy', async (t) => {
  const outcomes: string[] = [];
  const url = await startWebhook(t, { onInjection: (outcome) => outcomes.push(outcome) });
  const answer = (await (await post(`${url}/inject`, review(POD))).json()) as Answer;
  assert.equal(answer.response.uid, 'u1');
  assert.equal(answer.response.allowed, true);
  assert.equal(answer.response.patchType, 'JSONPatch');
  const patch = JSON.parse(Buffer.from(answer.response.patch ?? '', 'base64').toString()) as JsonPatchOperation[];
  const added = patch.find((operation) => operation.path === '/spec/initContainers');
  assert.ok(added && 'value' in added);
  assert.deepEqual((added.value as { name: string }[]).map(({ name }) => name), ['istio-init', 'istio-proxy']);
  assert.deepEqual(outcomes, ['success']);
});

test('a pod that asks to be left alone is answered without a patch', async (t) => {
  const url = await startWebhook(t);
  const pod = { ...POD, metadata: { ...POD.metadata, labels: { 'sidecar.istio.io/inject': 'false' } } };
  const answer = (await (await post(`${url}/inject/cluster/east`, review(pod))).json()) as Answer;
  assert.deepEqual(answer.response, { uid: 'u1', allowed: true });
});

test('a pod that cannot be injected is refused with the annotation’s name', async (t) => {
  const url = await startWebhook(t);
  const pod = { ...POD, metadata: { ...POD.metadata, annotations: { 'inject.istio.io/templates': 'mine' } } };
  const answer = (await (await post(`${url}/inject`, review(pod))).json()) as Answer;
  assert.equal(answer.response.allowed, false);
  assert.match(answer.response.status?.message ?? '', /inject\.istio\.io\/templates: there is no template "mine"/);
});

test('an invalid object is refused with every error, and warnings are passed on', async (t) => {
  const verdicts: boolean[] = [];
  const url = await startWebhook(t, { onValidation: (allowed) => verdicts.push(allowed) });
  const object = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'a' },
    spec: { hosts: ['a'], http: [{ timeout: 'x', route: [{ destination: { host: 'a', subset: 'v1' }, weight: -1 }] }] },
  };
  const answer = (await (await post(`${url}/validate`, review(object))).json()) as Answer;
  assert.equal(answer.response.allowed, false);
  assert.match(answer.response.status?.message ?? '', /weight: must not be negative, but is -1; .*timeout: "x" is not a duration/);
  assert.match(answer.response.warnings?.join('') ?? '', /subset "v1" is not there yet/);
  assert.deepEqual(verdicts, [false]);
});

test('deleting is always allowed, and so is an object on its way out', async (t) => {
  const url = await startWebhook(t);
  const broken = { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'a' }, spec: {} };
  for (const body of [review(broken, { operation: 'DELETE' }), review({ ...broken, metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' } }, { operation: 'UPDATE' })]) {
    assert.equal(((await (await post(`${url}/validate`, body)).json()) as Answer).response.allowed, true);
  }
});

const HOSTILE: readonly (readonly [string, string, string, string, number])[] = [
  ['text that is no JSON', '/inject', '{', 'application/json', 400],
  ['JSON that is no review', '/inject', '[]', 'application/json', 400],
  ['a review of another version', '/validate', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v9","request":{}}', 'application/json', 400],
  ['a review without request', '/validate', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', 'application/json', 400],
  ['a request without uid', '/inject', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"object":{}}}', 'application/json', 400],
  ['an object that is a text', '/inject', review('pod'), 'application/json', 400],
  ['another content type', '/inject', review(POD), 'text/plain', 415],
  ['another path', '/injection', review(POD), 'application/json', 404],
];
for (const [name, path, body, contentType, status] of HOSTILE) {
  test(`${name} gets ${status}`, async (t) => {
    const url = await startWebhook(t);
    assert.equal((await post(`${url}${path}`, body, contentType)).status, status);
  });
}

test('a pod of a shape that cannot be is refused, not crashed on', async (t) => {
  const url = await startWebhook(t);
  for (const object of [{ spec: { containers: 'none' } }, { spec: { containers: [null] } }, { metadata: { annotations: { 'sidecar.istio.io/userVolume': '3' } }, spec: { containers: [] } }]) {
    const answer = (await (await post(`${url}/inject`, review(object))).json()) as Answer;
    assert.equal(answer.response.allowed, false);
  }
});

test('GET is not allowed', async (t) => {
  const url = await startWebhook(t);
  assert.equal((await fetch(`${url}/inject`)).status, 405);
});

test('a body over the limit gets 413 before it is read', async (t) => {
  const url = await startWebhook(t);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('POST /inject HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n');
  const head = await new Promise<string>((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString())));
  assert.match(head, /^HTTP\/1\.1 413 /);
});

test('an object is refused for want of another only when the API server does not have it either', async (t) => {
  const rule = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'app', namespace: 'default' }, spec: { host: 'app', subsets: [{ name: 'v1', labels: { version: 'v1' } }] } };
  const renamed = { ...rule, spec: { ...rule.spec, subsets: [{ name: 'first', labels: { version: 'v1' } }] } };
  const route = (subset: string) => ({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'app', namespace: 'default' }, spec: { hosts: ['app'], http: [{ route: [{ destination: { host: 'app', subset } }] }] } });
  const url = await startWebhook(t, { validationContext: () => contextOf([rule]), freshContext: async () => contextOf([renamed]) });
  const allowed = async (subset: string) => ((await (await post(`${url}/validate`, review(route(subset)))).json()) as Answer).response.allowed;
  assert.deepEqual([await allowed('first'), await allowed('second')], [true, false]);
});
