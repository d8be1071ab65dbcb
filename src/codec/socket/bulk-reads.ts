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
  pause(): unknown;
  resume(): unknown;
}

interface Turn {
  /** What it read last. */
  readonly octets: number;
  /** Whoever reads it had stopped it, and wants it to go on. */
  readonly isStopped: boolean;
}

export class BulkReads {
  readonly #schedule: (run: () => void) => void;
  /** In the order of their turns. */
  readonly #waiting = new Map<Reading, Turn>();
  #octetsOfTurn = 0;
  #isScheduled = false;

  /** @param schedule runs something in the next turn */
  constructor(schedule: (run: () => void) => void = setImmediate) {
    this.#schedule = schedule;
  }

  /** It has read. @returns whether it may go on; otherwise it stops, and goes on when its turn comes */
  mayGoOn(socket: Reading, octets: number): boolean {
    if (octets < LARGE_BYTES) return true;
    const isFirst = this.#octetsOfTurn === 0;
    this.#octetsOfTurn += octets;
    this.#ask();
    if (this.#waiting.size === 0 && (isFirst || this.#octetsOfTurn <= EACH_TURN_BYTES)) return true;
    this.#waiting.set(socket, { octets, isStopped: false });
    return false;
  }

  /** Nothing more is wanted of it for now. */
  pause(socket: Reading): void {
    this.#waiting.delete(socket);
    socket.pause();
  }

  /** More is wanted of it: at once, or where others wait, in its turn. Hundreds may be wanted again in one moment, and each has something to read. */
  resume(socket: Reading): void {
    if (this.#waiting.size === 0 && this.#octetsOfTurn < EACH_TURN_BYTES) return void socket.resume();
    this.#waiting.set(socket, { octets: LARGE_BYTES, isStopped: true });
    this.#ask();
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
    for (const [socket, { octets, isStopped }] of this.#waiting) {
      if (left <= 0) break;
      left -= octets;
      this.#waiting.delete(socket);
      // Somebody else may have stopped it meanwhile, to read it later or never.
      if (!socket.destroyed && (isStopped || !socket.isPaused())) socket.resume();
    }
    if (this.#waiting.size > 0) this.#ask();
  };
}

export const bulkReads = new BulkReads();
