/** What connections begin with, over all listeners and codecs. Whoever has been served before is served at once; those who come for the first time take turns: with being accepted,
 * with the first that they say, and with their first request. Thousands who come at one moment, or come again and again since each of them was refused, then keep nobody waiting but
 * one another: between two of them the event loop serves everybody else. */
import { KNOWN_FOR_EACH, realTimes, Storm, type Times } from './storm.ts';
import { TurnQueue } from './turn-queue.ts';

/** How many of them begin in a turn of the event loop. */
interface Rate {
  /** In which nothing else is done. */
  readonly eachTurn: number;
  /** In which nobody who is known has asked for a while: whoever does then has one such turn to wait, two milliseconds. */
  readonly inCalm: number;
  /** And one more for so many requests of those who are known. */
  readonly knownForEach: number;
}

/** Beyond the one that Node takes. The kernel hands them out as they came: only who has been accepted can take turns by address, so they are accepted sooner than they are served. */
const CONNECTIONS: Rate = { eachTurn: 1, inCalm: 16, knownForEach: KNOWN_FOR_EACH / 2 };
/** To begin a codec takes longer than reading what was said. */
const CODECS: Rate = { eachTurn: 8, inCalm: 8, knownForEach: KNOWN_FOR_EACH };
/** What a newcomer asks for takes several turns more: a connection here, and one to its upstream. With one in each, others would wait for all of that twice in a request; a turn that
 * finds nothing to do takes hardly any time. Where there is much to do for others, newcomers have half of the time. */
const REQUESTS: Rate = { eachTurn: 1 / 3, inCalm: 4, knownForEach: KNOWN_FOR_EACH };
/** Of the time, for a storm, in place of all that others leave: they then find the event loop free. */
const STORM_SHARE = 1 / 8;
/** Since the last request of somebody who is known: it is calm. */
const CALM_AFTER_MS = 10;
/** Since the same: nobody else is there whom a storm would keep waiting. */
const ALONE_AFTER_MS = 100;

/** Runs something in a turn to come. @param isPatient the event loop may sleep until something else happens, for a millisecond at most */
export type Schedule = (run: () => void, isPatient: boolean) => void;

export class Newcomers {
  readonly #storm: Storm;
  /** Of ports: connections that the kernel has made. */
  readonly connections: TurnQueue;
  /** Of connections that have said something. */
  readonly codecs: TurnQueue;
  /** Of connections whose first request is known. */
  readonly requests: TurnQueue;

  constructor(schedule: Schedule = runSoon, times = realTimes) {
    this.#storm = new Storm(times);
    const queue = (rate: Rate): TurnQueue => new NewcomerQueue(rate, { storm: this.#storm, schedule, times });
    this.connections = queue(CONNECTIONS);
    this.codecs = queue(CODECS);
    this.requests = queue(REQUESTS);
  }

  /** A first request begins. */
  countCame(): void {
    this.#storm.countCame();
  }

  /** A request of somebody who was served before. */
  countKnown(): void {
    this.#storm.countKnown();
  }

  /** A connection is ended for what it sent. */
  countRefused(): void {
    this.#storm.countRefused();
  }
}

interface QueueDeps {
  readonly storm: Storm;
  readonly schedule: Schedule;
  readonly times: Times;
}

class NewcomerQueue extends TurnQueue {
  readonly #rate: Rate;
  readonly #deps: QueueDeps;
  #knownBefore = 0;
  #lastTurnAt = 0;
  /** A storm comes, and others are there whom it would keep waiting. */
  #isPaced = false;
  /** Of newcomers whose time has come, the part that is not a whole one. */
  #due = 0;

  constructor(rate: Rate, deps: QueueDeps) {
    super(1);
    this.#rate = rate;
    this.#deps = deps;
  }

  protected override schedule(run: () => void): void {
    this.#deps.schedule(run, this.#isPaced);
  }

  protected override onTurn(): void {
    this.#knownBefore = this.#deps.storm.known;
  }

  protected override allowance(): number {
    const { storm, times } = this.#deps;
    const sinceKnownMs = times.monotonic() - storm.knownAt;
    this.#isPaced = storm.isRaging && sinceKnownMs < ALONE_AFTER_MS;
    this.#due += this.#isPaced ? this.#ofTime() : this.#ofTurn(sinceKnownMs);
    const whole = Math.floor(this.#due);
    this.#due -= whole;
    return whole;
  }

  /** Those of a storm that is alone are not let in faster: they all come again, when somebody may be there. */
  #ofTurn(sinceKnownMs: number): number {
    const { storm } = this.#deps;
    const { eachTurn, inCalm, knownForEach } = this.#rate;
    return sinceKnownMs >= CALM_AFTER_MS && !storm.isRaging ? inCalm : eachTurn + (storm.known - this.#knownBefore) / knownForEach;
  }

  #ofTime(): number {
    const now = this.#deps.times.monotonic();
    const since = now - this.#lastTurnAt;
    this.#lastTurnAt = now;
    return Math.min(1, (since * STORM_SHARE) / this.#deps.storm.costMs);
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
