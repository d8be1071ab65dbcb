import type { Clock } from '../../base/clock.ts';
import type { SharedSlot } from '../threads/shared-state.ts';

export interface TokenBucket {
  readonly size: number;
  /** Tokens in a millisecond. */
  readonly rate: number;
  /** Takes a token if there is one. */
  take(): boolean;
  /** Whole tokens. */
  readonly remaining: number;
  /** Whole seconds until there is a token. */
  readonly resetS: number;
}

export interface Fill {
  readonly tokens: number;
  readonly intervalMs: number;
}

/** Full at the start; fills steadily, as Envoy's does: so many tokens in an interval are one each so much of it. */
export class OwnBucket implements TokenBucket {
  readonly size: number;
  /** Tokens in a millisecond. */
  readonly rate: number;
  readonly #clock: Clock;
  #tokens: number;
  #atMs: number;

  constructor(size: number, fill: Fill, clock: Clock) {
    this.size = size;
    this.rate = fill.tokens / fill.intervalMs;
    this.#clock = clock;
    this.#tokens = size;
    this.#atMs = clock.monotonic();
  }

  /** Takes a token if there is one. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whole tokens. */
  get remaining(): number {
    this.#fill();
    return Math.floor(this.#tokens);
  }

  /** Whole seconds until there is a token. */
  get resetS(): number {
    this.#fill();
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.rate / 1000);
  }

  #fill(): void {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.size, this.#tokens + (nowMs - this.#atMs) * this.rate);
    this.#atMs = nowMs;
  }
}

/** Places of a slot's values. */
const [TOKENS, AT, BEGUN] = [0, 1, 2];
const unused = new FinalizationRegistry((slot: SharedSlot) => slot.release());

/** One of several threads' views of the same bucket. */
export class SharedBucket implements TokenBucket {
  readonly size: number;
  readonly rate: number;
  readonly #clock: Clock;
  readonly #acquire: () => SharedSlot | undefined;
  #slot: SharedSlot | undefined;

  /** @param acquire called when it is first used: much is compiled only to be checked */
  constructor(size: number, fill: Fill, { clock, acquire }: { readonly clock: Clock; readonly acquire: () => SharedSlot | undefined }) {
    this.size = size;
    this.rate = fill.tokens / fill.intervalMs;
    this.#clock = clock;
    this.#acquire = acquire;
  }

  take(): boolean {
    return this.#filled((values) => {
      const tokens = values[TOKENS] ?? 0;
      if (tokens < 1) return false;
      values[TOKENS] = tokens - 1;
      return true;
    });
  }

  get remaining(): number {
    return this.#filled((values) => Math.floor(values[TOKENS] ?? 0));
  }

  get resetS(): number {
    return this.#filled((values) => Math.max(0, Math.ceil((1 - (values[TOKENS] ?? 0)) / this.rate / 1000)));
  }

  #filled<T>(run: (values: Float64Array) => T): T {
    const slot = (this.#slot ??= this.#hold());
    return slot.locked(() => {
      const { values } = slot;
      const nowMs = this.#clock.monotonic();
      // The first of the threads that comes finds it full.
      const before = values[BEGUN] === 1 ? (values[TOKENS] ?? 0) + (nowMs - (values[AT] ?? 0)) * this.rate : this.size;
      values[TOKENS] = Math.min(this.size, before);
      values[AT] = nowMs;
      values[BEGUN] = 1;
      return run(values);
    });
  }

  #hold(): SharedSlot {
    const slot = this.#acquire();
    // Without room for it, each thread has a bucket of its own.
    if (!slot) return { counts: new Int32Array(), values: new Float64Array(3), locked: (run) => run(), release() {} };
    unused.register(this, slot);
    return slot;
  }
}
