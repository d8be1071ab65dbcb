/** One measurement of proxies under load: what the kernel counted for them, and what the load generator saw. */
import { cpuSeconds, pssMegabytes } from '../process-figures.ts';
import type { LoadResult } from '../load.ts';
import { markdownTable, median } from '../table.ts';
import type { ServerProcess } from '../../src/testkit/server-process.ts';
import type { Peer, Plan } from './chain.ts';

export interface Sample {
  /** CPU of the proxies for one request, all threads. */
  readonly microseconds: number;
  readonly load: LoadResult;
  readonly pss: number;
}

/** The cost of a proxy that runs, not of one that starts: ours compiles its code while it works (a tenth of the profile after 20,000
 * requests through mutual TLS), Envoy fills its pools. */
const WARM_UP_REQUESTS = 40_000;
const WARM_UP_STEP_SECONDS = 2;
const MAX_WARM_UP_SECONDS = 8;

/** Puts load on the first proxy for so many seconds. */
export type Run = (seconds: number) => Promise<LoadResult>;

export interface Sampling {
  readonly run: Run;
  /** As much as it can, where `run` has a rate; default: `run`. */
  readonly warm?: Run;
  readonly seconds: number;
}

export async function sampleOf(peer: Peer, plan: Plan, { run, warm = run, seconds }: Sampling): Promise<Sample> {
  const started = await peer.start(plan);
  try {
    await warmUp(warm);
    return await measure(started, run, seconds);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** What one run costs proxies that are warm. */
export async function measure(servers: readonly ServerProcess[], run: Run, seconds: number): Promise<Sample> {
  const cpu = () => servers.reduce((sum, server) => sum + cpuSeconds(server.pid), 0);
  const before = cpu();
  const load = await run(seconds);
  return { microseconds: ((cpu() - before) / load.requests) * 1e6, load, pss: servers.reduce((sum, server) => sum + pssMegabytes(server.pid), 0) };
}

export async function warmUp(run: Run): Promise<void> {
  let requests = 0;
  for (let spent = 0; spent < MAX_WARM_UP_SECONDS && requests < WARM_UP_REQUESTS; spent += WARM_UP_STEP_SECONDS) requests += (await run(WARM_UP_STEP_SECONDS)).requests;
}

/** Candidates take turns within each round, so that drift of the machine's speed meets all of them. */
export async function inTurns<Candidate>(candidates: readonly Candidate[], runs: number, measure: (candidate: Candidate) => Promise<Sample>): Promise<Map<Candidate, Sample[]>> {
  const samples = new Map<Candidate, Sample[]>(candidates.map((candidate) => [candidate, []]));
  for (let round = 0; round < runs; round++) for (const candidate of candidates) samples.get(candidate)?.push(await measure(candidate));
  return samples;
}

/** Medians, with the ratio to each of the `bases` (names). */
export function printSamples(samples: ReadonlyMap<string, readonly Sample[]>, bases: readonly string[]): void {
  const middle = (name: string, figure: (sample: Sample) => number) => median((samples.get(name) ?? []).map(figure));
  const rows = [...samples].map(([name, list]) => {
    const runs = list.map((sample) => sample.microseconds);
    const own = middle(name, (sample) => sample.microseconds);
    return [
      name, own.toFixed(1), `${Math.min(...runs).toFixed(1)}–${Math.max(...runs).toFixed(1)}`,
      ...bases.map((base) => (own / middle(base, (sample) => sample.microseconds)).toFixed(2)),
      middle(name, (sample) => sample.load.perSecond).toFixed(0), middle(name, (sample) => sample.load.p50Ms).toFixed(2), middle(name, (sample) => sample.load.p99Ms).toFixed(2),
      middle(name, (sample) => sample.pss).toFixed(0), String(Math.max(...list.map((sample) => sample.load.errors))),
    ];
  });
  console.log(markdownTable(['proxy', 'CPU µs/request (median)', 'min–max', ...bases.map((base) => `÷ ${base}`), 'requests/s', 'p50 ms', 'p99 ms', 'PSS MB', 'failed requests'], rows));
}
