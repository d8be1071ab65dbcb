/** First requests of connections, over all listeners and codecs. Whoever has been served before is served at once; those who come for the first time
 * take turns. Thousands who come at one moment, or come again and again since each of their requests was refused, then keep nobody waiting but
 * one another: between two of them the event loop serves everybody else. */
import { TurnQueue } from './turn-queue.ts';

/** Newcomers in a turn in which nothing else is done. What a newcomer asks for takes several turns more: a connection here, and one to its upstream. With one in each, others
 * would wait for all of that twice in a request; a turn that finds nothing to do takes hardly any time. */
const EACH_TURN = 1 / 3;
/** Requests of those who are known, in a turn, for a newcomer more. A first request takes some four times as long, with the connections that it makes: where there is much to do
 * for others, newcomers have half of the time. */
const KNOWN_FOR_EACH = 4;

export class Newcomers extends TurnQueue {
  #known = 0;
  /** Of newcomers whose time has come, the part that is not a whole one. */
  #due = 0;

  /** @param schedule runs something in the next turn @param eachTurn in which nothing else is done */
  constructor(schedule?: (run: () => void) => void, eachTurn = EACH_TURN) {
    super(eachTurn, schedule);
  }

  /** A request of somebody who was served before. */
  countKnown(): void {
    this.#known++;
  }

  protected override onTurn(): void {
    this.#known = 0;
  }

  protected override allowance(): number {
    this.#due += super.allowance() + this.#known / KNOWN_FOR_EACH;
    const whole = Math.floor(this.#due);
    this.#due -= whole;
    return whole;
  }
}

export const newcomers = new Newcomers();
