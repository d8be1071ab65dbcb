/** Tries one target until its time is up, in a thread of its own: the main one notices when an input never ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage, type Run } from './coverage.ts';
import { mutated } from './mutate.ts';
import { randomFrom, randomOf, type Random, type Target } from './target.ts';
import { loadTargets, type TargetModule } from './targets.ts';

export interface Job {
  readonly module: TargetModule;
  readonly target: string;
  readonly milliseconds: number;
  readonly seed: number;
  /** Inputs to try first. */
  readonly corpus: readonly Uint8Array[];
  /** Where the input in progress is kept: its length, then its bytes. */
  readonly current: SharedArrayBuffer;
}

export interface Report {
  readonly inputs: number;
  /** Of our sources that ran. */
  readonly functions: number;
  /** Of the corpus and new: each reaches what those before it do not. */
  readonly gained: readonly Uint8Array[];
  readonly finding?: { readonly input: Uint8Array; readonly message: string };
}

/** More of a processor's time for one small input is a finding: somebody could keep the process busy with it. */
const SLOW_MS = 1000;
const FIND_FIRST = 4;
/** Inputs between two looks at what ran. */
const BATCH = 128;
/** One in so many is looked at by itself: what it lets run more often counts too. */
const ALONE = 24;
/** Tries to make an input shorter. */
const SHRINKS = 48;
/** Of new inputs; longer ones are changed further, but not kept. */
const MAX_KEPT_BYTES = 4096;

class Finding extends Error {
  readonly input: Buffer;
  constructor(input: Buffer, message: string) {
    super(message);
    this.input = input;
  }
}

class Fuzzer {
  readonly #target: Target;
  readonly #coverage = new Coverage();
  readonly #random: Random;
  readonly #length: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #gained: Buffer[] = [];
  readonly #pool: Buffer[];
  /** Monotonic ms; what is being looked into then is left. */
  readonly #end: number;
  #inputs = 0;

  constructor(target: Target, job: Job) {
    this.#target = target;
    this.#random = randomFrom(job.seed);
    this.#length = new Uint32Array(job.current, 0, 1);
    this.#bytes = new Uint8Array(job.current, FIND_FIRST);
    this.#pool = [...target.seeds];
    this.#end = performance.now() + job.milliseconds;
  }

  async run(job: Job): Promise<Report> {
    const report = () => ({ inputs: this.#inputs, functions: this.#coverage.functions, gained: this.#gained });
    this.#coverage.start();
    try {
      for (const seed of this.#target.seeds) {
        await this.#check(seed);
        this.#coverage.learn(this.#coverage.take(), true);
      }
      const corpus = job.corpus.map((input) => Buffer.from(input)).sort((a, b) => a.length - b.length);
      for (const input of corpus) await this.#alone(input, false);
      while (this.#hasTime) await this.#round();
      return report();
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      return { ...report(), finding: { input: await shrunk(error.input, (shorter) => this.#fails(shorter)), message: error.message } };
    } finally {
      this.#coverage.close();
    }
  }

  get #hasTime(): boolean {
    return performance.now() < this.#end;
  }

  async #round(): Promise<void> {
    const batch: Buffer[] = [];
    for (let i = 0; i < BATCH && this.#hasTime; i++) {
      const input = mutated({ target: this.#target, pool: this.#recent() }, this.#random);
      if (i % ALONE === 0) {
        await this.#settle(batch.splice(0));
        await this.#alone(input, true);
      } else {
        batch.push(input);
        await this.#check(input);
      }
    }
    await this.#settle(batch);
  }

  /** All of the pool, or what came to it last. */
  #recent(): readonly Buffer[] {
    return this.#random(4) === 0 ? this.#pool.slice(-16) : this.#pool;
  }

  /** What these, which have run, reached together. */
  async #settle(batch: readonly Buffer[]): Promise<void> {
    if (batch.length === 0) return;
    const run = this.#coverage.take();
    if (this.#coverage.news(run, false) === 0) return;
    await this.#search(batch);
    // What cannot be found again was chance: a timer, a first time.
    this.#coverage.learn(run, false);
  }

  /** Halves them until it is known who reached something new. */
  async #search(batch: readonly Buffer[]): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) return this.#alone(only, true);
    for (const half of [batch.slice(0, batch.length / 2), batch.slice(batch.length / 2)]) {
      if (half.length > 0 && this.#hasTime && this.#coverage.news(await this.#runOf(half), false) > 0) await this.#search(half);
    }
  }

  async #alone(input: Buffer, isNew: boolean): Promise<void> {
    const run = await this.#runOf([input]);
    const news = this.#coverage.news(run, true);
    if (news === 0) return;
    const shortest = isNew ? await shrunk(input, async (shorter) => this.#hasTime && this.#coverage.news(await this.#runOf([shorter]), true) >= news) : input;
    this.#coverage.learn(shortest === input ? run : await this.#runOf([shortest]), true);
    this.#pool.push(shortest);
    if (shortest.length <= MAX_KEPT_BYTES) this.#gained.push(shortest);
  }

  async #runOf(inputs: readonly Buffer[]): Promise<Run> {
    this.#coverage.take();
    for (const input of inputs) await this.#check(input);
    return this.#coverage.take();
  }

  async #fails(input: Buffer): Promise<boolean> {
    try {
      await this.#check(input);
      return false;
    } catch {
      return true;
    }
  }

  /** @throws Finding */
  async #check(input: Buffer): Promise<void> {
    this.#bytes.set(input.subarray(0, this.#bytes.length));
    Atomics.store(this.#length, 0, input.length);
    this.#inputs++;
    const before = process.threadCpuUsage();
    try {
      await this.#target.check(input, randomOf(input));
    } catch (error) {
      throw new Finding(input, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const { user, system } = process.threadCpuUsage(before);
    const took = (user + system) / 1000;
    if (took > SLOW_MS) throw new Finding(input, `${took.toFixed(0)} ms for ${input.length} bytes`);
  }
}

/** Takes parts out as long as what is left `holds`. */
async function shrunk(input: Buffer, holds: (shorter: Buffer) => Promise<boolean>): Promise<Buffer> {
  let shortest = input;
  let size = Math.ceil(input.length / 2);
  for (let tries = 0, at = 0; tries < SHRINKS && size > 0; tries++) {
    const shorter = Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + size)]);
    if (shorter.length > 0 && shorter.length < shortest.length && (await holds(shorter))) shortest = shorter;
    else at += size;
    if (at < shortest.length) continue;
    at = 0;
    size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return shortest;
}

const job = workerData as Job;
const target = (await loadTargets(job.module)).find(({ name }) => name === job.target);
if (!target) throw new Error(`no target ${job.target}`);
const report = await new Fuzzer(target, job).run(job);
// A port between threads, not a window: there is no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(report);
