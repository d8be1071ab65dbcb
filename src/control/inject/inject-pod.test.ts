import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { defaultInjectConfig } from '../../api/proxy-pod/config.ts';
import { decodeInjectorValues } from '../../api/proxy-pod/values.ts';
import { ownerUrl, workloadOf } from '../../api/proxy-pod/workload.ts';
import { injectPod } from './inject-pod.ts';
import { diffJson, type JsonPatchOperation } from './json-patch.ts';
import { injectionFor, type Injection } from './required.ts';

const config = defaultInjectConfig();
const pod = (metadata: Pod['metadata'] = {}, spec: Partial<Pod['spec']> = {}): Pod => ({ metadata, spec: { containers: [{ name: 'app', image: 'app' }], ...spec } });
const envOf = (injected: Pod, name: string) => injected.spec?.initContainers?.find((container) => container.name === 'istio-proxy')?.env?.find((variable) => variable.name === name)?.value;

test('injecting does not change the pod that is given', () => {
  const given = pod({ labels: { app: 'a' } }, { volumes: [] });
  const before = structuredClone(given);
  injectPod(given, 'default', config);
  assert.deepEqual(given, before);
});

test('the patch makes the injected pod out of the given one', () => {
  const given = pod({ name: 'x', annotations: { 'a/b~c': 'd' } });
  const { pod: injected, patch } = injectPod(given, 'default', config);
  assert.deepEqual(applyPatch(structuredClone(given), patch), JSON.parse(JSON.stringify(injected)));
});

/** Add, replace and remove on objects, which is all that diffJson makes. */
function applyPatch(target: unknown, patch: readonly JsonPatchOperation[]): unknown {
  for (const operation of patch) {
    const keys = operation.path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop() ?? '';
    const parent = keys.reduce((value, key) => (value as Record<string, unknown>)[key], target) as Record<string, unknown>;
    if (operation.op === 'remove') delete parent[last];
    else parent[last] = operation.value;
  }
  return JSON.parse(JSON.stringify(target));
}

test('a difference names what was added, replaced and removed', () => {
  assert.deepEqual(diffJson({ a: 1, b: [1], c: 2, same: { x: 1 } }, { a: 2, b: [1, 2], d: 3, same: { x: 1 } }), [
    { op: 'replace', path: '/a', value: 2 },
    { op: 'replace', path: '/b', value: [1, 2] },
    { op: 'remove', path: '/c' },
    { op: 'add', path: '/d', value: 3 },
  ]);
});

