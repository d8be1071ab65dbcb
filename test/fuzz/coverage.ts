/** What of our sources runs, as V8 counts it: block by block, in the thread that asks. */
import { Session, type Profiler } from 'node:inspector';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SOURCES = `${pathToFileURL(join(import.meta.dirname, '../../src')).href}/`;

/** From one offset to another. */
type Span = readonly [from: number, to: number];

interface FunctionRun {
  readonly dark: readonly Span[];
  readonly lit: readonly (readonly [from: number, to: number, count: number])[];
}

/** What ran between two calls of `take`: functions by script and offset. */
export type Run = ReadonlyMap<string, FunctionRun>;

export class Coverage {
  readonly #session = new Session();
  /** Of each function that ever ran: the parts that never did. */
  readonly #dark = new Map<string, readonly Span[]>();
  /** How often a part ran at once, roughly. */
  readonly #counts = new Set<string>();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.take();
  }

  close(): void {
    this.#session.disconnect();
  }

  /** What ran since the last call. A few milliseconds: for many inputs at once. */
  take(): Run {
    const run = new Map<string, FunctionRun>();
    // Within one thread the answer is there before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      for (const { url, functions } of taken.result.filter((script) => script.url.startsWith(SOURCES))) {
        for (const { ranges } of functions) if ((ranges[0]?.count ?? 0) > 0) run.set(`${url.slice(SOURCES.length)}:${ranges[0]?.startOffset}`, functionRun(ranges));
      }
    });
    return run;
  }

  /** How much of it had not been seen before; 0: nothing. @param isOne one input only: then how often each part ran tells something too */
  news(run: Run, isOne: boolean): number {
    let news = 0;
    for (const [key, { dark, lit }] of run) {
      const before = this.#dark.get(key);
      news += before === undefined ? 1 + length(lit) : length(before) - length(intersect(before, dark));
      if (isOne) for (const part of lit) if (!this.#counts.has(`${key}:${part[0]}:${magnitude(part[2])}`)) news++;
    }
    return news;
  }

  learn(run: Run, isOne: boolean): void {
    for (const [key, { dark, lit }] of run) {
      const before = this.#dark.get(key);
      this.#dark.set(key, before === undefined ? dark : intersect(before, dark));
      if (isOne) for (const part of lit) this.#counts.add(`${key}:${part[0]}:${magnitude(part[2])}`);
    }
  }

  get functions(): number {
    return this.#dark.size;
  }
}

/** Ranges are nested, outer ones first; the innermost counts. */
function functionRun(ranges: readonly Profiler.CoverageRange[]): FunctionRun {
  const dark: Span[] = [];
  const lit: (readonly [number, number, number])[] = [];
  const open: Profiler.CoverageRange[] = [];
  let at = ranges[0]?.startOffset ?? 0;
  const upTo = (end: number): void => {
    const count = open.at(-1)?.count ?? 0;
    if (end > at) {
      if (count === 0) dark.push([at, end]);
      else lit.push([at, end, count]);
    }
    at = Math.max(at, end);
  };
  const closeUntil = (offset: number): void => {
    for (let top = open.at(-1); top !== undefined && top.endOffset <= offset; top = open.at(-1)) {
      upTo(top.endOffset);
      open.pop();
    }
  };
  for (const range of ranges) {
    closeUntil(range.startOffset);
    upTo(range.startOffset);
    open.push(range);
  }
  closeUntil(Infinity);
  return { dark, lit };
}

const length = (spans: readonly (readonly [number, number, ...number[]])[]): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);

function intersect(a: readonly Span[], b: readonly Span[]): Span[] {
  const both: Span[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [x, y] = [a[i] ?? [0, 0], b[j] ?? [0, 0]];
    const from = Math.max(x[0], y[0]);
    const to = Math.min(x[1], y[1]);
    if (from < to) both.push([from, to]);
    if (x[1] < y[1]) i++;
    else j++;
  }
  return both;
}

/** 1, 2, 3–4, 5–8 …, and from 128 on the same. */
const magnitude = (count: number): number => Math.min(8, Math.ceil(Math.log2(count)));
