/** Work that strangers may ask for in any amount, and much at once: so many pieces of it are done in each turn of the event loop, and
 * between the turns everybody else is served. Those who ask for it take turns, too. */
export interface Backlog {
  /** Who asks, e.g. the address of the client; default: all the same. Sources take turns, and the backlogs of each source take turns in those. */
  readonly source?: string;
  /** Does one piece. @returns whether there is more */
  proceed(): boolean;
}

export class TurnQueue {
  readonly #piecesEachTurn: number;
  readonly #schedule: (run: () => void) => void;
  /** In the order of their turns. */
  readonly #sources = new Map<string, Set<Backlog>>();
  #isScheduled = false;

  /** @param schedule runs something in the next turn */
  constructor(piecesEachTurn: number, schedule: (run: () => void) => void = setImmediate) {
    this.#piecesEachTurn = piecesEachTurn;
    this.#schedule = schedule;
  }

  /** There is something to do for it. */
  add(backlog: Backlog): void {
    this.#sources.getOrInsertComputed(backlog.source ?? '', () => new Set()).add(backlog);
    if (this.#isScheduled) return;
    this.onTurn();
    this.#isScheduled = true;
    this.schedule(this.#run);
  }

  /** Whatever it had to do is done with. */
  remove(backlog: Backlog): void {
    const source = backlog.source ?? '';
    const backlogs = this.#sources.get(source);
    backlogs?.delete(backlog);
    if (backlogs?.size === 0) this.#sources.delete(source);
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
    for (const [source, backlogs] of this.#sources) {
      if (left-- <= 0) break;
      proceedFirst(backlogs);
      // It may have been taken out, and another begun.
      if (this.#sources.get(source) !== backlogs) continue;
      this.#sources.delete(source);
      // Last again, behind the others.
      if (backlogs.size > 0) this.#sources.set(source, backlogs);
    }
    this.onTurn();
    this.#isScheduled = this.#sources.size > 0;
    if (this.#isScheduled) this.schedule(this.#run);
  };
}

function proceedFirst(backlogs: Set<Backlog>): void {
  for (const first of backlogs) {
    backlogs.delete(first);
    if (first.proceed()) backlogs.add(first);
    return;
  }
}
