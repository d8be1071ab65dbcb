/** What the plugins of a proxy have in common: data by key, and metrics by name. */
import { Result } from './abi.ts';

/** Of all shared data. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_METRICS = 10_000;

export interface Metric {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  /** Of a histogram: the sum of what was recorded. */
  value: bigint;
  /** How often something was recorded. */
  count: number;
}

export class SharedState {
  readonly #data = new Map<string, { readonly value: Buffer; readonly cas: number }>();
  readonly #metrics: Metric[] = [];
  readonly #ids = new Map<string, number>();
  #octets = 0;
  #cas = 0;

  get metrics(): readonly Metric[] {
    return this.#metrics;
  }

  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined {
    return this.#data.get(key);
  }

  /** @param cas the number that the value must still have; 0: whatever it is */
  set(key: string, value: Buffer, cas: number): Result {
    const before = this.#data.get(key);
    if (cas !== 0 && before?.cas !== cas) return Result.casMismatch;
    const octets = this.#octets + value.length - (before?.value.length ?? -key.length);
    if (octets > MAX_BYTES) return Result.internalFailure;
    this.#octets = octets;
    this.#cas = (this.#cas % 0xffff_ffff) + 1;
    this.#data.set(key, { value, cas: this.#cas });
    return Result.ok;
  }

  /** @returns its number; the same one for the same name */
  define(kind: Metric['kind'], name: string): number | undefined {
    const known = this.#ids.get(`${kind} ${name}`);
    if (known !== undefined) return known;
    if (this.#metrics.length >= MAX_METRICS) return undefined;
    this.#metrics.push({ kind, name, value: 0n, count: 0 });
    this.#ids.set(`${kind} ${name}`, this.#metrics.length);
    return this.#metrics.length;
  }

  increment(id: number, offset: bigint): Result {
    const metric = this.#metrics[id - 1];
    if (!metric) return Result.notFound;
    if (metric.kind === 'histogram' || (metric.kind === 'counter' && offset < 0n)) return Result.badArgument;
    metric.value += offset;
    return Result.ok;
  }

  record(id: number, value: bigint): Result {
    const metric = this.#metrics[id - 1];
    if (!metric) return Result.notFound;
    if (metric.kind === 'gauge') metric.value = value;
    else metric.value += value;
    metric.count++;
    return Result.ok;
  }

  read(id: number): bigint | undefined {
    const metric = this.#metrics[id - 1];
    return metric?.kind === 'histogram' ? undefined : metric?.value;
  }
}
