/** How many clients may be connected at once, over all listeners. Envoy: envoy.resource_monitors.global_downstream_max_connections. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { SharedSlot } from '../threads/shared-state.ts';

export interface ConnectionLimitDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Pick<Log, 'warn'>;
  /** In common with the other threads, if there are any. */
  readonly slot?: SharedSlot;
}

/** A connection that has just come. */
interface Admitted {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** Who is refused is told nothing but the end of his connection: the operator has to be. */
const TOLD_EVERY_MS = 60_000;

export class ConnectionLimit {
  readonly #most: number;
  readonly #deps: ConnectionLimitDeps;
  readonly #open: Int32Array;
  #toldAt = -Infinity;

  constructor(most: number, deps: ConnectionLimitDeps) {
    this.#most = most;
    this.#deps = deps;
    this.#open = deps.slot?.counts ?? new Int32Array(1);
  }

  /** @returns false when it is one too many; it has been closed then */
  admit(socket: Admitted): boolean {
    // Counted first: other threads admit at the same moment.
    if (Atomics.add(this.#open, 0, 1) >= this.#most) {
      Atomics.sub(this.#open, 0, 1);
      socket.destroy();
      this.#tell();
      return false;
    }
    socket.once('close', () => Atomics.sub(this.#open, 0, 1));
    return true;
  }

  #tell(): void {
    const now = this.#deps.clock.monotonic();
    if (now - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = now;
    this.#deps.log.warn('clients are refused: as many are connected as may be', { most: this.#most, setting: 'runtimeValues overload.global_downstream_max_connections; three quarters of the open files at most' });
  }
}
