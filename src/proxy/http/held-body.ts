/** The body of a request that no filter has let through yet. */

/** How much is kept before the client is asked to wait. */
const LIMIT_BYTES = 64 * 1024;

export class HeldBody {
  #pieces: Buffer[] = [];
  #octets = 0;
  #limit = LIMIT_BYTES;
  #gathering: ((isWhole: boolean) => void) | undefined;

  /** The client is to wait. */
  get isFull(): boolean {
    return this.#octets >= this.#limit;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  push(chunk: Buffer, isLast: boolean): void {
    this.#pieces.push(chunk);
    this.#octets += chunk.length;
    this.#gathering?.(isLast);
  }

  /** There is no more of it. */
  end(): void {
    this.#gathering?.(true);
  }

  /** Waits for so many bytes, or for all.
   * @param isWhole there is no more of it now
   * @param done called once, with what is there; it stays */
  gather(limitBytes: number, isWhole: boolean, done: (body: Buffer, isWhole: boolean) => void): void {
    this.#limit = Math.max(LIMIT_BYTES, limitBytes);
    this.#gathering = (whole) => {
      if (!whole && this.#octets < limitBytes) return;
      this.#gathering = undefined;
      done(Buffer.concat(this.#pieces), whole);
    };
    this.#gathering(isWhole);
  }

  take(): readonly Buffer[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}
