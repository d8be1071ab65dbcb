/** A body on its way through filters that look at it, or change it. */
import type { Headers } from '../../codec/headers.ts';

/** A filter's part in one direction. */
export interface BodyStage {
  /** @param chunk only lent
   * @returns what goes on now, maybe nothing; undefined: what is here waits, and `release` will bring it, or never */
  take(chunk: Buffer, end: boolean): Buffer | undefined;
  /** After the last of the body. @returns what has been waiting */
  takeTrailers(trailers: Headers): Buffer;
}

export interface BodyOutlet {
  /** @returns false when the sender should wait */
  onData(chunk: Buffer, end: boolean): boolean | void;
  onEnd(trailers: Headers | undefined): void;
}

const NOTHING = Buffer.alloc(0);

export class BodyPipe implements BodyOutlet {
  readonly #stages: readonly BodyStage[];
  readonly #outlet: BodyOutlet;

  /** @param stages in the order in which the body comes to them */
  constructor(stages: readonly BodyStage[], outlet: BodyOutlet) {
    this.#stages = stages;
    this.#outlet = outlet;
  }

  onData(chunk: Buffer, end: boolean): boolean {
    return this.#pass(chunk, end, 0);
  }

  onEnd(trailers: Headers | undefined): void {
    if (!trailers) return void this.#pass(NOTHING, true, 0);
    for (const [i, stage] of this.#stages.entries()) {
      const left = stage.takeTrailers(trailers);
      if (left.length > 0) this.#pass(left, false, i + 1);
    }
    this.#outlet.onEnd(trailers);
  }

  /** Goes on with what a stage let wait. */
  release(stage: BodyStage, chunk: Buffer, end: boolean): void {
    this.#pass(chunk, end, this.#stages.indexOf(stage) + 1);
  }

  #pass(given: Buffer, end: boolean, from: number): boolean {
    let chunk = given;
    for (let i = from; i < this.#stages.length; i++) {
      const passed = this.#stages[i]?.take(chunk, end);
      if (passed === undefined) return true;
      chunk = passed;
    }
    return chunk.length === 0 && !end ? true : (this.#outlet.onData(chunk, end) ?? true);
  }
}

/** What filters have asked for, in the order in which they stand. */
export class BodyPlan {
  readonly #filters: { readonly request?: BodyStage; readonly response?: BodyStage }[] = [];
  request: BodyPipe | undefined;
  response: BodyPipe | undefined;

  add(stages: { readonly request?: BodyStage; readonly response?: BodyStage }): void {
    this.#filters.push(stages);
  }

  /** All filters have been asked. */
  openRequest(outlet: BodyOutlet): BodyPipe {
    return (this.request = new BodyPipe(this.#filters.flatMap(({ request }) => request ?? []), outlet));
  }

  /** The other way round. */
  openResponse(outlet: BodyOutlet): BodyPipe {
    return (this.response = new BodyPipe(this.#filters.flatMap(({ response }) => response ?? []).toReversed(), outlet));
  }
}
