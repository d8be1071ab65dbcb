/** Numbers that all threads of a proxy change: how much of a limit is taken is one number, whoever takes it. Envoy, too, holds these in common
 * among its workers. */
import { xxHash64 } from '../upstream/hash.ts';

/** What a thread has in common with others. */
export interface SharedState {
  readonly slots: SharedSlots;
  /** Keys of TLS tickets are made from it, so that a session goes on in another thread. */
  readonly ticketSecret: Uint8Array;
  /** Tells the others that this thread has ejected hosts of a cluster, or let them in again. */
  tellEjections(cluster: string): void;
}

/** A few numbers under one key. */
export interface SharedSlot {
  /** The first {@link OPEN} count what is open: while one of them is not 0, the slot is not given to anybody else. All are 0 at first. */
  readonly counts: Int32Array;
  readonly values: Float64Array;
  /** Nobody else is in there meanwhile: for what takes more than one step. */
  locked<T>(run: () => T): T;
  /** This thread is done with it. */
  release(): void;
}

/** Counts of a slot that say whether something is open. */
export const OPEN = 4;

const CAPACITY = 32_768;
/** 32-bit words: references, key (two), lock, counts, and values of two words each. */
const WORDS = 32;
const [REFERENCES, KEY, LOCK, COUNTS, VALUES] = [0, 1, 3, 4, 20];
/** Slots that are looked at for a key. */
const REACH = 256;
const SPINS = 100;

/** Pages of it that nobody has written cost nothing. */
export const createSlotMemory = (): SharedArrayBuffer => new SharedArrayBuffer((1 + CAPACITY) * WORDS * Int32Array.BYTES_PER_ELEMENT);

export class SharedSlots {
  readonly #memory: SharedArrayBuffer;
  /** The first slot is the lock of the table. */
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** The slot of this key, which is the same one in all threads that hold it. @returns undefined when there is no room */
  acquire(key: string): SharedSlot | undefined {
    const [high, low] = words(key);
    return locked(this.#words, 0, () => {
      const at = this.#find(high, low);
      if (at === undefined) return undefined;
      this.#words[at + REFERENCES] = (this.#words[at + REFERENCES] ?? 0) + 1;
      return this.#slot(at);
    });
  }

  #find(high: number, low: number): number | undefined {
    const words = this.#words;
    let free: number | undefined;
    for (let i = 0; i < REACH; i++) {
      const at = (1 + (((low >>> 0) + i) % CAPACITY)) * WORDS;
      const isHeld = words[at + REFERENCES] !== 0;
      if (isHeld && words[at + KEY] === high && words[at + KEY + 1] === low) return at;
      if (!isHeld && free === undefined && words.subarray(at + COUNTS, at + COUNTS + OPEN).every((open) => open === 0)) free = at;
      // Nobody was ever here, or further on.
      if (words[at + KEY] === 0 && words[at + KEY + 1] === 0) break;
    }
    if (free === undefined) return undefined;
    words.fill(0, free, free + WORDS);
    words[free + KEY] = high;
    words[free + KEY + 1] = low;
    return free;
  }

  #slot(at: number): SharedSlot {
    const words = this.#words;
    const bytes = (word: number) => (at + word) * Int32Array.BYTES_PER_ELEMENT;
    return {
      counts: new Int32Array(this.#memory, bytes(COUNTS), VALUES - COUNTS),
      values: new Float64Array(this.#memory, bytes(VALUES), (WORDS - VALUES) / 2),
      locked: (run) => locked(words, at + LOCK, run),
      release: () => locked(words, 0, () => void (words[at + REFERENCES] = Math.max(0, (words[at + REFERENCES] ?? 0) - 1))),
    };
  }
}

function locked<T>(words: Int32Array, at: number, run: () => T): T {
  for (let spins = 0; Atomics.compareExchange(words, at, 0, 1) !== 0; spins++) if (spins >= SPINS) Atomics.wait(words, at, 1, 1);
  try {
    return run();
  } finally {
    Atomics.store(words, at, 0);
    Atomics.notify(words, at, 1);
  }
}

/** Never both 0, which stands for nobody. */
function words(key: string): [high: number, low: number] {
  const { high, low } = xxHash64(key);
  return [high | 0, low | 0 || 1];
}
