/** Tries one target until its time is up, in a thread of its own: the main one notices when an input never ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { mutated } from './mutate.ts';
import { randomFrom } from './target.ts';
import { loadTargets } from './targets.ts';

export interface Job {
  readonly target: string;
  readonly milliseconds: number;
  readonly seed: number;
  /** Inputs to try first. */
  readonly corpus: readonly Uint8Array[];
  /** Where the input in progress is kept: its length, then its bytes. */
  readonly current: SharedArrayBuffer;
}

export type Report = { readonly inputs: number; readonly finding?: { readonly input: Uint8Array; readonly message: string } };

/** Longer for one small input is a finding: somebody could keep the process busy with it. */
const SLOW_MS = 1000;
const FIND_FIRST = 4;

async function work(job: Job): Promise<Report> {
  const target = (await loadTargets()).find(({ name }) => name === job.target);
  if (!target) throw new Error(`no target ${job.target}`);
  const random = randomFrom(job.seed);
  const length = new Uint32Array(job.current, 0, 1);
  const bytes = new Uint8Array(job.current, FIND_FIRST);
  const end = performance.now() + job.milliseconds;
  let inputs = 0;
  for (;;) {
    const known = job.corpus[inputs] ?? (inputs - job.corpus.length < target.seeds.length ? target.seeds[inputs - job.corpus.length] : undefined);
    if (known === undefined && performance.now() > end) return { inputs };
    const input = known ? Buffer.from(known) : mutated(target, random);
    bytes.set(input.subarray(0, bytes.length));
    Atomics.store(length, 0, input.length);
    inputs++;
    const started = performance.now();
    try {
      await target.check(input, random);
    } catch (error) {
      return { inputs, finding: { input, message: error instanceof Error ? (error.stack ?? error.message) : String(error) } };
    }
    const took = performance.now() - started;
    if (took > SLOW_MS) return { inputs, finding: { input, message: `${took.toFixed(0)} ms for ${input.length} bytes` } };
  }
}

const report = await work(workerData as Job);
// A port between threads, not a window: there is no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(report);
