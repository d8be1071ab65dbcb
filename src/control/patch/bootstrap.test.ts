import assert from 'node:assert/strict';
import test from 'node:test';
import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import { defaultInjectConfig } from '../../api/proxy-pod/config.ts';
import type { Stored } from '../../kube/object.ts';
import { injectPod } from '../inject/inject-pod.ts';
import { indexEnvoyFilters } from '../registry/envoy-filters.ts';
import { bootstrapFor } from './bootstrap.ts';
import { patchedMesh } from './testing/patched.ts';

const filter = (namespace: string, name: string, spec: EnvoyFilter['spec']): Stored<EnvoyFilter> => ({ metadata: { namespace, name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }, spec });
const INDEX = indexEnvoyFilters([
  filter('shop', 'web', { workloadSelector: { labels: { app: 'web' } }, configPatches: [{ applyTo: 'BOOTSTRAP', patch: { operation: 'MERGE', value: { statsFlushInterval: '7s', stats_config: { stats_tags: [{ tag_name: 'a', regex: 'b' }] } } } }] }),
  filter('istio-system', 'all', { configPatches: [{ applyTo: 'BOOTSTRAP', match: { context: 'SIDECAR_INBOUND' }, patch: { operation: 'MERGE', value: { stats_flush_interval: '9s', cluster_manager: { local_cluster_name: 'x' } } } }, { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: {} } }] }),
]);
const WEB = { role: 'sidecar', namespace: 'shop', labels: { app: 'web' } } as const;

test('a pod’s bootstrap is patched by those that select it, the mesh’s first, under the names of Envoy’s documentation', () => {
  assert.deepEqual(JSON.parse(bootstrapFor(WEB, INDEX, 'istio-system') ?? ''), { stats_flush_interval: '7s', cluster_manager: { local_cluster_name: 'x' }, stats_config: { stats_tags: [{ tag_name: 'a', regex: 'b' }] } });
  assert.deepEqual(JSON.parse(bootstrapFor({ ...WEB, labels: {} }, INDEX, 'istio-system') ?? ''), { stats_flush_interval: '9s', cluster_manager: { local_cluster_name: 'x' } });
  assert.equal(bootstrapFor({ ...WEB, role: 'router', labels: {} }, INDEX, 'istio-system'), undefined);
});

test('it goes into the pod when it is made', () => {
  const config = defaultInjectConfig({ bootstrapFor: (pod) => bootstrapFor(pod, INDEX, 'istio-system') });
  const variables = (labels: Record<string, string>, namespace: string) => {
    const { pod } = injectPod({ metadata: { name: 'web', labels }, spec: { containers: [{ name: 'app' }] } }, namespace, config);
    return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].flatMap((container) => container.env ?? []).filter(({ name }) => name === 'LATEEN_ENVOY_BOOTSTRAP').map(({ value }) => JSON.parse(value ?? '').stats_flush_interval);
  };
  assert.deepEqual([variables({ app: 'web' }, 'shop'), variables({}, 'shop')], [['7s'], ['9s']]);
});

test('our own proxy says that it has none, and a match of the proxy that it cannot be asked yet', () => {
  const spec = (match: string) => `{configPatches: [{applyTo: BOOTSTRAP, match: ${match}, patch: {operation: MERGE, value: {stats_flush_interval: 7s}}}]}`;
  assert.match(patchedMesh(spec('{}'), { ours: true }).reports.join(), /^default\/f spec\.configPatches\[0\]: our own proxy has no bootstrap/);
  assert.deepEqual(patchedMesh(spec('{}')).reports, []);
  assert.match(patchedMesh(spec('{proxy: {metadata: {A: b}}}')).reports.join(), /spec\.configPatches\[0\]\.match\.proxy: a pod has no proxy yet/);
});
