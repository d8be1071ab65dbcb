/** Streams that we reset, of which frames may still be on their way: as many of the last ones as anybody can have sent in the meantime. */
const REMEMBERED = 256;

export class RecentIds {
  /** Oldest first. */
  readonly #ids = new Set<number>();

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= REMEMBERED) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
