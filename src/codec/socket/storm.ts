/** Whether those who come for the first time are a storm: most of them are refused, and come again. */
import { systemClock } from '../../base/clock.ts';

/** Newcomers by which it is judged. */
const JUDGED_BY = 64;
/** What one may be taken to cost, in ms: measured is all that the thread did meanwhile. */
const LEAST_COST_MS = 0.05;
const MOST_COST_MS = 1;

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
  #known = 0;
  #spentBefore = 0;
  isRaging = false;
  /** What a newcomer takes of the processor, in ms. */
  costMs = MOST_COST_MS;

  constructor(times: Times) {
    this.#times = times;
  }

  countRefused(): void {
    this.#refused++;
  }

  /** @param came newcomers whose requests begin now @param known what was done for others since the last call, in as many newcomers */
  count(came: number, known: number): void {
    this.#came += came;
    this.#known += known;
    if (this.#came < JUDGED_BY) return;
    this.isRaging = this.#refused * 2 > this.#came;
    const spent = this.#times.spent();
    this.costMs = Math.min(Math.max((spent - this.#spentBefore) / (this.#came + this.#known), LEAST_COST_MS), MOST_COST_MS);
    this.#spentBefore = spent;
    this.#came = this.#refused = this.#known = 0;
  }
}
