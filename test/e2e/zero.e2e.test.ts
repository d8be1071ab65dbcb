/** No request fails while the mesh changes under them: every scenario once, at a modest rate. `make bench ROW=zero` is the long form. */
import test from 'node:test';
import { TestCluster } from './harness.ts';
import { callsWhileEnding, commitsOnce, socketsUntilGrace } from './zero/endings.ts';
import { assertClean, install, type LoadSettings, startTraffic } from './zero/mesh.ts';
import { SCENARIOS } from './zero/scenarios.ts';

const SETTINGS: LoadSettings = { perSecond: 50, sockets: 50, pushes: 24, pushesPerSecond: 4 };
/** The bench makes ten times as many. */
const COMMITS = 1000;

test('no request fails', async (t) => {
  const cluster = new TestCluster('zero');
  t.after(() => cluster.close());
  await install(cluster);
  const mesh = await startTraffic(cluster, SETTINGS);
  try {
    for (const { name, run } of SCENARIOS) await t.test(name, async () => assertClean(await mesh.traffic.during(name, () => run(mesh)), SETTINGS));
    await t.test('an application can call others until it has ended', () => callsWhileEnding(mesh));
    await t.test('WebSockets stay open until the grace of their pod is over', () => socketsUntilGrace(mesh));
    await t.test('what a server has done is not asked of it again', () => commitsOnce(mesh, COMMITS));
  } finally {
    mesh.close();
  }
});
