/** How many clients may be connected at once, over all listeners. Envoy: envoy.resource_monitors.global_downstream_max_connections. */
import type { Socket } from 'node:net';

export class ConnectionLimit {
  readonly #most: number;
  #open = 0;
  /** Connections that were closed at once. Envoy: listener.downstream_global_cx_overflow. */
  refused = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns false when it is one too many; it has been closed then */
  admit(socket: Socket): boolean {
    if (this.#open >= this.#most) {
      this.refused++;
      socket.destroy();
      return false;
    }
    this.#open++;
    socket.once('close', () => this.#open--);
    return true;
  }
}
