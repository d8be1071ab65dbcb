import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { errorText } from '../../base/errors.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Resource } from '../../kube/resource.ts';
import { brokenObjects, goodObjects, GOOD, type BrokenObject } from '../../testkit/broken-objects.ts';
import { resourceFor, startControlMesh, type ControlMesh } from '../../testkit/control-mesh.ts';
import { eventually } from '../../testkit/eventually.ts';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { TypeUrl } from '../../xds/type-urls.ts';
import { openDelta, type DeltaClient } from '../serve/testing/ads-client.ts';

const HOSTS = Array.from({ length: GOOD }, (_, i) => `good-${i}.good.svc.cluster.local`);
const CLUSTERS = HOSTS.flatMap((host) => ['', 'v1'].map((subset) => `outbound|80|${subset}|${host}`));

async function connect(t: TestContext, mesh: ControlMesh, name: string): Promise<DeltaClient> {
  const proxy = openDelta({ address: `127.0.0.1:${mesh.plane.ports.plaintext}`, node: { id: `sidecar~10.244.9.9~${name}.good~good.svc.cluster.local`, metadata: { NAMESPACE: 'good' } } });
  t.after(() => proxy.close());
  for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener]) proxy.send({ typeUrl });
  proxy.send({ typeUrl: TypeUrl.Endpoints, subscribe: CLUSTERS });
  proxy.send({ typeUrl: TypeUrl.Route, subscribe: ['80'] });
  await eventually(() => assert.equal(Object.keys(goodThings(proxy)).length, CLUSTERS.length * 2 + HOSTS.length), { timeoutMs: 5000 });
  return proxy;
}

/** All that a proxy holds of good objects, in text. */
function goodThings(proxy: DeltaClient): Record<string, string> {
  const routes = proxy.held(TypeUrl.Route).get('80');
  const hosts = routes ? fromBinary(RouteConfigurationSchema, routes).virtualHosts.filter((h) => h.name.startsWith('good-')) : [];
  const bytes = [TypeUrl.Cluster, TypeUrl.Endpoints].flatMap((typeUrl) => CLUSTERS.flatMap((name) => {
    const value = proxy.held(typeUrl).get(name);
    return value ? [[`${typeUrl} ${name}`, Buffer.from(value).toString('base64')] as const] : [];
  }));
  return Object.fromEntries([...bytes, ...hosts.map((h) => [h.name, JSON.stringify(h, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value))] as const)]);
}

/** What the API server says to it; undefined when it takes it. */
async function store(mesh: ControlMesh, { object }: BrokenObject): Promise<string | undefined> {
  try {
    await mesh.client.create(resourceFor(object), object, { namespace: object.metadata?.namespace });
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

/** The messages of its conditions that are not True. */
async function complaints(mesh: ControlMesh, { object }: BrokenObject): Promise<string> {
  const { namespace, name = '' } = object.metadata ?? {};
  const { status } = await mesh.client.get(resourceFor(object) as Resource<MeshObject<unknown>>, { namespace, name });
  return (status?.conditions ?? []).filter((c) => c.status !== 'True').map((c) => c.message).join('\n');
}

for (const lax of [false, true]) {
  test(`broken objects harm no good one and name their errors, ${lax ? 'whatever the API server stores' : 'stored as far as the API server lets them'}`, async (t) => {
    const mesh = await startControlMesh(t, { lax });
    await mesh.apply(goodObjects());
    const proxy = await connect(t, mesh, 'first');
    const before = goodThings(proxy);

    const broken = brokenObjects();
    const answers = await Promise.all(broken.map(async (b) => ({ ...b, refusal: await store(mesh, b) })));
    const unsaid: string[] = [];
    await eventually(async () => {
      unsaid.length = 0;
      for (const b of answers) {
        const text = b.refusal ?? (await complaints(mesh, b));
        if (!b.says.test(text)) unsaid.push(`${b.object.kind} ${JSON.stringify((b.object as MeshObject<unknown>).spec).slice(0, 300)} ${b.says} ⇏ ${text}`);
      }
      assert.deepEqual(unsaid, []);
    }, { timeoutMs: 20_000, everyMs: 500 });
    const stored = answers.filter((b) => b.refusal === undefined).length;
    t.diagnostic(`${broken.length} broken objects, ${stored} stored`);

    assert.deepEqual(goodThings(proxy), before);
    assert.deepEqual(goodThings(await connect(t, mesh, 'restarted')), before);
  });
}
