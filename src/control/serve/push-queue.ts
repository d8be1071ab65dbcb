/** Who is to be sent what has changed: one after the other, a few in each turn of the event loop, so that answers come through
 * between. Whoever is told is told of the newest there is, so that under load changes merge instead of waiting in line. */
import type { Clock, Timer } from '../../base/clock.ts';

export interface Pushed {
  /** True when it has answered what it was told last. */
  readonly isReady: boolean;
  /** Tells it what there is now. */
  push(): void;
}

export interface PushQueueDeps<T> {
  readonly clock: Clock;
  /** Runs later in the event loop, when answers that are there have been read. */
  soon(run: () => void): void;
  /** It could not be told; it keeps what it has, and the others are told. */
  failed(item: T, error: unknown): void;
}

/** For pushing in one turn of the event loop. */
const TURN_MS = 4;
/** Who has not answered for so long is told of newer things all the same. */
export const PATIENCE_MS = 500;

export class PushQueue<T extends Pushed> {
  readonly #deps: PushQueueDeps<T>;
  readonly #queue = new Set<T>();
  /** Told, and not ready yet; when it was told. */
  readonly #busy = new Map<T, number>();
  /** Are to be told when they are ready. */
  readonly #later = new Set<T>();
  #done: (() => void)[] = [];
  #isScheduled = false;
  #timer: Timer | undefined;

  constructor(deps: PushQueueDeps<T>) {
    this.#deps = deps;
  }

  /** Somebody is to be told still, or has not answered. */
  get isBusy(): boolean {
    return this.#queue.size + this.#busy.size > 0;
  }

  /** @param done called when nobody is to be told any more, except those who are busy */
  add(items: Iterable<T>, done: () => void): void {
    for (const item of items) this.#queue.add(item);
    this.#done.push(done);
    this.#schedule();
  }

  /** It has answered everything. */
  ready(item: T): void {
    this.#busy.delete(item);
    if (!this.#later.delete(item)) return;
    this.#queue.add(item);
    this.#schedule();
  }

  remove(item: T): void {
    this.#queue.delete(item);
    this.#busy.delete(item);
    this.#later.delete(item);
  }

  close(): void {
    this.#timer?.cancel();
    this.#queue.clear();
    this.#later.clear();
    this.#done = [];
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.size + this.#done.length === 0) return;
    this.#isScheduled = true;
    this.#deps.soon(() => {
      this.#isScheduled = false;
      this.#turn();
      if (this.#queue.size === 0) for (const done of this.#done.splice(0)) done();
      this.#schedule();
    });
  }

  #turn(): void {
    const { clock } = this.#deps;
    const startedMs = clock.monotonic();
    for (const item of this.#queue) {
      this.#queue.delete(item);
      const nowMs = clock.monotonic();
      const sinceMs = this.#busy.get(item);
      if (sinceMs !== undefined && nowMs - sinceMs < PATIENCE_MS) this.#wait(item);
      else this.#tell(item, nowMs);
      if (clock.monotonic() - startedMs >= TURN_MS) return;
    }
  }

  #tell(item: T, nowMs: number): void {
    this.#busy.delete(item);
    try {
      item.push();
    } catch (error) {
      return this.#deps.failed(item, error);
    }
    if (!item.isReady) this.#busy.set(item, nowMs);
  }

  #wait(item: T): void {
    this.#later.add(item);
    this.#timer ??= this.#deps.clock.after(PATIENCE_MS, () => {
      this.#timer = undefined;
      for (const late of this.#later) this.#queue.add(late);
      this.#later.clear();
      this.#schedule();
    });
    this.#timer.unref();
  }
}
