/** Kubernetes' back-off for restarts and image pulls: 10 s, doubled up to 5 min, forgotten after 10 min without need. */
import type { Clock } from '../../base/clock.ts';

export const BACK_OFF_FIRST_MS = 10_000;
export const BACK_OFF_MAX_MS = 300_000;
const FORGET_MS = 2 * BACK_OFF_MAX_MS;

export class BackOff {
  readonly #clock: Clock;
  #delayMs = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long to wait before this try, ms: nothing before the first, then 10 s, 20 s, … */
  next(): number {
    const now = this.#clock.monotonic();
    if (now - this.#last > FORGET_MS) this.#delayMs = -1;
    this.#last = now;
    this.#delayMs = this.#delayMs < 0 ? 0 : this.#delayMs === 0 ? BACK_OFF_FIRST_MS : Math.min(BACK_OFF_MAX_MS, this.#delayMs * 2);
    return this.#delayMs;
  }

  /** The container ran long enough to be called healthy. */
  ranFor(ms: number): void {
    if (ms > FORGET_MS) this.#last = Number.NEGATIVE_INFINITY;
  }
}
