/** Both webhooks as a cluster uses them: installed, found through their Service, called over TLS by the API server. */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { DestinationRules } from '../../api/destination-rule.ts';
import { defaultInjectConfig } from '../../api/proxy-pod/config.ts';
import { contextOf } from '../../api/validation/context.ts';
import { VirtualServices, type VirtualService } from '../../api/virtual-service.ts';
import { createAdmissionChain } from '../../cluster/admission/chain.ts';
import { createApiServer } from '../../cluster/apiserver/server.ts';
import { install } from '../../install/install.ts';
import { KubeApiError, type KubeClient } from '../../kube/client.ts';
import { Namespaces, Pods, ServiceAccounts, ValidatingWebhooks } from '../../kube/resource.ts';
import { createAuthority } from '../../pki/authority.ts';
import { eventually } from '../../testkit/eventually.ts';
import { createWebhookRegistration } from './registration.ts';
import { createWebhookHandler } from './webhook.ts';

async function startMesh(t: TestContext): Promise<KubeClient> {
  const authority = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
  const { certificatePem, keyPem } = authority.issue({ sans: { dns: ['istiod.istio-system.svc'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const api = createApiServer({ allowAll: true });
  const { client } = api;
  const handler = createWebhookHandler({
    injectConfig: () => defaultInjectConfig(),
    validationContext: () => contextOf([{ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'reviews', namespace: 'default' }, spec: { host: 'reviews', subsets: [{ name: 'v1' }] } } as never]),
    log: silentLog,
  });
  const server = createServer({ cert: certificatePem, key: keyPem }, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const resolve = (namespace: string, name: string) => (namespace === 'istio-system' && name === 'istiod' ? [{ address: '127.0.0.1', port }] : undefined);
  const chain = createAdmissionChain({ client: () => client, clock: systemClock, log: silentLog, services: { resolve } });
  await client.create(Namespaces, { metadata: { name: 'default', labels: { 'istio-injection': 'enabled' } } });
  await client.create(Namespaces, { metadata: { name: 'plain' } });
  for (const namespace of ['default', 'plain']) await client.create(ServiceAccounts, { metadata: { name: 'default', namespace } });
  await install({ client, options: { version: '1', profile: 'minimal' }, readinessTimeoutMs: 0 });
  api.setAdmission(chain);
  await chain.start();
  const registration = createWebhookRegistration({ client, rootPem: () => authority.certificatePem, revision: 'default', namespace: 'istio-system', log: silentLog });
  t.after(async () => {
    await registration.close();
    await chain.close();
    server.closeAllConnections();
    server.close();
    await api.close();
  });
  await registration.start();
  await eventually(async () => assert.equal((await client.get(ValidatingWebhooks, { name: 'istio-validator-istio-system' })).webhooks?.[0]?.failurePolicy, 'Fail'), { timeoutMs: 10_000 });
  return client;
}

const pod = (namespace: string): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace, labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web' }] } });
const route = (subset: string, weight: number): VirtualService => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset }, weight }] }] },
});

test('an installed mesh injects pods of labelled namespaces and refuses broken configuration', async (t) => {
  const client = await startMesh(t);
  const injected = await client.create(Pods, pod('default'), { namespace: 'default' });
  assert.deepEqual(injected.spec?.initContainers?.map(({ name }) => name), ['istio-init', 'istio-proxy']);
  assert.equal(injected.metadata.labels?.['service.istio.io/canonical-name'], 'web');
  const left = await client.create(Pods, pod('plain'), { namespace: 'plain' });
  assert.equal(left.spec?.initContainers, undefined);

  await client.create(VirtualServices, route('v1', 100), { namespace: 'default' });
  const refused = async (object: VirtualService) => {
    try {
      await client.patch(VirtualServices, { namespace: 'default', name: 'reviews' }, { type: 'application/merge-patch+json', body: { spec: object.spec } });
    } catch (error) {
      assert.ok(error instanceof KubeApiError);
      return error.message;
    }
    return 'accepted';
  };
  assert.match(await refused(route('v9', 100)), /^admission webhook "rev\.validation\.istio\.io" denied the request: configuration is invalid: spec\.http\[0\]\.route\[0\]\.destination\.subset: subset "v9" not found: DestinationRule default\/reviews .* has only v1$/);
  assert.match(await refused(route('v1', -5)), /weight: must not be negative, but is -5/);
  await assert.rejects(client.create(DestinationRules, { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'bare', namespace: 'default' } }, { namespace: 'default' }), /host, subsets and trafficPolicy of a DestinationRule belong under spec/);
});
