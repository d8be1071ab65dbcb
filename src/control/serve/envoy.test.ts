import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { eventually } from '../../testkit/eventually.ts';
import { yamlMesh, type YamlMeshOptions } from '../registry/testing/yaml-mesh.ts';
import { startHarness } from './testing/ads-harness.ts';
import { findEnvoy, startEnvoy } from './testing/envoy.ts';

const binary = findEnvoy();
const skip = binary ? false : 'no envoy binary: set LATEEN_ENVOY or put envoy on PATH to prove that Envoy takes what we produce';
const SAMPLES = new URL('../../../../shared/data/istio-samples/samples', import.meta.url).pathname;
const noSamples = existsSync(SAMPLES) ? false : 'the sample manifests are not there';

const sample = (...paths: string[]): string[] => paths.map((path) => readFileSync(join(SAMPLES, path), 'utf8'));

const GATEWAY_POD = `
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}, {name: tcp, port: 31400}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: ingressgateway, app: istio-ingressgateway}}, spec: {containers: []}}}
`;

interface Case {
  texts: string[];
  options?: YamlMeshOptions;
  /** Deployment whose proxy is played, and its namespace. */
  workload: string;
  namespace?: string;
  kind?: 'sidecar' | 'router';
}

/** Runs Envoy as the proxy of a workload until it has answered everything, and returns what it refused. */
async function refusals(t: TestContext, c: Case): Promise<{ refused: string[]; names: Record<string, number>; log: string }> {
  const inputs = yamlMesh(c.texts, c.options);
  const harness = await startHarness(inputs);
  t.after(() => harness.close());
  const namespace = c.namespace ?? 'default';
  const pod = inputs.pods.find((p) => p.metadata.namespace === namespace && p.metadata.name.startsWith(`${c.workload}-abc`));
  assert.ok(pod, `no pod of ${c.workload}`);
  const id = `${c.kind ?? 'sidecar'}~${pod.status?.podIP}~${pod.metadata.name}.${namespace}~${namespace}.svc.cluster.local`;
  const envoy = startEnvoy({ binary: binary ?? '', socket: harness.socket, node: { id, metadata: { NAMESPACE: namespace, LABELS: pod.metadata.labels, WORKLOAD_NAME: c.workload } } });
  t.after(() => envoy.close());
  const connection = await eventually(
    () => {
      assert.ok(!envoy.ended(), `envoy ended:\n${envoy.log()}`);
      const [found] = harness.discovery.connections();
      assert.ok(found);
      const status = found.status();
      assert.ok(status.some((s) => s.typeUrl.endsWith('.Listener')), 'listeners have not been asked for');
      assert.ok(status.every((s) => s.nonceSent !== '' && !s.waiting), 'not everything has been answered');
      return found;
    },
    { timeoutMs: 20_000, everyMs: 50 },
  );
  const refused = connection.status().flatMap((s) => (s.error === undefined ? [] : [`${s.typeUrl}: ${s.error}`]));
  const names = Object.fromEntries(connection.status().map((s) => [s.typeUrl.slice(s.typeUrl.lastIndexOf('.') + 1), s.names]));
  return { refused, names, log: envoy.log() };
}

test('Envoy takes everything that a sidecar of Bookinfo gets', { skip: skip || noSamples }, async (t) => {
  const texts = sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/destination-rule-all-mtls.yaml', 'bookinfo/networking/virtual-service-reviews-90-10.yaml', 'bookinfo/networking/virtual-service-ratings-test-delay.yaml');
  const { refused, names } = await refusals(t, { texts, workload: 'productpage-v1' });
  assert.deepEqual(refused, []);
  assert.ok((names['Cluster'] ?? 0) > 10 && (names['Listener'] ?? 0) >= 3 && names['RouteConfiguration'] === 1, JSON.stringify(names));
});

test('Envoy takes everything that the ingress gateway of Bookinfo gets', { skip: skip || noSamples }, async (t) => {
  const texts = [...sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/bookinfo-gateway.yaml'), GATEWAY_POD];
  const { refused, names } = await refusals(t, { texts, workload: 'istio-ingressgateway', namespace: 'istio-system', kind: 'router' });
  assert.deepEqual(refused, []);
  assert.equal(names['Listener'], 1);
});

test('Envoy takes all networking files of Bookinfo, one after the other', { skip: skip || noSamples }, async (t) => {
  const dir = join(SAMPLES, 'bookinfo/networking');
  const base = sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/destination-rule-all.yaml');
  const files = readdirSync(dir).filter((f) => f.endsWith('.yaml')).sort();
  const { refused } = await refusals(t, { texts: [...base, ...files.map((f) => readFileSync(join(dir, f), 'utf8'))], workload: 'reviews-v1' });
  assert.deepEqual(refused, []);
});
