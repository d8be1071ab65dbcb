/** Is it live, and what went wrong: changes that are waited for, statuses, broken objects; our proxies and Envoy in one mesh. */
import test from 'node:test';
import { TestCluster } from './harness.ts';
import { bearBrokenObjects } from './live/broken.ts';
import { followChanges } from './live/changes.ts';
import { installMesh } from './live/mesh.ts';

test('changes and broken objects in a mesh of both data planes', async (t) => {
  const cluster = new TestCluster('live');
  t.after(() => cluster.close());
  await t.test('the mesh is there', () => installMesh(cluster));
  await t.test('changes', (s) => followChanges(s, cluster));
  await t.test('broken objects', (s) => bearBrokenObjects(s, cluster));
});
