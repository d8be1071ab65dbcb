/** What others feel of an attack: the latency of a well-behaved client while somebody else means harm, and what the proxy spends on it.
 * The attacker takes only what processors the others leave: he would have a machine of his own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTACKS } from '../hostile/attacks.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import type { Peer, Plan } from '../hop/chain.ts';
import { PORTS, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { runH2load } from '../load.ts';
import { cpuSeconds, pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

const PER_SECOND = 500;
/** Of each attack; the row is to end within minutes. */
const MOST_SECONDS = 4;
/** Until all of an attack's connections are there: what comes then is measured. */
const MOST_SECONDS_TO_BEGIN = 4;
const CONNECTIONS = 8;
const LARGE_BYTES = 10 * 1024 * 1024;
const ATTACKER = join(import.meta.dirname, '../hostile/attacker.ts');

export const hostileClients: Row = {
  name: 'hostile',
  about: `${PER_SECOND} requests/s of a well-behaved client during an attack (aim: p99 < 2 × without, nothing failed, memory bounded)`,
  async run(options) {
    await withRig({}, async (plan) => {
      writeFileSync(join(plan.directory, 'www/large'), Buffer.alloc(LARGE_BYTES));
      const rows: string[][] = [];
      for (const peer of [envoy, lateen]) {
        let base = 0;
        for (const { name } of ATTACKS) {
          const figures = await under(peer, name, plan, Math.min(options.secondsPerRun, MOST_SECONDS));
          base ||= figures.p99;
          rows.push([peer.name, name, figures.p50.toFixed(2), figures.p99.toFixed(2), (figures.p99 / base).toFixed(1), String(figures.failed), `${figures.cpu.toFixed(0)} %`, figures.growth.toFixed(0), figures.connections]);
        }
      }
      console.log(markdownTable(['proxy', 'attack', 'p50 ms', 'p99 ms', 'p99 ÷ without', 'failed', 'CPU of the proxy', 'growth of memory, MB', 'connections that the attack took'], rows));
    });
  },
};

async function under(peer: Peer, name: string, plan: Plan, seconds: number) {
  const [proxy] = await peer.start(plan);
  if (!proxy) throw new Error('unreachable: a hop is one proxy');
  try {
    await runH2load(URL_OF_BODY, { http1: true, connections: CONNECTIONS, perSecond: PER_SECOND, seconds: 1 });
    const idle = pssMegabytes(proxy.pid);
    const attacker = startAttacker(name, seconds + MOST_SECONDS_TO_BEGIN);
    await Promise.race([attacker.ready, new Promise((resolve) => setTimeout(resolve, MOST_SECONDS_TO_BEGIN * 1000))]);
    const before = cpuSeconds(proxy.pid);
    const load = await runH2load(URL_OF_BODY, { http1: true, connections: CONNECTIONS, perSecond: PER_SECOND, seconds });
    const cpu = ((cpuSeconds(proxy.pid) - before) / seconds) * 100;
    const growth = pssMegabytes(proxy.pid) - idle;
    return { p50: load.p50Ms, p99: load.p99Ms, failed: load.errors, cpu, growth, connections: await attacker.end() };
  } finally {
    await proxy.stop();
  }
}

interface Attacker {
  readonly ready: Promise<void>;
  /** Stops it. @returns how many connections it took */
  end(): Promise<string>;
}

function startAttacker(name: string, seconds: number): Attacker {
  const child = spawn('nice', ['-n', '19', process.execPath, '--no-warnings', ATTACKER, name, String(PORTS.listen), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
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
