/** TLS handshakes that clients have begun, over all listeners. Each takes about a millisecond of processor when it begins, so that a burst of
 * them would keep everybody waiting who is connected: so many begin in each turn of the event loop. Those that stop half-way cost memory:
 * there is a limit, and whoever has been at it for longest makes room, since a slow attacker is older than any client that means well. */
import { type Backlog, TurnQueue } from '../../codec/socket/turn-queue.ts';

export interface Handshake {
  /** The client's address. Addresses take turns. */
  readonly source?: string;
  begin(): void;
  /** There are too many. */
  giveUp(): void;
}

export const DEFAULT_MOST_HANDSHAKES = 2000;
const EACH_TURN = 4;

export class Handshakes {
  readonly #most: number;
  readonly #turns: TurnQueue;
  /** In progress, those that wait too; oldest first. */
  readonly #all = new Map<Handshake, Backlog>();
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
    const turn: Backlog = {
      source: handshake.source,
      proceed() {
        handshake.begin();
        return false;
      },
    };
    this.#all.set(handshake, turn);
    this.#turns.add(turn);
    return () => this.#leave(handshake);
  }

  #leave(handshake: Handshake): void {
    const turn = this.#all.get(handshake);
    if (turn) this.#turns.remove(turn);
    this.#all.delete(handshake);
  }

  #makeRoom(): void {
    if (this.#all.size < this.#most) return;
    for (const oldest of this.#all.keys()) {
      this.#leave(oldest);
      this.givenUp++;
      return oldest.giveUp();
    }
  }
}