test('metrics of the application are merged under the proxy’s, and where they are is kept', () => {
  const { pod: injected } = injectPod(pod({ annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080', 'prometheus.io/path': '/m' } }), 'default', config);
  assert.equal(injected.metadata?.annotations?.['prometheus.io/port'], '15020');
  assert.deepEqual(JSON.parse(envOf(injected, 'ISTIO_PROMETHEUS_ANNOTATIONS') ?? ''), { scrape: 'true', path: '/m', port: '8080' });
});

test('a pod that must not be scraped stays so', () => {
  const { pod: injected } = injectPod(pod({ annotations: { 'prometheus.io/scrape': 'false' } }), 'default', config);
  assert.equal(injected.metadata?.annotations?.['prometheus.io/port'], undefined);
});

test('a gRPC probe is asked through the proxy', () => {
  const { pod: injected } = injectPod({ spec: { containers: [{ name: 'app', livenessProbe: { grpc: { port: 9000 }, periodSeconds: 7 } }] } }, 'default', config);
  assert.deepEqual(injected.spec?.containers[0]?.livenessProbe, { periodSeconds: 7, httpGet: { path: '/app-health/app/livez', port: 15020 } });
  assert.deepEqual(JSON.parse(envOf(injected, 'ISTIO_KUBE_APP_PROBERS') ?? ''), { '/app-health/app/livez': { grpc: { port: 9000 } } });
});

test('the proxy is told at once when the pod is to end, by its own command or by another', () => {
  const lifecycle = (values: unknown) => injectPod(pod(), 'default', defaultInjectConfig({ values: decodeInjectorValues(values) })).pod.spec?.initContainers?.find((container) => container.name === 'istio-proxy')?.lifecycle;
  assert.deepEqual(lifecycle({}), { preStop: { exec: { command: ['node', '/lateen/dist/proxy.cjs', 'request', '--debug-port=15020', 'POST', 'drain'] } } });
  assert.deepEqual(lifecycle({ global: { proxy: { drainCommand: ['drain', '$(STATUS_PORT)'] } } }), { preStop: { exec: { command: ['drain', '15020'] } } });
});

test('an application is told of its end when nothing more is asked of it, unless it has a hook of its own', () => {
  const hooks = (spec: Partial<PodSpec>, values: unknown = {}) => {
    const { pod: injected } = injectPod(pod({}, spec), 'default', defaultInjectConfig({ values: decodeInjectorValues(values) }));
    return injected.spec?.containers.map(({ lifecycle }) => lifecycle?.preStop);
  };
  const quiet = (seconds: string) => ({ httpGet: { path: `/quiet?seconds=${seconds}`, port: 15020 } });
  const own = { exec: { command: ['bye'] } };
  assert.deepEqual(hooks({}), [quiet('5.0')]);
  assert.deepEqual(hooks({ terminationGracePeriodSeconds: 6 }), [quiet('2.0')]);
  assert.deepEqual(hooks({ containers: [{ name: 'a' }, { name: 'b', lifecycle: { preStop: own } }] }), [quiet('5.0'), own]);
  assert.deepEqual(hooks({}, { global: { proxy: { holdApplicationUntilQuiet: false } } }), [undefined]);
  assert.deepEqual(hooks({}, { pilot: { env: { ENABLE_NATIVE_SIDECARS: 'false' } } })?.[0], undefined);
});

const DECISIONS: readonly (readonly [string, Pod, string, Injection['inject']])[] = [
  ['a pod about which nothing is said', pod(), 'default', true],
  ['a pod on the network of its host', pod({}, { hostNetwork: true }), 'default', false],
  ['a pod of the cluster itself', pod(), 'kube-system', false],
  ['a pod whose label says false', pod({ labels: { 'sidecar.istio.io/inject': 'false' } }), 'default', false],
  ['a pod whose annotation says false', pod({ annotations: { 'sidecar.istio.io/inject': 'False' } }), 'default', false],
  ['a pod whose label and annotation differ', pod({ labels: { 'sidecar.istio.io/inject': 'true' }, annotations: { 'sidecar.istio.io/inject': 'false' } }), 'default', true],
  ['a pod whose label says nothing that is known', pod({ labels: { 'sidecar.istio.io/inject': 'maybe' } }), 'default', true],
];
for (const [name, given, namespace, want] of DECISIONS) test(`${name} is ${want ? '' : 'not '}injected`, () => assert.equal(injectionFor(given, namespace, config).inject, want));

test('selectors decide between the label and the policy', () => {
  const selective = defaultInjectConfig({ policy: 'disabled', neverInjectSelector: [{ matchLabels: { a: 'never' } }], alwaysInjectSelector: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] });
  const decide = (labels: Record<string, string>) => injectionFor(pod({ labels }), 'default', selective).inject;
  assert.deepEqual([decide({ a: 'never' }), decide({ a: 'x' }), decide({ b: 'x' }), decide({ b: 'x', 'sidecar.istio.io/inject': 'true' })], [false, true, false, true]);
});

const OWNERS: readonly (readonly [string, Pod['metadata'], string])[] = [
  ['a ReplicaSet of a Deployment', { labels: { 'pod-template-hash': '5d9c' }, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9c', uid: '1', controller: true }] }, 'kubernetes://apis/apps/v1/namespaces/n/deployments/web'],
  ['a ReplicaSet by itself', { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9c', uid: '1', controller: true }] }, 'kubernetes://apis/apps/v1/namespaces/n/replicasets/web-5d9c'],
  ['a Job of a CronJob', { ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'tidy-28412345', uid: '1', controller: true }] }, 'kubernetes://apis/batch/v1/namespaces/n/cronjobs/tidy'],
  ['nobody', { name: 'alone' }, 'kubernetes://apis/v1/namespaces/n/pods/alone'],
];
for (const [name, metadata, want] of OWNERS) test(`the workload of a pod that belongs to ${name} is found`, () => assert.equal(ownerUrl(workloadOf({ metadata }), 'n'), want));
