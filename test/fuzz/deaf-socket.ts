import { Duplex } from 'node:stream';

/** A peer that takes everything and says nothing. */
export class DeafSocket extends Duplex {
  written = 0;
  readonly #taken: Buffer[] = [];

  /** What it was sent. */
  get text(): string {
    return Buffer.concat(this.#taken).toString('latin1');
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.length;
    this.#taken.push(chunk);
    done();
  }
}
