import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { renderCrds } from '../../../src/api/crds.ts';
import type { MeshObject } from '../../../src/api/schema/kind.ts';
import { errorText } from '../../../src/base/errors.ts';
import { createHttpClient } from '../../../src/kube/http-client.ts';
import { loadKubeconfig } from '../../../src/kube/kubeconfig.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { CustomResourceDefinitions, Namespaces, ValidatingWebhooks } from '../../../src/kube/resource.ts';
import { brokenObjects, GOOD, type BrokenObject } from '../../../src/testkit/broken-objects.ts';
import { applyYaml, laxDefinition, resourceFor } from '../../../src/testkit/control-mesh.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { Callers, WAYS } from './callers.ts';
import { appService, documents, meshIsUp, NAMESPACE, routeTo, subsets } from './mesh.ts';

const GOOD_HOSTS: ReadonlyMap<string, string> = new Map(Array.from({ length: GOOD }, (_, i) => [`good-${i}`, i % 2 === 0 ? 'v1' : 'v2']));
/** For each host and way. */
const PER_SECOND = 0.5;
const MIN_ASKED = 1;
const BROKEN = 'broken';

/** Broken objects beside good ones, in a mesh of real proxies: who uses the good ones notices nothing, and each broken one is told what is wrong with it. */
export async function bearBrokenObjects(t: TestContext, cluster: TestCluster): Promise<void> {
  const client = createHttpClient(loadKubeconfig({ path: cluster.kubeconfig }));
  t.after(() => client.close());
  const broken = brokenObjects();
  assert.ok(broken.length >= 200);
  let refused: BrokenObject[] = [];
  await client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: BROKEN } });
  for (const [host, version] of GOOD_HOSTS) await applyYaml(client, documents(appService(host), subsets(host, { v1: version }), routeTo(host, 'v1')));
  await cluster.lateen('wait', ...goodObjects());

  await t.test('the API server refuses what it can, and every other one says in its status what is wrong; no request fails', async () => {
    await flowsWhile(cluster, async () => {
      const answers = await storeAll(client, broken);
      refused = answers.flatMap(({ error, ...object }) => (error === undefined ? [] : [object]));
      await eachNamesItsError(client, answers);
    });
    t.diagnostic(`${broken.length} broken objects, ${broken.length - refused.length} stored`);
  });

  await t.test('nor does one fail when everything is stored, whatever is wrong with it', async () => {
    for (const { metadata } of (await client.list(ValidatingWebhooks)).items) await client.delete(ValidatingWebhooks, { name: metadata.name });
    for (const definition of renderCrds()) await client.update(CustomResourceDefinitions, laxDefinition(definition));
    await flowsWhile(cluster, async () => {
      const answers = await eventually(async () => {
        const stored = await storeAll(client, refused);
        // The API server takes a moment to learn of the other definitions.
        refused = stored.flatMap(({ error, ...object }) => (error === undefined ? [] : [object]));
        return stored;
      });
      await eachNamesItsError(client, answers);
      t.diagnostic(`refused by proxies: ${(await refusedByProxies(client, answers)).join(', ') || 'none'}`);
    });
    const hopeless = await cluster.tryLateen('wait', `virtualservice/virtualservice-0.${BROKEN}`);
    assert.equal(hopeless.code, 1);
    assert.match(hopeless.stderr, /virtualservice\/virtualservice-0\.broken is not in force: not accepted: left out: /);
  });

  await t.test('pods and control plane that start now serve the good ones, too', async () => {
    await cluster.kubectl('rollout', 'restart', 'deployment', '-n', 'istio-system');
    await cluster.kubectl('delete', 'pods', '--all', '-n', NAMESPACE, '--wait=false');
    await cluster.kubectl('rollout', 'status', 'deployment/istiod', '-n', 'istio-system', '--timeout=60s');
    await meshIsUp(cluster);
    await flowsWhile(cluster, async () => {});
    await cluster.lateen('wait', ...goodObjects());
  });
}

const goodObjects = (): string[] => [...GOOD_HOSTS.keys()].flatMap((host) => [`vs/${host}.${NAMESPACE}`, `dr/${host}.${NAMESPACE}`]);

interface Stored extends BrokenObject {
  /** Of the API server, when it does not take the object. */
  readonly error?: string;
}

async function storeAll(client: KubeClient, objects: readonly BrokenObject[]): Promise<Stored[]> {
  return Promise.all(objects.map(async (broken): Promise<Stored> => {
    const { object } = broken;
    try {
      await client.create(resourceFor(object), object, { namespace: object.metadata?.namespace });
      return broken;
    } catch (error) {
      return { ...broken, error: errorText(error) };
    }
  }));
}

/** In the API server's answer, or in a condition that is not True. */
async function eachNamesItsError(client: KubeClient, objects: readonly Stored[]): Promise<void> {
  await eventually(async () => {
    const lists = new Map<string, readonly MeshObject<unknown>[]>();
    for (const { object } of objects) if (!lists.has(object.kind ?? '')) lists.set(object.kind ?? '', (await client.list<MeshObject<unknown>>(resourceFor(object), { namespace: BROKEN })).items);
    const unsaid = objects.flatMap(({ object, says, error }) => {
      const stored = lists.get(object.kind ?? '')?.find(({ metadata }) => metadata?.name === object.metadata?.name);
      const text = error ?? (stored?.status?.conditions ?? []).filter((c) => c.status !== 'True').map((c) => c.message).join('\n');
      return says.test(text) ? [] : [`${object.kind} ${object.metadata?.name}: ${says} ⇏ ${text}`];
    });
    assert.deepEqual(unsaid, []);
  }, { timeoutMs: 20_000, everyMs: 500 });
}

async function refusedByProxies(client: KubeClient, objects: readonly Stored[]): Promise<string[]> {
  const kinds = new Map(objects.map(({ object }) => [object.kind, resourceFor(object)]));
  const lists = await Promise.all([...kinds.values()].map((resource) => client.list<MeshObject<unknown>>(resource, { namespace: BROKEN })));
  return lists.flatMap(({ items }) => items).flatMap(({ kind, metadata, status }) => (status?.conditions ?? []).filter((c) => c.reason === 'Refused').map((c) => `${kind} ${metadata.name}: ${c.message}`));
}

/** Every host is asked on every way all the while, and each answer comes from the version that its rules name. */
async function flowsWhile(cluster: TestCluster, action: () => Promise<void>): Promise<void> {
  const callers = await Callers.open(cluster);
  try {
    await callers.start([...GOOD_HOSTS.keys()], PER_SECOND);
    await action();
    await eventually(async () => {
      const { streams } = await callers.report();
      assert.ok(Object.values(streams).every(({ ok, failed }) => ok + failed >= MIN_ASKED));
    }, { timeoutMs: 20_000, everyMs: 200 });
    const outcome = await callers.stop();
    assert.equal(Object.keys(outcome.streams).length, GOOD * WAYS.length);
    assert.deepEqual(outcome.failures, []);
    const astray = Object.entries(outcome.streams).flatMap(([name, { servers }]) => {
      const version = GOOD_HOSTS.get(name.split(' ').at(-1) ?? '');
      return Object.keys(servers).every((server) => server.startsWith(`${version} `)) ? [] : [`${name}: ${JSON.stringify(servers)}`];
    });
    assert.deepEqual(astray, []);
  } finally {
    callers.close();
  }
}
