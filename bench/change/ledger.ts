/** Counts how many clients have taken each change. */
import { MARKER_SLOTS, markerSlot, type Marker } from './marker.ts';

export interface Taken extends Marker {
  /** Milliseconds of the machine's monotonic clock. */
  readonly atMs: number;
}

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export class Ledger {
  readonly #counts: (Uint32Array | undefined)[] = Array.from({ length: MARKER_SLOTS });
  readonly #taken: (change: Taken) => void;
  clients = 0;

  constructor(taken: (change: Taken) => void) {
    this.#taken = taken;
  }

  /** A client went from one turn of a target to a later one; changes between them were merged, and count as taken. */
  moved(marker: Marker, before: number): void {
    const slot = markerSlot(marker);
    let counts = this.#counts[slot];
    if (!counts || counts.length <= marker.turn) {
      const more = new Uint32Array(Math.max(64, marker.turn * 2));
      if (counts) more.set(counts);
      this.#counts[slot] = counts = more;
    }
    for (let turn = before + 1; turn <= marker.turn; turn++) {
      const count = (counts[turn] ?? 0) + 1;
      counts[turn] = count;
      if (count === this.clients) this.#taken({ ...marker, turn, atMs: nowMs() });
    }
  }
}
