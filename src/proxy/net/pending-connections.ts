/** Connections of a port that the kernel has made and nobody has taken. Node takes one in each turn of the event loop: where a turn has
 * hundreds of requests and lasts ten milliseconds, a hundred clients that come at one moment would wait for a second. More of them are taken as newcomers take their turns (codec/socket/newcomers.ts). */
import { Socket, type Server, type SocketConstructorOpts } from 'node:net';
import { loadCLibrary } from '../../codec/socket/c-library.ts';
import { descriptor } from '../../codec/socket/descriptor.ts';
import type { Backlog } from '../../codec/socket/turn-queue.ts';

/** Of the next connection; negative: there is none, or it could not be taken. */
export type Accept = (listening: number) => number;

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** One after the other, with no pause between two: more are likely to be there. Before, Node is fast enough, and the foreign functions
 * need not be loaded: 5 ms and 2 MB. */
const LIKELY_AFTER = 32;
/** Longer than a turn of a busy event loop. */
const PAUSE_MS = 100;

export class PendingConnections implements Backlog {
  readonly #server: Server;
  readonly #onConnection: (socket: Socket) => void;
  readonly #accept: Accept;
  /** Without a pause before the last one. */
  #came = 0;
  #lastCameAt = -Infinity;

  /** @param onConnection gets sockets of which nothing has been read, as from a server with `pauseOnConnect` */
  constructor(server: Server, onConnection: (socket: Socket) => void, accept = acceptByLibrary) {
    this.#server = server;
    this.#onConnection = onConnection;
    this.#accept = accept;
  }

  /** Node has taken one. @param now monotonic ms @returns whether more are likely to be there */
  areLikely(now: number): boolean {
    this.#came = now - this.#lastCameAt < PAUSE_MS ? this.#came + 1 : 1;
    this.#lastCameAt = now;
    return this.#came >= LIKELY_AFTER;
  }

  /** Takes one. */
  proceed(): boolean {
    const listening = descriptor(this.#server);
    const fd = listening < 0 ? -1 : this.#accept(listening);
    // What cannot be taken (no descriptor is free) Node finds as well, in its turn, and says so.
    if (fd < 0) return false;
    this.#onConnection(new Socket(asAccepted(fd)));
    return true;
  }
}

/** `pauseOnCreate` is how a server with `pauseOnConnect` makes them; it is not in Node's documentation. */
const asAccepted = (fd: number): SocketConstructorOpts & { pauseOnCreate: boolean } => ({ fd, allowHalfOpen: true, pauseOnCreate: true });

let acceptNext: Accept | undefined;

/** Without foreign functions, Node takes all. */
function acceptByLibrary(listening: number): number {
  acceptNext ??= loadAccept();
  return acceptNext(listening);
}

function loadAccept(): Accept {
  try {
    const accept4 = loadCLibrary().func<(listening: number, address: null, length: null, flags: number) => number>('int accept4(int listening, void *address, void *length, int flags)');
    return (listening) => accept4(listening, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } catch {
    return () => -1;
  }
}
