/** The loop under every controller: a queue of keys, each worked on by one worker at a time, level-triggered.
 *
 * A key that is queued twice is worked on once. A key that is queued while it is being worked on is worked on again
 * afterwards. A failure puts the key back after a delay that doubles; success forgets the failures. Nothing is polled:
 * a key comes from an event, from a failure, or from a time that the work itself asked for. */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isConflict, isReason } from '../../kube/client.ts';

const FIRST_RETRY_MS = 5;
/** Differs from Kubernetes (1,000 s): on one machine a person waits for the retry after mending a quota. */
const LONGEST_RETRY_MS = 30_000;

/** What a unit of work may ask for: to be called again. */
export interface Again {
  afterMs: number;
}

export interface ReconcilerOptions {
  name: string;
  clock: Clock;
  log: Log;
  /** Makes the world as `key` wants it. A throw is retried with back-off. */
  reconcile(key: string): Promise<Again | void>;
  /** Keys worked on at the same time; default 8. */
  workers?: number;
}

export interface Reconciler {
  enqueue(key: string): void;
  /** The earliest of several asked-for times wins. */
  enqueueAfter(key: string, delayMs: number): void;
  /** Keys queued before `start` are kept and worked on then. */
  start(): void;
  /** Stops taking keys and waits for the work in hand. */
  close(): Promise<void>;
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  return new KeyedReconciler(options);
}

class KeyedReconciler implements Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #log: Log;
  readonly #queued = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { atMs: number; timer: Timer }>();
  #state: 'waiting' | 'running' | 'closed' = 'waiting';

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#log = options.log.scope(options.name);
  }

  enqueue(key: string): void {
    if (this.#state === 'closed') return;
    this.#queued.add(key);
    this.#fill();
  }

  enqueueAfter(key: string, delayMs: number): void {
    if (this.#state === 'closed') return;
    if (delayMs <= 0) return this.enqueue(key);
    const { clock } = this.#options;
    const atMs = clock.monotonic() + delayMs;
    const held = this.#later.get(key);
    if (held && held.atMs <= atMs) return;
    held?.timer.cancel();
    const timer = clock.after(delayMs, () => {
      this.#later.delete(key);
      this.enqueue(key);
    });
    this.#later.set(key, { atMs, timer });
  }

  start(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'running';
    this.#fill();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#queued.clear();
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    await Promise.all(this.#working.values());
  }

  #fill(): void {
    if (this.#state !== 'running') return;
    for (const key of this.#queued) {
      if (this.#working.size >= (this.#options.workers ?? 8)) return;
      if (this.#working.has(key)) continue;
      this.#queued.delete(key);
      this.#working.set(key, this.#work(key));
    }
  }

  async #work(key: string): Promise<void> {
    // One turn later, so that the events of this turn become one piece of work.
    await Promise.resolve();
    try {
      const again = await this.#options.reconcile(key);
      this.#failures.delete(key);
      if (again) this.enqueueAfter(key, again.afterMs);
    } catch (error) {
      this.#retry(key, error);
    }
    this.#working.delete(key);
    this.#fill();
  }

  #retry(key: string, error: unknown): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const afterMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    // A lost race, a refusal, an object that is gone: the usual run of things.
    const expected = isConflict(error) || isReason(error, 'Forbidden') || isReason(error, 'NotFound');
    this.#log[expected ? 'debug' : 'warn']('reconcile failed, will retry', { key, error: errorText(error), afterMs });
    this.enqueueAfter(key, afterMs);
  }
}
