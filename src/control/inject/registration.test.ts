import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { renderCrds } from '../../api/crds.ts';
import { createApiServer } from '../../cluster/apiserver/server.ts';
import { KubeApiError, type KubeClient } from '../../kube/client.ts';
import { CustomResourceDefinitions, MutatingWebhooks, Namespaces, ValidatingWebhooks } from '../../kube/resource.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { eventually } from '../../testkit/eventually.ts';
import { createWebhookRegistration } from './registration.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n';
const labels = { 'istio.io/rev': 'default' };
const webhook = (name: string, path: string) => ({
  name,
  clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path } },
  rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
});

async function startCluster(t: TestContext): Promise<KubeClient> {
  const server = createApiServer({ allowAll: true });
  t.after(() => server.close());
  const { client } = server;
  await client.create(Namespaces, { metadata: { name: 'istio-system' } });
  for (const crd of renderCrds()) if (crd.metadata?.name === 'gateways.networking.istio.io') await client.create(CustomResourceDefinitions, crd);
  await client.create(MutatingWebhooks, { metadata: { name: 'injector', labels }, webhooks: [webhook('a.example.com', '/inject'), webhook('b.example.com', '/inject')] });
  await client.create(ValidatingWebhooks, { metadata: { name: 'validator', labels }, webhooks: [{ ...webhook('v.example.com', '/validate'), failurePolicy: 'Ignore' }] });
  return client;
}

/** The cluster with a validator that refuses once `serving()` is true. */
function withValidator(client: KubeClient, serving: () => boolean): KubeClient {
  const refusal = new KubeApiError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 400, message: 'admission webhook "v.example.com" denied the request: gateway must have at least one server' });
  return {
    ...client,
    create: async (resource, object, options) => {
      if (resource.kind === 'Gateway' && serving()) throw refusal;
      return await client.create(resource, object, options);
    },
  };
}

test('every webhook gets the certificate, and the validator fails closed once it has answered', async (t) => {
  const client = await startCluster(t);
  const clock = new FakeClock();
  let isServing = false;
  const registration = createWebhookRegistration({ client: withValidator(client, () => isServing), rootPem: () => PEM, revision: 'default', namespace: 'istio-system', log: silentLog, clock });
  t.after(() => registration.close());
  await registration.start();
  const bundle = Buffer.from(PEM).toString('base64');
  const injector = await client.get(MutatingWebhooks, { name: 'injector' });
  assert.deepEqual(injector.webhooks?.map(({ clientConfig }) => clientConfig.caBundle), [bundle, bundle]);
  await clock.advance(2000);
  assert.equal((await client.get(ValidatingWebhooks, { name: 'validator' })).webhooks?.[0]?.failurePolicy, 'Ignore');

  isServing = true;
  await clock.advance(600);
  await eventually(async () => assert.equal((await client.get(ValidatingWebhooks, { name: 'validator' })).webhooks?.[0]?.failurePolicy, 'Fail'));
});

test('a certificate that somebody takes away is put back', async (t) => {
  const client = await startCluster(t);
  const registration = createWebhookRegistration({ client, rootPem: () => PEM, revision: 'default', namespace: 'istio-system', log: silentLog, clock: new FakeClock() });
  t.after(() => registration.close());
  await registration.start();
  await client.patch(MutatingWebhooks, { name: 'injector' }, { type: 'application/json-patch+json', body: [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }] });
  await eventually(async () => {
    const injector = await client.get(MutatingWebhooks, { name: 'injector' });
    assert.equal(injector.webhooks?.[0]?.clientConfig.caBundle, Buffer.from(PEM).toString('base64'));
  });
});
