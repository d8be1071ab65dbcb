import { Chunk, STALE, type SampleSink, type SampleValue } from './chunk.ts';
import type { Labels } from './labels.ts';

/** Samples per chunk: large enough that a chunk's own objects do not count, small enough that dropping whole chunks follows the retention. */
const CHUNK_SAMPLES = 240;

/** Samples of one series in a time range, unpacked for evaluation. Times ascend. */
export interface SampleWindow {
  readonly labels: Labels;
  readonly times: readonly number[];
  /** NaN where `stale` is set. */
  readonly values: readonly number[];
  /** Indexes that hold a stale marker; undefined when there is none, which is the common case. */
  readonly stale: ReadonlySet<number> | undefined;
}

export class Series {
  readonly labels: Labels;
  readonly #chunks: Chunk[] = [];
  lastValue: SampleValue | undefined;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get lastTime(): number {
    return this.#chunks.at(-1)?.lastTime ?? -Infinity;
  }

  get firstTime(): number {
    return this.#chunks[0]?.firstTime ?? Infinity;
  }

  get sampleCount(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.count, 0);
  }

  get byteLength(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  /** False when the sample is not newer than the last: Prometheus refuses those too. */
  append(timeMs: number, value: SampleValue): boolean {
    if (timeMs <= this.lastTime) return false;
    let chunk = this.#chunks.at(-1);
    if (!chunk || chunk.count >= CHUNK_SAMPLES) {
      chunk?.seal();
      chunk = new Chunk(timeMs);
      this.#chunks.push(chunk);
    }
    chunk.append(timeMs, value);
    this.lastValue = value;
    return true;
  }

  /** Drops whole chunks that ended before `timeMs`; returns how many samples went. */
  dropBefore(timeMs: number): number {
    let dropped = 0;
    while (this.#chunks[0] && this.#chunks[0].lastTime < timeMs) dropped += this.#chunks.shift()?.count ?? 0;
    return dropped;
  }

  /** Samples with `fromMs < time <= toMs`, or undefined when there are none. */
  window(fromMs: number, toMs: number): SampleWindow | undefined {
    const collector = new WindowCollector(fromMs, toMs);
    for (const chunk of this.#chunks) if (chunk.lastTime > fromMs && chunk.firstTime <= toMs) chunk.read(collector);
    return collector.times.length === 0 ? undefined : { labels: this.labels, times: collector.times, values: collector.values, stale: collector.stale };
  }
}

class WindowCollector implements SampleSink {
  readonly times: number[] = [];
  readonly values: number[] = [];
  stale: Set<number> | undefined;
  readonly #from: number;
  readonly #to: number;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  add(timeMs: number, value: SampleValue): void {
    if (timeMs <= this.#from || timeMs > this.#to) return;
    if (value === STALE) (this.stale ??= new Set()).add(this.times.length);
    this.times.push(timeMs);
    this.values.push(value === STALE ? Number.NaN : value);
  }
}
