/** Large reads, over all connections. A turn of the event loop reads once from everybody who has sent something: two hundred who send as fast as they can would make it
 * ten milliseconds and more, for those too who want a few octets. So a turn reads this much; beyond it they take turns. Who reads little never waits; who reads where nobody else does may read more, and waits for the next turn at most. */
import { systemClock } from '../../base/clock.ts';

/** Smaller reads cost what an ordinary message costs. */
export const LARGE_BYTES = 16 * 1024;
/** What one that is wanted again is expected to read: it has been sent to meanwhile. */
const WANTED_BYTES = 64 * 1024;
/** And one read at least. */
const EACH_TURN_BYTES = 128 * 1024;
/** For what is done with them. Commonly all of these octets take a tenth of that; where the kernel has to find memory for each page, ten times as long. */
const EACH_TURN_MS = 0.25;
/** As much for the only one who reads: to stop and go on costs system calls. */
const ALONE = 4;
/** Since others have read, however little: they would wait for that much several times in a request. */
const ALONE_AFTER_MS = 100;
/** Part of what turns before took in what an octet is expected to take. */
const MEMORY = 0.75;

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
  readonly #now: () => number;
  /** Who read much last, and whether others have read since the last turn in which somebody did. */
  #reader: Reading | undefined;
  #isShared = false;
  #sharedAt = -Infinity;
  #octetsOfTurn = 0;
  #msOfTurn = 0;
  #msOfOctet = 0;
  #isScheduled = false;

  /** @param schedule runs something in the next turn
   * @param now in ms */
  constructor(schedule: (run: () => void) => void = setImmediate, now: () => number = () => systemClock.monotonic()) {
    this.#schedule = schedule;
    this.#now = now;
  }

  /** It has read little, which of who reads much is the end of it. The other side of a transfer is not told from others: a download over HTTP/2 is not alone with the window updates
   * of its reader, which costs it system calls and nobody time. */
  countSmall(socket: Reading): void {
    if (this.#reader !== socket) this.#isShared = true;
  }

  /** It has read much. @param ms that took what was done with it
   * @returns whether it may go on; otherwise it stops, and goes on when its turn comes */
  mayGoOn(socket: Reading, octets: number, ms: number): boolean {
    this.#octetsOfTurn += octets;
    this.#msOfTurn += ms;
    if (this.#reader !== undefined && this.#reader !== socket) this.#isShared = true;
    this.#reader = socket;
    this.#ask();
    // The next read is expected to be as large.
    if (this.#waiting.size === 0 && this.#octetsOfTurn + octets <= this.#allowance()) return true;
    // Streams read now and then although they are stopped; who wants it to go on still does.
    this.#waiting.set(socket, { octets, isStopped: this.#waiting.get(socket)?.isStopped ?? false });
    return false;
  }

  /** Nothing more is wanted of it for now. */
  pause(socket: Reading): void {
    this.#waiting.delete(socket);
    socket.pause();
  }

  /** More is wanted of it: at once, or where others wait, in its turn. Hundreds may be wanted again in one moment, and each has something to read. */
  resume(socket: Reading): void {
    if (this.#waiting.size === 0 && this.#octetsOfTurn < this.#allowance()) return void socket.resume();
    this.#waiting.set(socket, { octets: WANTED_BYTES, isStopped: true });
    this.#ask();
  }

  #ask(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(this.#run);
  }

  /** Octets in a turn. */
  #allowance(): number {
    return Math.min(EACH_TURN_BYTES, EACH_TURN_MS / this.#msOfOctet) * (this.#isShared || this.#waiting.size > 1 || this.#now() - this.#sharedAt < ALONE_AFTER_MS ? 1 : ALONE);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    if (this.#octetsOfTurn > 0) this.#msOfOctet = this.#msOfOctet * MEMORY + (this.#msOfTurn / this.#octetsOfTurn) * (1 - MEMORY);
    this.#octetsOfTurn = 0;
    this.#msOfTurn = 0;
    const allowance = this.#allowance();
    if (this.#isShared || this.#waiting.size > 1) this.#sharedAt = this.#now();
    this.#isShared = false;
    let expected = 0;
    for (const [socket, { octets, isStopped }] of this.#waiting) {
      if (expected > 0 && expected + octets > allowance) break;
      expected += octets;
      this.#waiting.delete(socket);
      // Somebody else may have stopped it meanwhile, to read it later or never.
      if (!socket.destroyed && (isStopped || !socket.isPaused())) socket.resume();
    }
    if (this.#waiting.size > 0) this.#ask();
  };
}

export const bulkReads = new BulkReads();
