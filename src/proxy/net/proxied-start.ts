/** Reads the PROXY header with which a connection begins, and gives the rest back. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import { readProxyHeader, type ProxyHeader } from './proxy-header.ts';

export interface ProxiedStartListener {
  onHeader(header: ProxyHeader): void;
  /** The connection has been ended. @param problem undefined: the client went, or was silent for too long */
  onGone(problem: string | undefined): void;
}

export class ProxiedStart {
  readonly #socket: Socket;
  readonly #listener: ProxiedStartListener;
  readonly #timer: Timer | undefined;
  /** Monotonic ms. */
  readonly since: number;
  #seen: Buffer | undefined;
  #problem: string | undefined;

  /** @param limit `timeoutMs` 0: as long as it takes */
  constructor(socket: Socket, limit: { readonly timeoutMs: number; readonly clock: Clock }, listener: ProxiedStartListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.since = limit.clock.monotonic();
    this.#timer = limit.timeoutMs > 0 ? limit.clock.after(limit.timeoutMs, () => this.destroy()) : undefined;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#seen = this.#seen === undefined ? chunk : Buffer.concat([this.#seen, chunk]);
    const header = readProxyHeader(this.#seen);
    if (header === 'more') return;
    if ('problem' in header) {
      this.#problem = header.problem;
      // As Envoy, which has not taken the bytes off the socket.
      this.#socket.resetAndDestroy();
      return;
    }
    const rest = this.#seen.subarray(header.length);
    this.#release();
    this.#socket.pause();
    if (rest.length > 0) this.#socket.unshift(rest);
    this.#listener.onHeader(header);
  };

  readonly #onEnd = (): void => this.destroy();

  readonly #onClose = (): void => {
    this.#release();
    this.#listener.onGone(this.#problem);
  };

  #release(): void {
    this.#timer?.cancel();
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onEnd);
    this.#socket.removeListener('close', this.#onClose);
  }
}
