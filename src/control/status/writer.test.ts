import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { renderCrds } from '../../api/crds.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import { WorkloadEntries, type WorkloadEntry } from '../../api/workload-entry.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { createApiServer } from '../../cluster/apiserver/server.ts';
import { PatchType } from '../../kube/client.ts';
import type { Stored } from '../../kube/object.ts';
import { CustomResourceDefinitions, Namespaces } from '../../kube/resource.ts';
import { eventually } from '../../testkit/eventually.ts';
import type { ObjectFacts } from './facts.ts';
import { StatusWriter } from './writer.ts';

const AT = { namespace: 'default', name: 'vm' };
const HEALTHY = { type: 'Healthy', status: 'True', reason: 'ProbeSucceeded' };
const FACTS: ObjectFacts = { generation: 1, issues: [], isUsable: true, conflicts: [], leftOut: [], missing: [], ineffective: [], becomes: 'resources', progress: { interested: 0, acknowledged: 0, waitingFor: [], refusals: [] } };

/** An object in a real API server, and a writer that sees of it how it was made, or how it was when `look` was called last. */
async function start(t: TestContext) {
  const api = createApiServer({ allowAll: true });
  t.after(() => api.close());
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, crd);
  await api.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const made: Stored<WorkloadEntry> = await api.client.create(WorkloadEntries, { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata: AT, spec: { address: '10.1.2.3' } }, { namespace: 'default' });
  // The writer takes objects of any kind of the mesh.
  const object = made as Stored<MeshObject<unknown>>;
  let seen = object;
  const writer = new StatusWriter({ client: api.client, current: () => seen, clock: systemClock, log: silentLog });
  t.after(() => writer.close());
  return {
    client: api.client,
    put: (progress: Partial<ObjectFacts['progress']>) => writer.put({ kind: 'WorkloadEntry', object, facts: { ...FACTS, progress: { ...FACTS.progress, ...progress } }, isUrgent: true }),
    look: async () => void (seen = (await api.client.get(WorkloadEntries, AT)) as Stored<MeshObject<unknown>>),
    conditions: async () => (await api.client.get(WorkloadEntries, AT)).status?.conditions ?? [],
  };
}

test('what others have written since the object was last seen stays', async (t) => {
  const { client, put, conditions } = await start(t);
  await client.patch(WorkloadEntries, AT, { type: PatchType.Merge, body: { status: { conditions: [HEALTHY] } } }, { subresource: 'status' });
  put({});
  await eventually(async () => assert.deepEqual((await conditions()).map(({ type }) => type), ['Accepted', 'ResolvedRefs', 'Programmed', 'InEffect', 'Healthy']));
});

test('what is said again after something else is written again, whether that has been seen or not', async (t) => {
  const { put, look, conditions } = await start(t);
  const programmed = async () => (await conditions()).find(({ type }) => type === 'Programmed')?.status;
  const say = async (acknowledged: number) => {
    put({ interested: 2, acknowledged });
    await eventually(async () => assert.equal(await programmed(), acknowledged === 2 ? 'True' : 'False'));
  };
  await say(2);
  await look();
  for (const acknowledged of [1, 2, 1]) await say(acknowledged);
});
