/** What others feel of an attack: the latency of a well-behaved client while somebody else means harm, and what the proxy spends on it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTACKS } from '../hostile/attacks.ts';
import { nowMs } from '../hostile/clock.ts';
import { shareOf, undisturbed } from '../hostile/latencies.ts';
import { givePrecedence, OTHERS, place, PROCESSORS, PROXY } from '../hostile/placing.ts';
import { startAttacker, startGoodClient, startWitness, type Gap } from '../hostile/processes.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import type { Peer, Plan } from '../hop/chain.ts';
import { startUpstream } from '../hop/nginx.ts';
import { BODY_BYTES, PORTS, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { runH2load, runWrk } from '../load.ts';
import { cpuSeconds, pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownRow, markdownTable, median, percentile } from '../table.ts';

const PER_SECOND = 1000;
const CONNECTIONS = 32;
/** Of each measurement, and rounds of three: all attacks on two proxies take a quarter of an hour. */
const MOST_SECONDS = 2;
const MOST_ROUNDS = 3;
/** Until all of an attack's connections are there. */
const MOST_MS_TO_BEGIN = 3000;
/** For what an attack leaves behind: connections that are held for a second. */
const MS_TO_SETTLE = 400;
const SECONDS_TO_WARM = 2;
/** Of the processors' time, in %. A measurement that was in gaps for more of it is made again; of all tries the least disturbed counts, with the most failures and memory of any. */
const MOST_IN_GAPS = 5;
const MOST_TRIES = 2;
const LARGE_BYTES = 10 * 1024 * 1024;
const URL_OF_LARGE = new URL('/large', URL_OF_BODY).href;

/** Nobody attacks; somebody attacks the client's own proxy; another proxy of the same kind, which uses the attacker's processors. */
const CASES = ['quiet', 'attacked', 'elsewhere'] as const;

const COLUMNS = ['attack', 'proxy', 'p50 ms', 'p99 ms', 'p99 quiet (min–max)', 'p99 elsewhere', '÷ quiet', '÷ elsewhere', 'failed', 'in gaps', 'set aside', 'CPU', 'growth, MB', 'again/s'];

interface Phase {
  /** Of the requests that the machine did not disturb, in ms. */
  readonly latencies: readonly number[];
  readonly failed: number;
  /** Disturbed, in %. */
  readonly aside: number;
  /** Of the processors' time, in %. */
  readonly inGaps: number;
  /** Of a processor, in %. */
  readonly cpu: number;
  readonly growth: number;
  /** Connections of the attack that were made since the ones before had ended. */
  readonly again: number;
}

export const hostileClients: Row = {
  name: 'hostile',
  about: `${PER_SECOND} requests/s of a well-behaved client during an attack (aim: p99 < 2 × without, nothing failed, memory bounded)`,
  async run(options) {
    const wanted = process.env['ATTACKS']?.split('|');
    const peers = [envoy, lateen].filter(({ name }) => (process.env['PROXIES'] ?? name).includes(name));
    const amount = { rounds: Math.min(options.runs, MOST_ROUNDS), seconds: Math.min(options.secondsPerRun, MOST_SECONDS) };
    place(process.pid, OTHERS);
    const witnesses = PROCESSORS.map(startWitness);
    const gaps = (): Gap[] => witnesses.flatMap((witness) => witness.gaps());
    await withTwoUpstreams(async (plan) => {
      console.log(markdownTable(COLUMNS, []));
      for (const { name } of ATTACKS.filter((attack) => wanted?.includes(attack.name) ?? true)) {
        for (const peer of peers) console.log(markdownRow([name, peer.name, ...(await under(peer, name, { plan, amount, gaps }))]));
      }
    }).finally(() => witnesses.forEach((witness) => witness.end()));
  },
};

/** What attackers ask of an application is not what they ask of the proxy: theirs is not the well-behaved client's. */
async function withTwoUpstreams(use: (plan: Plan) => Promise<void>): Promise<void> {
  await withRig({}, async (plan) => {
    const home = join(plan.directory, 'aside');
    const aside = await startUpstream(home, PORTS.aside, 0);
    writeFileSync(join(home, 'www/large'), Buffer.alloc(LARGE_BYTES));
    await use({ ...plan, asidePort: PORTS.aside }).finally(() => aside.stop());
  });
}

interface Setting {
  readonly plan: Plan;
  readonly amount: { readonly rounds: number; readonly seconds: number };
  readonly gaps: () => Gap[];
}

