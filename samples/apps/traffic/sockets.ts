/** WebSockets that are opened once and should never close; each says something now and then and wants it back. */
import { WebSocket } from 'ws';
import type { Failure, SocketOrder, SocketReport } from './order.ts';

const OPEN_AT_ONCE = 50;
const SAY_EVERY_MS = 5000;
const OPEN_AGAIN_MS = 500;

export class Sockets {
  readonly #order: SocketOrder;
  readonly #open = new Set<WebSocket>();
  readonly #timer: NodeJS.Timeout;
  #started = 0;
  #closing = false;
  #echoes = 0;
  #closed: Failure[] = [];

  constructor(order: SocketOrder) {
    this.#order = order;
    for (let i = 0; i < OPEN_AT_ONCE; i++) this.#next();
    this.#timer = setInterval(() => {
      for (const socket of this.#open) socket.send('still there');
    }, SAY_EVERY_MS);
  }

  reset(): void {
    this.#echoes = 0;
    this.#closed = [];
  }

  close(): void {
    this.#closing = true;
    clearInterval(this.#timer);
    for (const socket of this.#open) socket.terminate();
  }

  report(): SocketReport {
    return { wanted: this.#order.count, open: this.#open.size, echoes: this.#echoes, closed: this.#closed };
  }

  /** The way there may not be ready yet. */
  #again(): void {
    this.#started--;
    setTimeout(() => this.#next(), OPEN_AGAIN_MS);
  }

  #next(): void {
    if (this.#started >= this.#order.count || this.#closing) return;
    this.#started++;
    const openedAt = Date.now();
    const socket = new WebSocket(this.#order.url, { perMessageDeflate: false, ...(this.#order.host === undefined ? {} : { headers: { host: this.#order.host } }) });
    let error = '';
    let wasOpen = false;
    socket.once('open', () => {
      wasOpen = true;
      this.#open.add(socket);
      this.#next();
    });
    socket.on('message', () => this.#echoes++);
    socket.on('error', (cause) => (error = cause.message));
    socket.once('close', (code) => {
      this.#open.delete(socket);
      if (this.#closing) return;
      if (wasOpen) this.#closed.push({ atMs: openedAt, tookMs: Date.now() - openedAt, stream: this.#order.name, what: `closed with ${code} ${error}` });
      else this.#again();
    });
  }
}
