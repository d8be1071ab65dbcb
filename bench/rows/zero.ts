/** Requests that fail while the mesh changes under them: the scenarios of test/e2e/zero, many times. Slow applications and those that
 * exit at once are part of the load. */
import { resolve } from 'node:path';
import { TestCluster } from '../../test/e2e/harness.ts';
import { callsWhileEnding, commitsOnce, socketsUntilGrace } from '../../test/e2e/zero/endings.ts';
import { install, loadSettings, startTraffic, type ZeroMesh } from '../../test/e2e/zero/mesh.ts';
import { SCENARIOS } from '../../test/e2e/zero/scenarios.ts';
import { closedOf, explain, failedOf, sentOf, type Window, worstOf } from '../../test/e2e/zero/traffic.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

const COMMITS = 10_000;
const COLUMNS = ['scenario', 'requests', 'failed', 'WebSockets closed', 'worst p99 ms', 'slowest ms', 'machine busy'];

export const zero: Row = {
  name: 'zero',
  about: 'failed requests while the mesh changes; RUNS of every scenario, ZERO_RATE requests/s, ZERO_SOCKETS WebSockets, ZERO_PUSHES_PER_SECOND, ZERO_PROXY=envoy for Envoy as the data plane',
  async run({ runs }) {
    const cluster = new TestCluster('bench-zero');
    const settings = loadSettings();
    const dataPlane = process.env['ZERO_PROXY'] ?? 'lateen';
    // The cluster looks there for the Envoy of its pods.
    process.env['LATEEN_ENVOY'] ??= resolve('.cache/envoy');
    try {
      await install(cluster, ['--set', `proxy=${dataPlane}`]);
      const mesh = await startTraffic(cluster, settings);
      try {
        console.log(`${settings.perSecond} requests/s, ${settings.sockets} WebSockets, ${settings.pushes} pushes, ${settings.pushesPerSecond} of them in a second, data plane: ${dataPlane}; ${runs} runs\n`);
        console.log(markdownTable(COLUMNS, await repeat(mesh, runs)));
        await tell('An application that called others for four seconds of its end: no call failed.', () => callsWhileEnding(mesh));
        await tell('WebSockets on a deleted pod that did not end by itself: open until its grace was over.', () => socketsUntilGrace(mesh));
        await tell(`A server that does what a POST asks and then resets the connection: ${COMMITS} of ${COMMITS} seen exactly once.`, () => commitsOnce(mesh, COMMITS));
      } finally {
        mesh.close();
      }
    } finally {
      await cluster.close();
    }
  },
};

/** What came true, or what did not. */
async function tell(claim: string, check: () => Promise<void>): Promise<void> {
  const started = performance.now();
  const failure = await check().then(() => undefined, (error: unknown) => error);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(failure === undefined ? `\n${claim} (${seconds} s)` : `\nNot true: ${claim} ${String(failure)}`);
}

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
    const sum = (of: (window: Window) => number) => list.reduce((total, window) => total + of(window), 0);
    const worst = (figure: 'p99Ms' | 'maxMs') => Math.max(...list.map((window) => worstOf(window, figure)));
    const busy = sum(({ busy: share, seconds }) => share * seconds) / sum(({ seconds }) => seconds);
    return [name, ...[sum(sentOf), sum(failedOf), sum(closedOf), worst('p99Ms'), worst('maxMs')].map((n) => Math.round(n).toLocaleString('en')), `${(busy * 100).toFixed(0)} %`];
  });
}
