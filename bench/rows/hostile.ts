/** What others feel of an attack: the latency of a well-behaved client while somebody else means harm, and what the proxy spends on it.
 * The attacker takes only what processors the others leave: he would have a machine of his own. */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { ServerProcess } from '../../src/testkit/server-process.ts';
import { ATTACKS } from '../hostile/attacks.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import type { Peer, Plan } from '../hop/chain.ts';
import { URL_OF_BODY, withRig } from '../hop/rig.ts';
import { type LoadResult, runH2load } from '../load.ts';
import { cpuSeconds, pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const PER_SECOND = 500;
/** Of each measurement; the row is to end within minutes. */
const MOST_SECONDS = 4;
/** More would take half an hour. */
const MOST_RUNS = 2;
/** Until all of an attack's connections are there: what comes then is measured. */
const MOST_SECONDS_TO_BEGIN = 3;
const CONNECTIONS = 8;
const LARGE_BYTES = 10 * 1024 * 1024;
const ATTACKER = join(import.meta.dirname, '../hostile/attacker.ts');
const LOWEST_PRIORITY = 19;

interface Measured {
  readonly load: LoadResult;
  readonly cpu: number;
  readonly growth: number;
  /** That the attack took. */
  readonly connections: string;
}

export const hostileClients: Row = {
  name: 'hostile',
  about: `${PER_SECOND} requests/s of a well-behaved client during an attack (aim: p99 < 2 × without, nothing failed, memory bounded)`,
  async run(options) {
    const wanted = process.env['ATTACKS']?.split('|');
    const peers = [envoy, lateen].filter(({ name }) => (process.env['PROXIES'] ?? name).includes(name));
    await withRig({}, async (plan) => {
      writeFileSync(join(plan.directory, 'www/large'), Buffer.alloc(LARGE_BYTES));
      const rows: string[][] = [];
      for (const { name } of ATTACKS.filter((attack) => wanted?.includes(attack.name) ?? true)) {
        for (const peer of peers) rows.push([name, peer.name, ...(await under(peer, name, plan, { runs: Math.min(options.runs, MOST_RUNS), seconds: Math.min(options.secondsPerRun, MOST_SECONDS) }))]);
      }
      console.log(markdownTable(['attack', 'proxy', 'p50 ms', 'p99 ms', 'p99, nobody', 'p99, another proxy', 'p99 ÷ nobody', 'p99 ÷ another', 'failed', 'CPU of the proxy', 'growth of memory, MB', 'connections that the attack took'], rows));
    });
  },
};

/** In turns: nobody attacks; the same attack on another proxy of the same kind, on the same machine; the attack on the client's own proxy. */
async function under(peer: Peer, name: string, plan: Plan, { runs, seconds }: { runs: number; seconds: number }): Promise<string[]> {
  const proxy = await startHop(peer, plan);
  const other = await startHop(peer, { ...plan, directory: `${plan.directory}/other`, listenPort: plan.middlePort });
  setLowestPriority(other.pid);
  try {
    await runH2load(URL_OF_BODY, { http1: true, connections: CONNECTIONS, seconds: 1 });
    const idle = pssMegabytes(proxy.pid);
    const measure = async (attackedPort: number | undefined): Promise<Measured> => {
      const attacker = attackedPort === undefined ? undefined : startAttacker(name, attackedPort, seconds + MOST_SECONDS_TO_BEGIN);
      await Promise.race([attacker?.ready, new Promise((resolve) => setTimeout(resolve, MOST_SECONDS_TO_BEGIN * 1000))]);
      const before = cpuSeconds(proxy.pid);
      const load = await runH2load(URL_OF_BODY, { http1: true, connections: CONNECTIONS, perSecond: PER_SECOND, seconds });
      const cpu = ((cpuSeconds(proxy.pid) - before) / seconds) * 100;
      return { load, cpu, growth: pssMegabytes(proxy.pid) - idle, connections: (await attacker?.end()) ?? '' };
    };
    const all: { quiet: Measured; elsewhere: Measured; attacked: Measured }[] = [];
    for (let run = 0; run < runs; run++) all.push({ quiet: await measure(undefined), elsewhere: await measure(plan.middlePort), attacked: await measure(plan.listenPort) });
    const middle = (figure: (round: (typeof all)[number]) => number) => median(all.map(figure));
    const p99 = middle(({ attacked }) => attacked.load.p99Ms);
    const quiet = middle((round) => round.quiet.load.p99Ms);
    const elsewhere = middle((round) => round.elsewhere.load.p99Ms);
    return [
      ...(all.some(({ attacked }) => attacked.load.requests === 0) ? ['none answered', 'none answered'] : [middle(({ attacked }) => attacked.load.p50Ms).toFixed(2), p99.toFixed(2)]), quiet.toFixed(2), elsewhere.toFixed(2), (p99 / quiet).toFixed(1), (p99 / elsewhere).toFixed(1),
      String(Math.max(...all.map(({ attacked }) => attacked.load.errors))), `${middle(({ attacked }) => attacked.cpu).toFixed(0)} %`, Math.max(...all.map(({ attacked }) => attacked.growth)).toFixed(0), all.at(-1)?.attacked.connections ?? '',
    ];
  } finally {
    await Promise.all([proxy.stop(), other.stop()]);
  }
}

async function startHop(peer: Peer, plan: Plan): Promise<ServerProcess> {
  const [proxy] = await peer.start(plan);
  if (!proxy) throw new Error('unreachable: a hop is one proxy');
  return proxy;
}

/** Of all its threads: like the attacker, it takes only what processors the others leave. */
function setLowestPriority(pid: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), LOWEST_PRIORITY);
}

interface Attacker {
  readonly ready: Promise<void>;
  /** Stops it. @returns how many connections it took */
  end(): Promise<string>;
}

function startAttacker(name: string, port: number, seconds: number): Attacker {
  const child = spawn('nice', ['-n', String(LOWEST_PRIORITY), process.execPath, '--no-warnings', ATTACKER, name, String(port), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ready = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes('ready')) ready.resolve();
  });
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  return {
    ready: ready.promise,
    async end() {
      child.kill('SIGTERM');
      await exited;
      return /\d+/.exec(output)?.[0] ?? '';
    },
  };
}
