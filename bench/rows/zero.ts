/** Requests that fail while the mesh changes under them: the scenarios of test/e2e/zero, many times. Slow applications and those that
 * exit at once are part of the load. */
import { TestCluster } from '../../test/e2e/harness.ts';
import { callsWhileEnding, commitsOnce, socketsUntilGrace } from '../../test/e2e/zero/endings.ts';
import { install, loadSettings, startTraffic, type ZeroMesh } from '../../test/e2e/zero/mesh.ts';
import { SCENARIOS } from '../../test/e2e/zero/scenarios.ts';
import { closedOf, explain, failedOf, sentOf, type Window } from '../../test/e2e/zero/traffic.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

const COMMITS = 10_000;

export const zero: Row = {
  name: 'zero',
  about: 'failed requests while the mesh changes; RUNS of every scenario, ZERO_RATE requests/s, ZERO_SOCKETS WebSockets',
  async run({ runs }) {
    const cluster = new TestCluster('bench-zero');
    const settings = loadSettings();
    try {
      await install(cluster);
      const mesh = await startTraffic(cluster, settings);
      try {
        console.log(`${settings.perSecond} requests/s and ${settings.sockets} WebSockets, ${runs} runs\n`);
        console.log(markdownTable(['scenario', 'runs', 'requests', 'failed', 'WebSockets closed', 'worst p99 ms', 'slowest ms'], await repeat(mesh, runs)));
        await callsWhileEnding(mesh);
        console.log('\nAn application that called others for four seconds of its end: no call failed.');
        await socketsUntilGrace(mesh);
        console.log('\nWebSockets on a deleted pod that did not end by itself: open until its grace was over.');
        await commitsOnce(mesh, COMMITS);
        console.log(`\nA server that does what a POST asks and then resets the connection: ${COMMITS} of ${COMMITS} seen exactly once.`);
      } finally {
        mesh.close();
      }
    } finally {
      await cluster.close();
    }
  },
};

async function repeat(mesh: ZeroMesh, runs: number): Promise<string[][]> {
  const windows = new Map<string, Window[]>(SCENARIOS.map(({ name }) => [name, []]));
  for (let i = 0; i < runs; i++) {
    for (const { name, run } of SCENARIOS) {
      const window = await mesh.traffic.during(name, () => run(mesh));
      windows.get(name)?.push(window);
      if (failedOf(window) + closedOf(window) > 0) console.error(`run ${i + 1}, ${name}:\n${explain(window)}`);
    }
  }
  return [...windows].map(([name, list]) => {
    const sum = (of: (window: Window) => number) => String(list.reduce((total, window) => total + of(window), 0));
    return [name, String(list.length), sum(sentOf), sum(failedOf), sum(closedOf), worst(list, 'p99Ms'), worst(list, 'maxMs')];
  });
}

/** Of the streams that are answered at once. */
function worst(windows: readonly Window[], figure: 'p99Ms' | 'maxMs'): string {
  const values = windows.flatMap(({ streams }) => Object.entries(streams).filter(([name]) => name !== 'two seconds each').map(([, stream]) => stream[figure]));
  return Math.max(0, ...values).toFixed(0);
}
