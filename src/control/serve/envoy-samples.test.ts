/** Every file of Istio's samples, applied to a running mesh as people apply them, with real Envoys connected: none refuses. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../testkit/eventually.ts';
import { OUTCOMES_METADATA, RUNTIME_LAYER, RUNTIME_METADATA } from '../../xds/agent-contract.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import type { MeshInputs } from '../registry/snapshot.ts';
import { startHarness, type AdsHarness } from './testing/ads-harness.ts';
import { findEnvoy, startEnvoy, type RunningEnvoy } from './testing/envoy.ts';
import { GATEWAY_POD, hasSamples, readSample, SAMPLES } from './testing/samples.ts';

const binary = findEnvoy();
const missing = binary === undefined ? 'no envoy binary: set LATEEN_ENVOY or put envoy on PATH' : hasSamples ? undefined : 'the sample manifests are not there';

const FILES = missing === undefined ? readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.yaml')).sort() : [];

interface Played {
  readonly kind: 'sidecar' | 'router';
  readonly workload: string;
  readonly namespace: string;
}

const PRODUCTPAGE: Played = { kind: 'sidecar', workload: 'productpage-v1', namespace: 'default' };
const INGRESS: Played = { kind: 'router', workload: 'istio-ingressgateway', namespace: 'istio-system' };

/** An Envoy that stands for the proxy of a workload. */
function play(harness: AdsHarness, inputs: MeshInputs, { kind, workload, namespace }: Played): RunningEnvoy {
  const pod = inputs.pods.find((p) => p.metadata.namespace === namespace && p.metadata.name.startsWith(`${workload}-abc`));
  assert.ok(pod, `no pod of ${workload}`);
  const id = `${kind}~${pod.status?.podIP}~${pod.metadata.name}.${namespace}~${namespace}.svc.cluster.local`;
  return startEnvoy({ binary: binary ?? '', socket: harness.socket, node: { id, metadata: { NAMESPACE: namespace, LABELS: pod.metadata.labels, WORKLOAD_NAME: workload, [OUTCOMES_METADATA]: '/dev/null', [RUNTIME_METADATA]: RUNTIME_LAYER } } });
}

/** Waits until every Envoy has answered all there is for it, and tells what they refused. */
async function settle(harness: AdsHarness, envoys: readonly RunningEnvoy[]): Promise<{ refused: string[]; held: Record<string, number> }> {
  const connections = await eventually(
    () => {
      for (const envoy of envoys) assert.ok(!envoy.ended(), `envoy ended:\n${envoy.log()}`);
      const found = harness.discovery.connections();
      assert.equal(found.length, envoys.length, 'not every Envoy is connected');
      for (const connection of found) {
        const status = connection.status();
        assert.ok(status.some((s) => s.typeUrl.endsWith('.Listener')), 'listeners have not been asked for');
        assert.deepEqual(status.filter((s) => s.nonceSent === '' || s.waiting || s.behind).map((s) => s.typeUrl), [], `${connection.proxy.id} has not answered everything`);
      }
      return found;
    },
    { timeoutMs: 20_000, everyMs: 5 },
  );
  const status = connections.flatMap((c) => c.status().map((s) => ({ ...s, id: c.proxy.id })));
  const held: Record<string, number> = {};
  for (const { typeUrl, names } of status) held[typeUrl] = (held[typeUrl] ?? 0) + names;
  return { refused: status.flatMap((s) => (s.error === undefined ? [] : [`${s.id} ${s.typeUrl}: ${s.error}`])), held };
}

/** The Deployments of a file whose pods have a sidecar: their inbound side is seen by nobody but themselves. */
function workloadsOf(text: string): Played[] {
  const objects = parseAllDocuments(text).map((d): unknown => d.toJS());
  return objects.flatMap((object) => {
    // Sample manifests are Kubernetes objects; others have no kind.
    const { kind, metadata } = (object ?? {}) as { kind?: string; metadata?: { name: string; namespace?: string } };
    return kind === 'Deployment' && metadata ? [{ kind: 'sidecar' as const, workload: metadata.name, namespace: metadata.namespace ?? 'default' }] : [];
  });
}

const refusalCount = (harness: AdsHarness): number => [...harness.metrics.render().matchAll(/^pilot_total_xds_rejects\S* (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);

async function withMesh(t: TestContext, inputs: MeshInputs, played: readonly Played[]) {
  const harness = await startHarness(inputs);
  t.after(() => harness.close());
  const envoys = played.map((who) => play(harness, inputs, who));
  for (const envoy of envoys) t.after(() => envoy.close());
  return { harness, envoys, first: await settle(harness, envoys) };
}

test('an Envoy sidecar and an Envoy gateway take every sample of Istio, each applied to Bookinfo and taken away again', { skip: missing }, async (t) => {
  const base = [readSample('bookinfo/platform/kube/bookinfo.yaml'), GATEWAY_POD];
  const mesh = yamlMesh(base);
  const { harness, envoys, first } = await withMesh(t, mesh, [PRODUCTPAGE, INGRESS]);
  assert.deepEqual(first.refused, []);
  let changed = 0;
  for (const file of FILES) {
    const before = harness.generator.snapshot;
    harness.update(yamlMesh([...base, readSample(file)]));
    const { refused } = await settle(harness, envoys);
    assert.deepEqual(refused, [], file);
    if (harness.generator.snapshot !== before) changed += 1;
    harness.update(mesh);
    assert.deepEqual((await settle(harness, envoys)).refused, [], `${file} taken away`);
  }
  assert.equal(refusalCount(harness), 0);
  assert.ok(changed > 50, `${changed} of ${FILES.length} files changed the mesh`);
});

test('an Envoy takes what the sidecar of each workload in the samples gets', { skip: missing }, async (t) => {
  for (const file of FILES) {
    const text = readSample(file);
    const workloads = workloadsOf(text).slice(0, 8);
    if (workloads.length === 0) continue;
    await t.test(file, async (s) => {
      const inputs = yamlMesh([...(file.startsWith('bookinfo/platform/kube/bookinfo.yaml') ? [] : [readSample('bookinfo/platform/kube/bookinfo.yaml')]), text]);
      const { harness, first } = await withMesh(s, inputs, workloads);
      assert.deepEqual(first.refused, []);
      assert.equal(refusalCount(harness), 0);
      assert.ok((first.held['type.googleapis.com/envoy.config.listener.v3.Listener'] ?? 0) >= 2 * workloads.length, JSON.stringify(first.held));
    });
  }
});
