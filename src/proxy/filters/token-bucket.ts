import type { Clock } from '../../base/clock.ts';

/** Full at the start; fills steadily, as Envoy's does: so many tokens in an interval are one each so much of it. */
export class TokenBucket {
  readonly size: number;
  /** Tokens in a millisecond. */
  readonly rate: number;
  readonly #clock: Clock;
  #tokens: number;
  #atMs: number;

  constructor(size: number, fill: { readonly tokens: number; readonly intervalMs: number }, clock: Clock) {
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
