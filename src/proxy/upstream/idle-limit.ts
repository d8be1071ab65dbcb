/** How long a server leaves idle connections open: told by its `Keep-Alive: timeout=N`, or learned from two that it closed at the
 * same age. A request must not meet the closing of its connection: nobody could say whether the server has seen it. So the
 * side that reuses connections stops before the side that closes them does. */
export class IdleLimit {
  #learnedMs = Infinity;
  #lastClosedMs = 0;

  /** The server closed a connection after this time without a request. */
  onClosedIdle(idleMs: number): void {
    if (idleMs < LEAST_MS) return;
    const ratio = idleMs / this.#lastClosedMs;
    if (ratio > 1 - TOLERANCE && ratio < 1 + TOLERANCE) this.#learnedMs = Math.min(idleMs, this.#lastClosedMs);
    this.#lastClosedMs = idleMs;
  }

  /** @param toldMs by the server; Infinity: nothing. @returns how long an idle connection may be used again */
  usableMs(toldMs: number): number {
    const limit = toldMs < Infinity ? toldMs : this.#learnedMs;
    return limit - Math.min(MARGIN_MS, limit / 5);
  }
}

/** Connections that end younger are ended for other reasons: a server that stops, one that allows a single request. */
const LEAST_MS = 500;
const TOLERANCE = 0.1;
const MARGIN_MS = 1000;
