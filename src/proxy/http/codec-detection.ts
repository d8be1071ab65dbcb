/** Which HTTP a client speaks, by its first bytes: HTTP/2 announces itself (RFC 9113 §3.4). What a connection begins with - its codec, its first head - takes longer
 * than reading it: newcomers take turns with that. */
import type { Duplex } from 'node:stream';
import { newcomers } from '../../codec/socket/newcomers.ts';
import { remoteAddress } from '../../codec/socket/remote-address.ts';
import type { Backlog, TurnQueue } from '../../codec/socket/turn-queue.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n', 'latin1');

export interface CodecDetectionListener {
  /** Called once, or `onGone`. @param seen what was read; the socket is paused and has no listeners of this */
  onKnown(isHttp2: boolean, seen: Buffer): void;
  /** The connection ended before. */
  onGone(): void;
}

export class CodecDetection implements Backlog {
  readonly #socket: Duplex;
  readonly #listener: CodecDetectionListener;
  readonly #turns: TurnQueue;
  #seen: Buffer | undefined;
  #isHttp2 = false;
  /** Waits for its turn. */
  #isKnown = false;
  #isOver = false;

  constructor(socket: Duplex, listener: CodecDetectionListener, turns = newcomers.codecs) {
    this.#socket = socket;
    this.#listener = listener;
    this.#turns = turns;
    socket.on('data', this.#onData);
    socket.on('end', this.#onGone);
    socket.on('error', this.#onGone);
    socket.on('close', this.#onGone);
    socket.resume();
  }

  get source(): string | undefined {
    return remoteAddress(this.#socket);
  }

  /** The turn has come, or nobody can wait for it. */
  proceed(): false {
    if (!this.#isKnown || this.#isOver || this.#seen === undefined) return false;
    this.#release();
    this.#listener.onKnown(this.#isHttp2, Buffer.concat([this.#seen, ...this.#gathered()]));
    return false;
  }

  /** Nobody serves this client any more: whoever has said nothing goes. */
  drain(): void {
    if (this.#isKnown) this.proceed();
    else this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#seen = this.#seen === undefined ? chunk : Buffer.concat([this.#seen, chunk]);
    if (this.#isKnown) return;
    const length = Math.min(this.#seen.length, PREFACE.length);
    this.#isHttp2 = this.#seen.compare(PREFACE, 0, length, 0, length) === 0;
    if (this.#isHttp2 && length < PREFACE.length) return;
    this.#isKnown = true;
    this.#socket.pause();
    this.#turns.add(this);
  };

  readonly #onGone = (): void => {
    this.#release();
    this.#socket.destroy();
    this.#listener.onGone();
  };

  /** By the stream meanwhile: it comes before what is read past the stream then (lent-reads.ts). */
  *#gathered(): Iterable<Buffer> {
    for (let more: unknown = this.#socket.read(); Buffer.isBuffer(more); more = this.#socket.read()) yield more;
  }

  #release(): void {
    this.#isOver = true;
    // Who has gone takes no turn from others.
    this.#turns.remove(this);
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onGone);
    this.#socket.removeListener('error', this.#onGone);
    this.#socket.removeListener('close', this.#onGone);
  }
}
