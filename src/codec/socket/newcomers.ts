/** First requests of connections, over all listeners and codecs. Whoever has been served before is served at once; those who come for the first time
 * take turns. Thousands who come at one moment, or come again and again since each of their requests was refused, then keep nobody waiting but
 * one another: between two of them the event loop serves everybody else. */
import { realTimes, Storm, type Times } from './storm.ts';
import { TurnQueue } from './turn-queue.ts';

/** Newcomers in a turn in which nothing else is done. What a newcomer asks for takes several turns more: a connection here, and one to its upstream. With one in each, others
 * would wait for all of that twice in a request; a turn that finds nothing to do takes hardly any time. */
const EACH_TURN = 1 / 3;
/** Requests of those who are known, in a turn, for a newcomer more. A first request takes some four times as long, with the connections that it makes: where there is much to do
 * for others, newcomers have half of the time. */
const KNOWN_FOR_EACH = 4;
/** Of the time, for a storm, in place of all that others leave: they then find the event loop free. */
const STORM_SHARE = 1 / 6;
/** Since the last request of somebody who is known: a storm keeps nobody waiting when nobody else is there. */
const ALONE_AFTER_MS = 100;

/** Runs something in a turn to come. @param isPatient the event loop may sleep until something else happens, for a millisecond at most */
export type Schedule = (run: () => void, isPatient: boolean) => void;

export class Newcomers extends TurnQueue {
  readonly #schedule: Schedule;
  readonly #times: Times;
  readonly #storm: Storm;
  #known = 0;
  #knownAt = -Infinity;
  #lastTurnAt = 0;
  /** A storm comes, and others are there whom it would keep waiting. */
  #isPaced = false;
  /** Of newcomers whose time has come, the part that is not a whole one. */
  #due = 0;

  /** @param eachTurn in which nothing else is done */
  constructor(schedule: Schedule = runSoon, eachTurn = EACH_TURN, times = realTimes) {
    super(eachTurn);
    this.#schedule = schedule;
    this.#times = times;
    this.#storm = new Storm(times);
  }

  /** A request of somebody who was served before. */
  countKnown(): void {
    this.#known++;
  }

  /** A connection is ended for what it sent. */
  countRefused(): void {
    this.#storm.countRefused();
  }

  protected override schedule(run: () => void): void {
    this.#schedule(run, this.#isPaced);
  }

  protected override onTurn(): void {
    if (this.#known > 0) this.#knownAt = this.#times.monotonic();
    this.#known = 0;
  }

  protected override allowance(): number {
    const known = this.#known / KNOWN_FOR_EACH;
    this.#isPaced = this.#storm.isRaging && (this.#known > 0 || this.#times.monotonic() - this.#knownAt < ALONE_AFTER_MS);
    this.#due += this.#isPaced ? this.#ofTime() : known + super.allowance();
    const whole = Math.floor(this.#due);
    this.#due -= whole;
    this.#storm.count(whole, known);
    return whole;
  }

  #ofTime(): number {
    const now = this.#times.monotonic();
    const since = now - this.#lastTurnAt;
    this.#lastTurnAt = now;
    return Math.min(1, (since * STORM_SHARE) / this.#storm.costMs);
  }
}

let waker: NodeJS.Timeout | undefined;

function runSoon(run: () => void, isPatient: boolean): void {
  const immediate = setImmediate(run);
  if (!isPatient) return;
  // It runs with the next event and asks for none; the timer is one.
  immediate.unref();
  waker ??= setTimeout(() => (waker = undefined), 1).unref();
}

export const newcomers = new Newcomers();
