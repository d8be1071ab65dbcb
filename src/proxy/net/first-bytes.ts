/** Reads the first bytes of a connection until they say what it is, and puts them back. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import { inspect, type Inspected } from './inspect.ts';

export interface FirstBytesOptions {
  readonly tls: boolean;
  readonly http: boolean;
  /** How long to wait; 0: as long as it takes. */
  readonly timeoutMs: number;
  /** Goes on as if nothing had been looked for, when time is up; otherwise the connection ends. */
  readonly continueOnTimeout: boolean;
  readonly clock: Clock;
}

export interface FirstBytesListener {
  /** The client has sent something. */
  onSpeaks(): void;
  /** Called once. @param found undefined: time is up @param stream the connection with all its bytes */
  onKnown(found: Inspected | undefined, stream: Duplex): void;
  /** The connection ended before that. */
  onGone(): void;
}

export class FirstBytes {
  readonly #socket: Socket;
  readonly #options: FirstBytesOptions;
  readonly #listener: FirstBytesListener;
  readonly #timer: Timer | undefined;
  /** Monotonic ms. */
  readonly since: number;
  #seen: Buffer | undefined;

  constructor(socket: Socket, options: FirstBytesOptions, listener: FirstBytesListener) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    this.since = options.clock.monotonic();
    this.#timer = options.timeoutMs > 0 ? options.clock.after(options.timeoutMs, () => this.#onTimeout()) : undefined;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  /** Stops looking; what was read is put back. */
  stop(): void {
    const socket = this.#socket;
    this.#release();
    socket.pause();
    if (this.#seen !== undefined && !socket.destroyed) socket.unshift(this.#seen);
  }

  /** Ends the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#seen === undefined) this.#listener.onSpeaks();
    this.#seen = this.#seen === undefined ? chunk : Buffer.concat([this.#seen, chunk]);
    const found = inspect(this.#seen, this.#options);
    if (found === 'more') return;
    this.stop();
    this.#listener.onKnown(found, this.#socket);
  };

  readonly #onEnd = (): void => {
    if (this.#seen === undefined) return this.destroy();
    this.#release();
    this.#listener.onKnown({ kind: 'raw', application: undefined }, endedWith(this.#socket, this.#seen));
  };

  readonly #onClose = (): void => {
    this.#timer?.cancel();
    this.#listener.onGone();
  };

  #onTimeout(): void {
    if (!this.#options.continueOnTimeout) return this.destroy();
    this.stop();
    this.#listener.onKnown(undefined, this.#socket);
  }

  #release(): void {
    const socket = this.#socket;
    this.#timer?.cancel();
    socket.removeListener('data', this.#onData);
    socket.removeListener('end', this.#onEnd);
    socket.removeListener('close', this.#onClose);
  }
}

/** A connection whose client has closed its side already: nothing can be put back into the socket any more. */
function endedWith(socket: Socket, bytes: Buffer): Duplex {
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {},
    write: (chunk: Buffer, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('close', () => stream.destroy());
  stream.push(bytes);
  stream.push(null);
  return stream;
}
