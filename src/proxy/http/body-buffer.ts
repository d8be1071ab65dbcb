/** A request body on its way: pieces not yet sent, and for as long as it may be needed again, also those that were. */
import type { Headers } from '../../codec/headers.ts';

export interface BodyBuffer {
  readonly ended: boolean;
  readonly trailers: Headers | undefined;
  /** Number of pieces so far. */
  readonly count: number;
  /** Everything from the first piece on is still here. */
  readonly replayable: boolean;
  keep(limitBytes: number): void;
  push(chunk: Buffer, end: boolean): void;
  finish(trailers: Headers | undefined): void;
  at(index: number): Buffer | undefined;
  /** Bytes from piece `cursor` on. */
  waiting(cursor: number): number;
  /** Pieces before `cursor` were sent. @param wanted they may be needed once more */
  sentTo(cursor: number, wanted: boolean): void;
  /** The body will not be sent again. */
  release(): void;
}

export function createBodyBuffer(ended: boolean): BodyBuffer {
  return new ChunkList(ended);
}

class ChunkList implements BodyBuffer {
  ended: boolean;
  trailers: Headers | undefined;
  #chunks: Buffer[] = [];
  #first = 0;
  #bytes = 0;
  #limit = 0;
  #kept = true;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  get count(): number {
    return this.#first + this.#chunks.length;
  }

  get replayable(): boolean {
    return this.#first === 0;
  }

  keep(limitBytes: number): void {
    this.#limit = limitBytes;
  }

  push(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    if (end) this.ended = true;
  }

  finish(trailers: Headers | undefined): void {
    this.ended = true;
    this.trailers = trailers && trailers.list.length > 0 ? trailers : undefined;
  }

  at(index: number): Buffer | undefined {
    return this.#chunks[index - this.#first];
  }

  waiting(cursor: number): number {
    let bytes = 0;
    for (let i = Math.max(0, cursor - this.#first); i < this.#chunks.length; i++) bytes += this.#chunks[i]?.length ?? 0;
    return bytes;
  }

  sentTo(cursor: number, wanted: boolean): void {
    if (wanted && this.#kept && this.#bytes <= this.#limit) return;
    const drop = Math.min(cursor - this.#first, this.#chunks.length);
    if (drop <= 0) return;
    for (const chunk of this.#chunks.splice(0, drop)) this.#bytes -= chunk.length;
    this.#first += drop;
  }

  release(): void {
    this.#kept = false;
  }
}
