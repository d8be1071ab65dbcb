import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1';
import { targetOfPod } from './target.ts';

const pod = (annotations: Record<string, string>, extra: { labels?: Record<string, string>; phase?: string; ip?: string } = {}): Pod => ({
  metadata: { name: 'reviews-v1-abc', namespace: 'default', annotations, labels: extra.labels ?? { app: 'reviews', 'app.kubernetes.io/name': 'r' } },
  spec: { containers: [], nodeName: 'lateen' },
  status: { phase: extra.phase ?? 'Running', podIP: extra.ip ?? '10.244.0.7' },
});
const annotated = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '15020', 'prometheus.io/path': '/stats/prometheus' };

test("an annotated pod is scraped under the labels of Istio's sample Prometheus", () => {
  const target = targetOfPod(pod(annotated));
  assert.equal(target?.url, 'http://10.244.0.7:15020/stats/prometheus');
  assert.deepEqual(target.labels, { app: 'reviews', app_kubernetes_io_name: 'r', job: 'kubernetes-pods', instance: '10.244.0.7:15020', namespace: 'default', pod: 'reviews-v1-abc', node: 'lateen' });
});

test('the control plane is scraped without annotations', () => {
  assert.equal(targetOfPod(pod({}, { labels: { app: 'istiod' } }))?.url, 'http://10.244.0.7:15014/metrics');
});

test('IPv6 addresses get brackets', () => assert.equal(targetOfPod(pod(annotated, { ip: 'fd00::7' }))?.url, 'http://[fd00::7]:15020/stats/prometheus'));

for (const [name, it] of [
  ['that does not ask for it', pod({})],
  ['that declines', pod({ ...annotated, 'prometheus.io/scrape': 'false' })],
  ['that is still pending', pod(annotated, { phase: 'Pending' })],
  ['that has ended', pod(annotated, { phase: 'Succeeded' })],
  ['without an address', pod(annotated, { ip: '' })],
  ['that declines though it is the control plane', pod({ 'prometheus.io/scrape': 'false' }, { labels: { app: 'istiod' } })],
] as const) {
  test(`a pod ${name} is left alone`, () => assert.equal(targetOfPod(it), undefined));
}
