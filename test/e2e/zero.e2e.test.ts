/** Zero failed requests, with default settings, whatever is done to the mesh. ZERO_RATE and ZERO_SOCKETS change the load; the
 * longer form of this is `make bench ROW=zero`. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { TestCluster } from './harness.ts';
import { callsWhileEnding, commitsOnce, socketsUntilGrace } from './zero/endings.ts';
import { assertSent, install, loadSettings, startTraffic, type ZeroMesh } from './zero/mesh.ts';
import { SCENARIOS } from './zero/scenarios.ts';
import { closedOf, explain, failedOf, openOf, type Window } from './zero/traffic.ts';

const COMMITS = 1000;

test('zero failed requests', async (t) => {
  const cluster = new TestCluster('zero');
  const settings = loadSettings();
  t.after(() => cluster.close());
  await install(cluster);
  const mesh: ZeroMesh = await startTraffic(cluster, settings);
  t.after(() => mesh.close());

  const flawless = (window: Window): void => {
    assert.deepEqual({ failed: failedOf(window), closed: closedOf(window), open: openOf(window) }, { failed: 0, closed: 0, open: settings.sockets }, explain(window));
    assertSent(window, settings.perSecond);
  };
  for (const { name, run } of SCENARIOS) await t.test(name, async () => flawless(await mesh.traffic.during(name, () => run(mesh))));
  await t.test('an application calls others until it has ended', () => callsWhileEnding(mesh));
  await t.test('WebSockets on a deleted pod end with its grace', () => socketsUntilGrace(mesh));
  await t.test(`a POST that was done and reset is seen once, ${COMMITS} times; a GET is tried again`, () => commitsOnce(mesh, COMMITS));
});
