/** How many clients may be connected at once, over all listeners. Envoy: envoy.resource_monitors.global_downstream_max_connections. */
import type { Socket } from 'node:net';
import type { SharedSlot } from '../threads/shared-state.ts';

export class ConnectionLimit {
  readonly #most: number;
  /** One number: with the other threads, if there are any. */
  readonly #open: Int32Array;
  /** Connections that were closed at once. Envoy: listener.downstream_global_cx_overflow. */
  refused = 0;

  constructor(most: number, slot?: SharedSlot) {
    this.#most = most;
    this.#open = slot?.counts ?? new Int32Array(1);
  }

  /** @returns false when it is one too many; it has been closed then */
  admit(socket: Socket): boolean {
    // Counted first: other threads admit at the same moment.
    if (Atomics.add(this.#open, 0, 1) >= this.#most) {
      Atomics.sub(this.#open, 0, 1);
      this.refused++;
      socket.destroy();
      return false;
    }
    socket.once('close', () => Atomics.sub(this.#open, 0, 1));
    return true;
  }
}
