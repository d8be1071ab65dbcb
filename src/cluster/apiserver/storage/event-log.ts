import type { Entry } from './store.ts';

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The object after the change; for DELETED its last state under the revision of the deletion. */
  readonly entry: Entry;
  readonly previous?: Entry;
  readonly revision: number;
}

/** Events per collection: enough for a client that reconnects, few enough to keep the past small in memory. */
const KEPT = 400;

/** The recent changes of one collection, so that a watch can go on from where its predecessor ended. */
export class EventLog {
  #events: StoreEvent[] = [];
  /** Revision of the newest event that was dropped. */
  #droppedUpTo = 0;

  append(event: StoreEvent): void {
    this.#events.push(event);
    // Cut in chunks, so that appending stays cheap.
    if (this.#events.length >= KEPT * 2) {
      this.#droppedUpTo = this.#events[KEPT - 1]?.revision ?? this.#droppedUpTo;
      this.#events = this.#events.slice(KEPT);
    }
  }

  /** Undefined when events after `revision` have been dropped. */
  since(revision: number): StoreEvent[] | undefined {
    if (revision < this.#droppedUpTo) return undefined;
    const events = this.#events;
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return events.slice(low);
  }
}
