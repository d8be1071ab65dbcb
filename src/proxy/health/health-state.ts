/** What probes in a row come to. Pure. Nothing is known before the first verdict: an application that is ill from the beginning is said to
 * be so, since its entry may remember better days. */
export interface Thresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export class HealthState {
  readonly #thresholds: Thresholds;
  #verdict: boolean | undefined;
  #last: boolean | undefined;
  #inARow = 0;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  /** @returns true when the probe makes the application well or ill that was not so before */
  note(isGood: boolean): boolean {
    this.#inARow = this.#last === isGood ? this.#inARow + 1 : 1;
    this.#last = isGood;
    const { successThreshold, failureThreshold } = this.#thresholds;
    if (this.#verdict === isGood || this.#inARow < (isGood ? successThreshold : failureThreshold)) return false;
    this.#verdict = isGood;
    return true;
  }
}