async function under(peer: Peer, name: string, { plan, amount: { rounds, seconds }, gaps }: Setting): Promise<string[]> {
  const [proxy] = await peer.start(plan);
  const [other] = await peer.start({ ...plan, directory: `${plan.directory}/other`, listenPort: plan.middlePort });
  if (!proxy || !other) throw new Error('unreachable: a hop is one proxy');
  const client = startGoodClient(plan.listenPort, PER_SECOND, CONNECTIONS);
  try {
    await warm(plan);
    place(proxy.pid, PROXY);
    for (const pid of [proxy.pid, client.pid, plan.upstreamPid]) givePrecedence(pid);
    const memory = pssMegabytes(proxy.pid);
    const measure = async (attackedPort: number | undefined): Promise<Phase> => {
      const attacker = attackedPort === undefined ? undefined : startAttacker(name, attackedPort, seconds + MOST_MS_TO_BEGIN / 1000);
      await attacker?.ready(MOST_MS_TO_BEGIN);
      const [before, from] = [cpuSeconds(proxy.pid), nowMs()];
      gaps();
      const { requests, failed } = await client.measure(seconds);
      const to = nowMs();
      const cpu = ((cpuSeconds(proxy.pid) - before) / (to - from)) * 100_000;
      const growth = pssMegabytes(proxy.pid) - memory;
      const again = (await attacker?.end()) ?? 0;
      if (attacker) await new Promise((resolve) => setTimeout(resolve, MS_TO_SETTLE));
      const seen = gaps();
      const latencies = undisturbed(requests, seen);
      return { latencies, failed, aside: 100 * (1 - latencies.length / requests.length), inGaps: 100 * shareOf(seen, { from, to }, PROCESSORS.length), cpu, growth, again };
    };
    const ports = { quiet: undefined, attacked: plan.listenPort, elsewhere: plan.middlePort };
    const all: Record<(typeof CASES)[number], Phase[]> = { quiet: [], attacked: [], elsewhere: [] };
    for (let round = 0; round < rounds; round++) for (const one of CASES) all[one].push(await leastDisturbed(() => measure(ports[one])));
    return cells(all, seconds);
  } finally {
    client.end();
    await Promise.all([proxy.stop(), other.stop()]);
  }
}

async function leastDisturbed(measure: () => Promise<Phase>): Promise<Phase> {
  let best = await measure();
  for (let tries = 1; best.inGaps > MOST_IN_GAPS && tries < MOST_TRIES; tries++) {
    const next = await measure();
    best = { ...(next.inGaps < best.inGaps ? next : best), failed: Math.max(next.failed, best.failed), growth: Math.max(next.growth, best.growth) };
  }
  return best;
}

/** Of a proxy that has run for a while: requests, connections that come and go, large answers, requests with bodies, HTTP/2. */
async function warm({ directory }: Plan): Promise<void> {
  const load = { connections: CONNECTIONS, seconds: SECONDS_TO_WARM };
  const bodyFile = join(directory, 'posted');
  writeFileSync(bodyFile, Buffer.alloc(BODY_BYTES));
  for (const header of [undefined, 'Connection: close']) await runWrk(URL_OF_BODY, { ...load, header });
  for (const url of [URL_OF_BODY, URL_OF_LARGE]) await runH2load(url, { ...load, seconds: 1 });
  await runWrk(URL_OF_LARGE, { ...load, seconds: 1 });
  await runH2load(URL_OF_BODY, { ...load, seconds: 1, http1: true, bodyFile });
}

function cells({ quiet, attacked, elsewhere }: Record<(typeof CASES)[number], Phase[]>, seconds: number): string[] {
  const all = (phases: readonly Phase[], share: number): number => percentile(phases.flatMap(({ latencies }) => latencies), share);
  const [p99, without, beside] = [all(attacked, 0.99), all(quiet, 0.99), all(elsewhere, 0.99)];
  const spread = quiet.map((phase) => all([phase], 0.99));
  const phases = [...quiet, ...attacked, ...elsewhere];
  const range = (of: (phase: Phase) => number): string => `${Math.min(...phases.map(of)).toFixed(0)}–${Math.max(...phases.map(of)).toFixed(0)} %`;
  return [
    all(attacked, 0.5).toFixed(2), p99.toFixed(2), `${without.toFixed(2)} (${Math.min(...spread).toFixed(2)}–${Math.max(...spread).toFixed(2)})`, beside.toFixed(2), (p99 / without).toFixed(1), (p99 / beside).toFixed(1),
    String(Math.max(...attacked.map(({ failed }) => failed))), range(({ inGaps }) => inGaps), range(({ aside }) => aside), `${median(attacked.map(({ cpu }) => cpu)).toFixed(0)} %`,
    Math.max(...attacked.map(({ growth }) => growth)).toFixed(0), String(Math.round(median(attacked.map(({ again }) => again)) / seconds)),
  ];
}
