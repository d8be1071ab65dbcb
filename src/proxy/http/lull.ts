/** Moments in which nobody waits for an answer, over all listeners of a thread. What has to be done now and then, and takes half a millisecond, is done in them: where requests come in bursts it
 * would fall into one otherwise, and whoever is left of that would wait. Under load, or while an answer goes on for ever, there are none, and it is done when it must. */
import { topUpRandom } from '../../base/random.ts';

/** Requests. The nursery that the sidecar's image asks for, 1 MB, holds what somewhat more than a hundred leave behind. */
const CHORES_AFTER = 64;
/** Without a request: a moment that is going to last, where they do not come one right after the other. */
const QUIET_MS = 1;

export class Lull {
  readonly #chores: readonly (() => void)[];
  readonly #schedule: (run: () => void) => void;
  /** Requests that are not answered yet, those that have begun, ever, and those since the chores were done. */
  #waiting = 0;
  #begun = 0;
  #sinceChores = 0;
  #isScheduled = false;

  /** @param schedule runs something after `QUIET_MS` */
  constructor(chores: readonly (() => void)[], schedule: (run: () => void) => void = runLater) {
    this.#chores = chores;
    this.#schedule = schedule;
  }

  begin(): void {
    this.#waiting++;
    this.#begun++;
  }

  end(): void {
    this.#sinceChores++;
    if (--this.#waiting > 0 || this.#sinceChores < CHORES_AFTER || this.#isScheduled) return;
    this.#isScheduled = true;
    const begun = this.#begun;
    this.#schedule(() => this.#check(begun));
  }

  #check(begun: number): void {
    this.#isScheduled = false;
    if (this.#waiting > 0 || this.#begun !== begun) return;
    this.#sinceChores = 0;
    for (const run of this.#chores) run();
  }
}

const runLater = (run: () => void): void => void setTimeout(run, QUIET_MS).unref();

/** Of the nursery; nothing where V8 was not asked for it (`--expose-gc`). */
const collectGarbage = (): void => globalThis.gc?.({ type: 'minor' });

export const lull = new Lull([collectGarbage, topUpRandom]);
