/** The clocks of one request. Time for the answer counts from the end of the request, as in Envoy; time for a try from then or from
 * when the try has a connection, whichever is later. */
import type { Clock, Timer } from '../../base/clock.ts';
import { NO_LIMITS, type TimeLimits } from './time-limits.ts';

export interface DeadlineEvents {
  onTimeout(): void;
  onPerTryTimeout(): void;
  onStreamTooLong(): void;
  onExchangeTooLong(): void;
}

export class Deadlines {
  limits: TimeLimits = NO_LIMITS;
  /** Most time of one try with its answer; 0: no limit. */
  streamMs = 0;
  readonly #clock: Clock;
  readonly #events: DeadlineEvents;
  #completedAt: number | undefined;
  #total: Timer | undefined;
  #exchange: Timer | undefined;
  #try: Timer | undefined;
  #stream: Timer | undefined;

  constructor(clock: Clock, events: DeadlineEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Since the end of the request; undefined before. */
  get elapsedMs(): number | undefined {
    return this.#completedAt === undefined ? undefined : this.#clock.monotonic() - this.#completedAt;
  }

  limitExchange(ms: number): void {
    this.#exchange = this.#clock.after(Math.max(0, ms), () => this.#events.onExchangeTooLong());
  }

  requestComplete(): void {
    if (this.#completedAt !== undefined) return;
    this.#completedAt = this.#clock.monotonic();
    const { totalMs } = this.limits;
    if (totalMs > 0) this.#total = this.#clock.after(totalMs, () => this.#events.onTimeout());
  }

  /** @param requestEnded the request is complete already */
  tryConnected(requestEnded: boolean): void {
    if (this.streamMs > 0) this.#stream = this.#clock.after(this.streamMs, () => this.#events.onStreamTooLong());
    if (requestEnded) this.startTry();
  }

  startTry(): void {
    const { perTryMs } = this.limits;
    if (perTryMs <= 0) return;
    this.#try?.cancel();
    this.#try = this.#clock.after(perTryMs, () => this.#events.onPerTryTimeout());
  }

  /** Its answer has begun. */
  tryAnswered(): void {
    this.#try?.cancel();
  }

  stopTry(): void {
    this.#try?.cancel();
    this.#stream?.cancel();
  }

  close(): void {
    this.stopTry();
    this.#total?.cancel();
    this.#exchange?.cancel();
  }
}
