/** Large reads, over all connections. A turn of the event loop reads once from everybody who has sent something: two hundred who send as fast as they can would make it
 * ten milliseconds and more, for those too who want a few octets. So a turn reads this much; beyond it they take turns. Who reads alone, or little, never waits. */

/** Smaller reads cost what an ordinary message costs. */
const LARGE_BYTES = 16 * 1024;
/** And one read at least. With what is done with them a tenth of a millisecond, or a whole one where the kernel's memory is short. */
const EACH_TURN_BYTES = 128 * 1024;

/** What there is to know of a connection. */
export interface Reading {
  readonly destroyed: boolean;
  isPaused(): boolean;
  resume(): unknown;
}

export class BulkReads {
  readonly #schedule: (run: () => void) => void;
  /** In the order of their turns, with what each read last. */
  readonly #waiting = new Map<Reading, number>();
  #octetsOfTurn = 0;
  #isScheduled = false;

  /** @param schedule runs something in the next turn */
  constructor(schedule: (run: () => void) => void = setImmediate) {
    this.#schedule = schedule;
  }

  /** It has read. @returns whether it may go on; otherwise it stops, and is resumed when its turn comes */
  mayGoOn(socket: Reading, octets: number): boolean {
    if (octets < LARGE_BYTES) return true;
    this.#ask();
    const isFirst = this.#octetsOfTurn === 0;
    this.#octetsOfTurn += octets;
    if (this.#waiting.size === 0 && (isFirst || this.#octetsOfTurn <= EACH_TURN_BYTES)) return true;
    this.#waiting.set(socket, octets);
    return false;
  }

  #ask(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(this.#run);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    this.#octetsOfTurn = 0;
    let left = EACH_TURN_BYTES;
    for (const [socket, octets] of this.#waiting) {
      if (left <= 0) break;
      left -= octets;
      this.#waiting.delete(socket);
      // Whoever reads it may have stopped it meanwhile, and goes on itself.
      if (!socket.destroyed && !socket.isPaused()) socket.resume();
    }
    if (this.#waiting.size > 0) this.#ask();
  };
}

export const bulkReads = new BulkReads();
