/** Work that strangers may ask for in any amount, and much at once: so many pieces of it are done in each turn of the event loop, and
 * between the turns everybody else is served. Those who ask for it take turns, too. */
export interface Backlog {
  /** Does one piece. @returns whether there is more */
  proceed(): boolean;
}

export class TurnQueue {
  readonly #piecesEachTurn: number;
  readonly #schedule: (run: () => void) => void;
  /** In the order of their turns. */
  readonly #backlogs = new Set<Backlog>();
  #isScheduled = false;

  /** @param schedule runs something in the next turn */
  constructor(piecesEachTurn: number, schedule: (run: () => void) => void = setImmediate) {
    this.#piecesEachTurn = piecesEachTurn;
    this.#schedule = schedule;
  }

  /** There is something to do for it. */
  add(backlog: Backlog): void {
    this.#backlogs.add(backlog);
    if (this.#isScheduled) return;
    this.onTurn();
    this.#isScheduled = true;
    this.schedule(this.#run);
  }

  /** Runs it in the next turn. */
  protected schedule(run: () => void): void {
    this.#schedule(run);
  }

  /** A turn begins in which there is something to do. */
  protected onTurn(): void {}

  /** Pieces of this turn. */
  protected allowance(): number {
    return this.#piecesEachTurn;
  }

  readonly #run = (): void => {
    let left = this.allowance();
    for (const backlog of this.#backlogs) {
      if (left-- <= 0) break;
      this.#backlogs.delete(backlog);
      // Last again, behind the others.
      if (backlog.proceed()) this.#backlogs.add(backlog);
    }
    this.onTurn();
    this.#isScheduled = this.#backlogs.size > 0;
    if (this.#isScheduled) this.schedule(this.#run);
  };
}
