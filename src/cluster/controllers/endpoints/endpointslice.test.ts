import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import { EndpointSlices, EndpointsLegacy, Pods, Services } from '../../../kube/resource.ts';
import { startTestCluster } from '../test-cluster.ts';
import type { TestCluster } from '../test-cluster.ts';

const pod = (name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }], ...spec },
});
const service = (spec: NonNullable<Service['spec']>): Service => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default', labels: { team: 'a' } }, spec: { selector: { app: 'web' }, ...spec } });

async function slices(cluster: TestCluster) {
  const { items } = await cluster.client.list(EndpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' });
  return items.map((slice) => ({
    ports: (slice.ports ?? []).map((port) => `${port.name}:${port.port}`),
    endpoints: (slice.endpoints ?? []).map(({ targetRef, conditions }) => `${targetRef?.name} ready=${conditions?.ready} serving=${conditions?.serving} terminating=${conditions?.terminating}`).sort(),
  }));
}

test('an endpoint becomes ready with its pod and leaves ready as soon as the pod is deleted', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ name: 'http', port: 80, targetPort: 'http' as never }] }));
  await cluster.settle();
  assert.deepEqual(await slices(cluster), [{ ports: [], endpoints: [] }]);
  const web = await cluster.apply(Pods, pod('web-1'));
  await cluster.runPods();
  assert.deepEqual(await slices(cluster), [{ ports: ['http:8080'], endpoints: ['web-1 ready=true serving=true terminating=false'] }]);
  await cluster.client.delete(Pods, { namespace: 'default', name: 'web-1' });
  await cluster.settle();
  assert.deepEqual(await slices(cluster), [{ ports: ['http:8080'], endpoints: ['web-1 ready=false serving=true terminating=true'] }]);
  await cluster.endPod(web);
  await cluster.settle();
  assert.deepEqual(await slices(cluster), [{ ports: [], endpoints: [] }]);
});

test('an endpoint names its pod, node and zone, and its slice the Service', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ port: 80 }], clusterIP: 'None' }));
  const web = await cluster.apply(Pods, pod('web-1', { hostname: 'first', subdomain: 'web' }));
  await cluster.runPods();
  const [slice] = (await cluster.client.list(EndpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })).items;
  assert.deepEqual(slice?.metadata.labels, {
    team: 'a',
    'service.kubernetes.io/headless': '',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  const { addresses, ...endpoint } = slice?.endpoints?.[0] ?? { addresses: [] };
  assert.equal(addresses.length, 1);
  assert.deepEqual(endpoint, {
    conditions: { ready: true, serving: true, terminating: false },
    hostname: 'first',
    nodeName: 'lateen',
    zone: 'zone-1',
    targetRef: { kind: 'Pod', namespace: 'default', name: 'web-1', uid: web.metadata.uid },
  });
});

test('pods that give a named port different numbers are in different slices', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ name: 'http', port: 80, targetPort: 'http' as never }] }));
  await cluster.apply(Pods, pod('web-1'));
  await cluster.apply(Pods, pod('web-2', { containers: [{ name: 'web', image: 'x', ports: [{ name: 'http', containerPort: 9090 }] }] }));
  await cluster.runPods();
  assert.deepEqual((await slices(cluster)).map((slice) => slice.ports).sort(), [['http:8080'], ['http:9090']]);
});

test('a Service that publishes not-ready addresses has them as ready', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ port: 80 }], publishNotReadyAddresses: true }));
  const web = await cluster.apply(Pods, pod('web-1'));
  await cluster.settle();
  await cluster.setPodStatus(web, { phase: 'Running', podIP: '10.244.0.9' });
  await cluster.settle();
  assert.equal((await slices(cluster))[0]?.endpoints[0]?.split(' ')[1], 'ready=true');
});

test('Endpoints hold the ready and the not ready addresses apart', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ name: 'http', port: 80, targetPort: 8080 as never }] }));
  const slow = await cluster.apply(Pods, pod('slow'));
  await cluster.apply(Pods, pod('fast'));
  await cluster.settle();
  await cluster.setPodStatus(slow, { phase: 'Running', podIP: '10.244.0.99' });
  await cluster.runPods((each) => each.metadata.name === 'fast');
  const endpoints = await cluster.client.get(EndpointsLegacy, { namespace: 'default', name: 'web' });
  const [subset] = endpoints.subsets ?? [];
  assert.deepEqual([subset?.addresses?.map((each) => each.targetRef?.name), subset?.notReadyAddresses?.map((each) => each.targetRef?.name), subset?.ports], [['fast'], ['slow'], [{ name: 'http', port: 8080, protocol: 'TCP' }]]);
});

test('a Service without selector, or of another name, is left alone', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'example.com' } });
  await cluster.settle();
  assert.deepEqual(await slices(cluster), []);
});

test('Endpoints that somebody wrote for a Service without selector become slices, and change with them', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ name: 'http', port: 80 }] } });
  const written = await cluster.apply(EndpointsLegacy, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web', namespace: 'default' }, subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ name: 'http', port: 8080 }] }] });
  await cluster.settle();
  const addresses = async () => (await cluster.client.list(EndpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })).items.map((slice) => (slice.endpoints ?? []).flatMap((each) => each.addresses));
  assert.deepEqual(await addresses(), [['192.0.2.7']]);
  await cluster.client.update(EndpointsLegacy, { ...written, subsets: [{ addresses: [{ ip: '192.0.2.8' }], ports: [{ name: 'http', port: 8080 }] }] });
  await cluster.settle();
  assert.deepEqual(await addresses(), [['192.0.2.8']]);
  await cluster.client.delete(EndpointsLegacy, { namespace: 'default', name: 'web' });
  await cluster.settle();
  assert.deepEqual(await addresses(), []);
});

test('a pod whose labels change moves out of the Service', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.apply(Services, service({ ports: [{ port: 80 }] }));
  await cluster.apply(Pods, pod('web-1'));
  await cluster.runPods();
  const now = await cluster.client.get(Pods, { namespace: 'default', name: 'web-1' });
  await cluster.client.update(Pods, { ...now, metadata: { ...now.metadata, labels: { app: 'other' } } });
  await cluster.settle();
  assert.deepEqual(await slices(cluster), [{ ports: [], endpoints: [] }]);
});
