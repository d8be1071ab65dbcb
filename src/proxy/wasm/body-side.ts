/** The body of a request or an answer, as a module sees it: what has come, with what it has let wait. */
import type { BodyStage } from '../http/body-pipe.ts';
import type { Headers } from '../../codec/headers.ts';
import { Action } from './abi.ts';

/** As much as a module may let wait; Envoy: per_connection_buffer_limit_bytes. */
const MAX_KEPT_BYTES = 1024 * 1024;

export interface BodyCalls {
  /** @returns undefined when nothing more is to become of the body here */
  onBody(size: number, end: boolean): number | undefined;
  onTrailers(trailers: Headers): void;
  /** The module lets more wait than it may. */
  onTooMuch(): void;
  /** Goes on with what has waited. */
  release(chunk: Buffer, end: boolean): void;
  /** The length that was announced, if it was: then the body keeps it. */
  readonly isLengthFixed: () => boolean;
}

const NOTHING = Buffer.alloc(0);

export class BodySide implements BodyStage {
  readonly #calls: BodyCalls;
  #kept: Buffer = NOTHING;
  #hasEnded = false;
  #isWaiting = false;
  #isTold = false;

  constructor(calls: BodyCalls) {
    this.#calls = calls;
  }

  /** Undefined: the module is not being told of the body. */
  get bytes(): Buffer | undefined {
    return this.#isTold || this.#isWaiting ? this.#kept : undefined;
  }

  /** @returns false when the message could not be framed with it */
  replace(bytes: Buffer): boolean {
    if (bytes.length !== this.#kept.length && this.#calls.isLengthFixed()) return false;
    this.#kept = bytes;
    return true;
  }

  take(chunk: Buffer, end: boolean): Buffer | undefined {
    this.#kept = this.#kept.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#kept, chunk]);
    this.#hasEnded = end;
    this.#isTold = true;
    const action = this.#calls.onBody(this.#kept.length, end);
    this.#isTold = false;
    if (action === undefined) return undefined;
    if (action === Action.continue) return this.#all();
    this.#isWaiting = true;
    if (this.#kept.length > MAX_KEPT_BYTES) this.#calls.onTooMuch();
    return undefined;
  }

  takeTrailers(trailers: Headers): Buffer {
    this.#calls.onTrailers(trailers);
    return this.#all();
  }

  /** The module goes on, or has failed and is passed over. */
  resume(): void {
    if (!this.#isWaiting) return;
    const end = this.#hasEnded;
    this.#calls.release(this.#all(), end);
  }

  #all(): Buffer {
    const all = this.#kept;
    this.#kept = NOTHING;
    this.#isWaiting = false;
    return all;
  }
}
