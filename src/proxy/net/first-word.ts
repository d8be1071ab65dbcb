/** Who speaks first? Protocols in which the server does (SMTP, MySQL) would wait for ever for a proxy that reads the client's first
 * bytes before it connects. So it connects while the client is silent, and the server's word decides when it comes first. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import type { HeadStart } from './tcp-proxy.ts';

type Speaker = 'client' | 'server';

/** How long clients that usually speak first may take, before the connection is made that will then not be used. Servers count
 * connections that are opened and closed without a word (MySQL: max_connect_errors). */
const CLIENT_MS = 100;
/** Destinations that are remembered. */
const MEMORY = 512;

/** A client that has said nothing yet. */
export interface Waiting {
  /** @param onServerSpeaks called at most once: the server was first, or the connection has to end for lack of one */
  begin(onServerSpeaks: () => void): void;
  /** The client's bytes decide now. */
  clientSpeaks(): void;
  /** Passes the client's bytes to the upstream that was connected to. @returns false when there is none */
  admit(socket: Duplex): boolean;
  discard(): void;
}

export class FirstWord {
  readonly #clock: Clock;
  readonly #usual: Speaker;
  /** By destination, oldest first. */
  readonly #seen = new Map<string, Speaker>();

  /** @param usual who speaks first where nothing is known */
  constructor(clock: Clock, usual: Speaker) {
    this.#clock = clock;
    this.#usual = usual;
  }

  /** @param connect begins the connection to the upstream */
  await(destination: string, connect: (onSpeaks: () => void) => HeadStart | undefined): Waiting {
    let start: HeadStart | undefined;
    let timer: Timer | undefined;
    let over = false;
    const go = (onServerSpeaks: () => void): void => {
      if (over) return;
      start = connect(() => {
        if (over) return;
        over = true;
        this.#remember(destination, 'server');
        onServerSpeaks();
      });
    };
    return {
      begin: (onServerSpeaks) => {
        const run = (): void => go(onServerSpeaks);
        if ((this.#seen.get(destination) ?? this.#usual) === 'client') timer = this.#clock.after(CLIENT_MS, run);
        // Two turns of the event loop: what the client has already sent is read in the first.
        else setImmediate(() => setImmediate(run));
      },
      clientSpeaks: () => {
        if (over) return;
        over = true;
        timer?.cancel();
        this.#remember(destination, 'client');
      },
      admit: (socket) => {
        start?.admit(socket);
        return start !== undefined;
      },
      discard: () => {
        over = true;
        timer?.cancel();
        start?.discard();
      },
    };
  }

  #remember(destination: string, speaker: Speaker): void {
    this.#seen.delete(destination);
    this.#seen.set(destination, speaker);
    if (this.#seen.size <= MEMORY) return;
    for (const oldest of this.#seen.keys()) return void this.#seen.delete(oldest);
  }
}
