/** What an outlier detector keeps of a host: of its own thread, or in common with other threads. */
import type { SharedSlot } from '../threads/shared-state.ts';
import type { EjectionCause } from './outlier.ts';

/** Times are monotonic ms. */
export interface OutlierMemory {
  ejected: boolean;
  /** Since the start. */
  ejections: number;
  /** Of the last ejection. */
  cause: EjectionCause | undefined;
  ejectedAtMs: number;
  lengthMs: number;
  releasedAtMs: number;
  /** Ejections that still weigh on the length of the next. */
  backOff: number;
  consecutive5xx: number;
  consecutiveGateway: number;
  consecutiveLocal: number;
  /** Errors in a row, per monitor; of this thread. */
  readonly monitored: number[];
  /** Since this thread set it to 0. */
  intervalTotal: number;
  intervalSuccess: number;
  /** No other thread changes it meanwhile. */
  exclusively<T>(run: () => T): T;
  /** @returns false when another thread has forgiven an ejection in this interval */
  mayForgive(nowMs: number, intervalMs: number): boolean;
  close(): void;
}

export class OwnMemory implements OutlierMemory {
  ejected = false;
  ejections = 0;
  cause: EjectionCause | undefined = undefined;
  ejectedAtMs = 0;
  lengthMs = 0;
  releasedAtMs = 0;
  backOff = 0;
  consecutive5xx = 0;
  consecutiveGateway = 0;
  consecutiveLocal = 0;
  readonly monitored: number[] = [];
  intervalTotal = 0;
  intervalSuccess = 0;

  exclusively<T>(run: () => T): T {
    return run();
  }

  mayForgive(): boolean {
    return true;
  }

  close(): void {}
}

/** As if nothing had happened, but for the number of ejections. */
export function forget(memory: OutlierMemory): void {
  memory.ejected = false;
  memory.cause = undefined;
  memory.ejectedAtMs = memory.lengthMs = memory.releasedAtMs = memory.backOff = 0;
  memory.consecutive5xx = memory.consecutiveGateway = memory.consecutiveLocal = 0;
  memory.monitored.length = 0;
  memory.intervalTotal = memory.intervalSuccess = 0;
}

const CAUSES: readonly EjectionCause[] = ['consecutive_5xx', 'consecutive_gateway_failure', 'consecutive_local_origin_failure', 'success_rate', 'failure_percentage', 'listed_codes'];
/** Places of counts; the first ones of a slot are for what is open, of which there is nothing here. */
const [EJECTED, EJECTIONS, CAUSE, BACK_OFF, IN_A_ROW, GATEWAY_IN_A_ROW, LOCAL_IN_A_ROW, TOTAL, SUCCESS] = [4, 5, 6, 7, 8, 9, 10, 11, 12];
const PLACES = 13;
/** Places of values. */
const [EJECTED_AT, LENGTH, RELEASED_AT, FORGIVEN_AT] = [0, 1, 2, 3];

/** In common with other threads: a host fails in a row whoever of them called it, and what one ejects is out for all. */
export class SharedMemory implements OutlierMemory {
  readonly monitored: number[] = [];
  readonly #slot: SharedSlot;
  readonly #counts: Int32Array;
  readonly #values: Float64Array;
  /** Counts as this thread read them last: what it sets is told apart by from what others have added since. */
  readonly #seen: number[] = Array.from({ length: PLACES }, () => 0);
  /** What had come before the interval of this thread began. */
  readonly #before: number[] = Array.from({ length: PLACES }, () => 0);

  constructor(slot: SharedSlot) {
    this.#slot = slot;
    this.#counts = slot.counts;
    this.#values = slot.values;
  }

  get ejected(): boolean {
    return Atomics.load(this.#counts, EJECTED) !== 0;
  }

  set ejected(isOut: boolean) {
    Atomics.store(this.#counts, EJECTED, isOut ? 1 : 0);
  }

  get ejections(): number {
    return Atomics.load(this.#counts, EJECTIONS);
  }

  set ejections(count: number) {
    Atomics.store(this.#counts, EJECTIONS, count);
  }

  get cause(): EjectionCause | undefined {
    return CAUSES[Atomics.load(this.#counts, CAUSE) - 1];
  }

  set cause(cause: EjectionCause | undefined) {
    Atomics.store(this.#counts, CAUSE, cause === undefined ? 0 : CAUSES.indexOf(cause) + 1);
  }

  get backOff(): number {
    return Atomics.load(this.#counts, BACK_OFF);
  }

  set backOff(count: number) {
    Atomics.store(this.#counts, BACK_OFF, count);
  }

  get ejectedAtMs(): number {
    return this.#values[EJECTED_AT] ?? 0;
  }

  set ejectedAtMs(ms: number) {
    this.#values[EJECTED_AT] = ms;
  }

  get lengthMs(): number {
    return this.#values[LENGTH] ?? 0;
  }

  set lengthMs(ms: number) {
    this.#values[LENGTH] = ms;
  }

  get releasedAtMs(): number {
    return this.#values[RELEASED_AT] ?? 0;
  }

  set releasedAtMs(ms: number) {
    this.#values[RELEASED_AT] = ms;
  }

  get consecutive5xx(): number {
    return this.#read(IN_A_ROW);
  }

  set consecutive5xx(count: number) {
    this.#write(IN_A_ROW, count);
  }

  get consecutiveGateway(): number {
    return this.#read(GATEWAY_IN_A_ROW);
  }

  set consecutiveGateway(count: number) {
    this.#write(GATEWAY_IN_A_ROW, count);
  }

  get consecutiveLocal(): number {
    return this.#read(LOCAL_IN_A_ROW);
  }

  set consecutiveLocal(count: number) {
    this.#write(LOCAL_IN_A_ROW, count);
  }

  get intervalTotal(): number {
    return this.#since(TOTAL);
  }

  set intervalTotal(count: number) {
    this.#setSince(TOTAL, count);
  }

  get intervalSuccess(): number {
    return this.#since(SUCCESS);
  }

  set intervalSuccess(count: number) {
    this.#setSince(SUCCESS, count);
  }

  exclusively<T>(run: () => T): T {
    return this.#slot.locked(run);
  }

  mayForgive(nowMs: number, intervalMs: number): boolean {
    // Threads look at times of their own: one that is a little early finds the last time a little less than an interval ago.
    if (nowMs - (this.#values[FORGIVEN_AT] ?? 0) < intervalMs / 2) return false;
    this.#values[FORGIVEN_AT] = nowMs;
    return true;
  }

  close(): void {
    this.#slot.release();
  }

  #read(place: number): number {
    return (this.#seen[place] = Atomics.load(this.#counts, place));
  }

  #write(place: number, count: number): void {
    if (count === 0) Atomics.store(this.#counts, place, 0);
    else Atomics.add(this.#counts, place, count - (this.#seen[place] ?? 0));
  }

  #since(place: number): number {
    // The sum goes round after 2^31; what came since does not.
    return (this.#read(place) - (this.#before[place] ?? 0)) | 0;
  }

  #setSince(place: number, count: number): void {
    if (count === 0) this.#before[place] = Atomics.load(this.#counts, place);
    else Atomics.add(this.#counts, place, count + (this.#before[place] ?? 0) - (this.#seen[place] ?? 0));
  }
}
