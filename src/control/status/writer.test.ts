import assert from 'node:assert/strict';
import test from 'node:test';
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

test('what others have written since the object was last seen stays', async (t) => {
  const api = createApiServer({ allowAll: true });
  t.after(() => api.close());
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, crd);
  await api.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const seen: Stored<WorkloadEntry> = await api.client.create(WorkloadEntries, { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata: AT, spec: { address: '10.1.2.3' } }, { namespace: 'default' });
  await api.client.patch(WorkloadEntries, AT, { type: PatchType.Merge, body: { status: { conditions: [HEALTHY] } } }, { subresource: 'status' });

  const object = seen as Stored<MeshObject<unknown>>;
  const writer = new StatusWriter({ client: api.client, current: () => object, clock: systemClock, log: silentLog });
  t.after(() => writer.close());
  writer.put({ kind: 'WorkloadEntry', object, facts: FACTS, isUrgent: true });
  await eventually(async () => {
    const { status } = await api.client.get(WorkloadEntries, AT);
    assert.deepEqual(status?.conditions?.map(({ type }) => type), ['Accepted', 'ResolvedRefs', 'Programmed', 'InEffect', 'Healthy']);
  });
});
