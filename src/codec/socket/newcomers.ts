/** First requests of connections, over all listeners and codecs. Whoever has been served before is served at once; those who come for the first time
 * take turns. Thousands who come at one moment, or come again and again since each of their requests was refused, then keep nobody waiting but
 * one another: between two of them the event loop serves everybody else. */
import { TurnQueue } from './turn-queue.ts';

/** Requests of those who are known, in a turn, for each newcomer beyond the first one. A first request takes some four times as long, with the connections that it makes: where
 * there is much to do for others, newcomers have half of the time, and where there is little, a turn is hardly longer for them. */
const KNOWN_FOR_EACH = 4;

export class Newcomers extends TurnQueue {
  #known = 0;

  /** @param schedule runs something in the next turn */
  constructor(schedule?: (run: () => void) => void) {
    super(1, schedule);
  }

  /** A request of somebody who was served before. */
  countKnown(): void {
    this.#known++;
  }

  protected override onTurn(): void {
    this.#known = 0;
  }

  protected override allowance(): number {
    return super.allowance() + Math.floor(this.#known / KNOWN_FOR_EACH);
  }
}

export const newcomers = new Newcomers();
