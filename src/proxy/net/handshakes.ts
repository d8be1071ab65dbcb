/** TLS handshakes that clients have begun, over all listeners. Each takes about a millisecond of processor when it begins, so that a burst of
 * them would keep everybody waiting who is connected: so many begin in each turn of the event loop. Those that stop half-way cost memory:
 * there is a limit, and whoever has been at it for longest makes room, since a slow attacker is older than any client that means well. */
import { type Backlog, TurnQueue } from '../../codec/socket/turn-queue.ts';

export interface Handshake {
  begin(): void;
  /** There are too many. */
  giveUp(): void;
}

export const DEFAULT_MOST_HANDSHAKES = 2000;
const EACH_TURN = 4;

export class Handshakes implements Backlog {
  readonly #most: number;
  readonly #turns: TurnQueue;
  /** In progress, those that wait too; oldest first. */
  readonly #all = new Set<Handshake>();
  readonly #waiting: Handshake[] = [];
  /** Given up to make room, since the start. */
  givenUp = 0;

  /** @param most in progress at once */
  constructor(most = DEFAULT_MOST_HANDSHAKES, turns = new TurnQueue(EACH_TURN)) {
    this.#most = most;
    this.#turns = turns;
  }

  /** Begins it when its turn comes. @returns to be called when it is over */
  admit(handshake: Handshake): () => void {
    this.#makeRoom();
    this.#all.add(handshake);
    this.#waiting.push(handshake);
    this.#turns.add(this);
    return () => void this.#all.delete(handshake);
  }

  proceed(): boolean {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (!this.#all.has(next)) continue;
      next.begin();
      break;
    }
    return this.#waiting.length > 0;
  }

  #makeRoom(): void {
    if (this.#all.size < this.#most) return;
    for (const oldest of this.#all) {
      this.#all.delete(oldest);
      this.givenUp++;
      return oldest.giveUp();
    }
  }
}
