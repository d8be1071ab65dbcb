/** Whether those who come for the first time are a storm: most of them are refused, and come again. */
import { systemClock } from '../../base/clock.ts';

/** Newcomers by which it is judged. */
const JUDGED_BY = 64;
/** What one may be taken to cost, in ms: measured is all that the thread did meanwhile. */
const LEAST_COST_MS = 0.05;
const MOST_COST_MS = 1;
/** Requests of those who are known that take as long as a newcomer, with the connections that it makes. */
export const KNOWN_FOR_EACH = 4;

/** Times in ms. */
export interface Times {
  monotonic(): number;
  /** Of the processor, for this thread. */
  spent(): number;
}

export const realTimes: Times = {
  monotonic: () => systemClock.monotonic(),
  spent() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

export class Storm {
  readonly #times: Times;
  #came = 0;
  #refused = 0;
  /** Requests of those who are known, ever, and when that was looked at. */
  #known = 0;
  #knownBefore = 0;
  #spentBefore = 0;
  /** Of the last request of somebody who is known, monotonic ms. */
  knownAt = -Infinity;
  isRaging = false;
  /** What a newcomer takes of the processor, in ms. */
  costMs = MOST_COST_MS;

  constructor(times: Times) {
    this.#times = times;
  }

  /** Requests of those who are known, ever. */
  get known(): number {
    return this.#known;
  }

  countKnown(): void {
    this.#known++;
    this.knownAt = this.#times.monotonic();
  }

  /** Also for whom no request has begun: who is refused has come. */
  countRefused(): void {
    this.#refused++;
    if (this.#refused > this.#came) this.countCame();
  }

  /** A first request begins. */
  countCame(): void {
    if (++this.#came < JUDGED_BY) return;
    this.isRaging = this.#refused * 2 > this.#came;
    const spent = this.#times.spent();
    const known = (this.#known - this.#knownBefore) / KNOWN_FOR_EACH;
    this.costMs = Math.min(Math.max((spent - this.#spentBefore) / (this.#came + known), LEAST_COST_MS), MOST_COST_MS);
    this.#spentBefore = spent;
    this.#knownBefore = this.#known;
    this.#came = this.#refused = 0;
  }
}
