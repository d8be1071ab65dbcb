/** Small differences. What one process of a program happens to cost more than the next, and how fast the machine is from one minute to the next, are each more
 * than a few percent: so it is one process that does both, one right after the other, and what is told are the ratios of such pairs. */
import type { ServerProcess } from '../../src/testkit/server-process.ts';
import { watchSteal } from '../process-figures.ts';
import { median, percentile } from '../table.ts';
import { measure, warmUp, type Run } from './sample.ts';

/** Of the time of a pair: more, and what it says is said of somebody else. */
const MOST_STOLEN = 0.05;

export interface Variant {
  readonly name: string;
  /** Puts load on what differs, in the same processes as the base. */
  readonly run: Run;
}

export interface PairedOptions {
  /** Of each variant. */
  readonly pairs: number;
  readonly secondsPerRun: number;
}

interface Pair {
  readonly microseconds: number;
  /** To that of the base. */
  readonly ratio: number;
  readonly stolen: number;
}

/** @returns for each variant cells for {@link PAIRED_HEADER}, after its name */
export async function inPairs(servers: readonly ServerProcess[], base: Run, variants: readonly Variant[], { pairs, secondsPerRun }: PairedOptions): Promise<string[][]> {
  const seen = new Map<Variant, Pair[]>(variants.map((variant) => [variant, []]));
  for (const run of [base, ...variants.map((variant) => variant.run)]) await warmUp(run);
  const cost = async (run: Run) => (await measure(servers, run, secondsPerRun)).microseconds;
  for (let i = 0; i < pairs; i++) {
    for (const [variant, list] of seen) {
      const stolen = watchSteal();
      // The second of a pair may find another machine: each is the second every other time.
      const first = await cost(i % 2 === 0 ? base : variant.run);
      const second = await cost(i % 2 === 0 ? variant.run : base);
      const [own, other] = i % 2 === 0 ? [second, first] : [first, second];
      list.push({ microseconds: own, ratio: own / other, stolen: stolen() });
    }
  }
  return Array.from(seen, ([{ name }, all]) => {
    const list = all.filter(({ stolen }) => stolen <= MOST_STOLEN);
    const ratios = list.map(({ ratio }) => ratio);
    return [name, median(list.map(({ microseconds }) => microseconds)).toFixed(1), median(ratios).toFixed(3), `${percentile(ratios, 0.25).toFixed(2)}–${percentile(ratios, 0.75).toFixed(2)}`, String(list.length), String(all.length - list.length)];
  });
}

export const PAIRED_HEADER = ['CPU µs/request (median)', '÷ base, median of pairs', 'middle half of pairs', 'pairs', 'set aside'] as const;
