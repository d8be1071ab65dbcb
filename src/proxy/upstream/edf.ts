/** Weighted turns: each item comes round every 1 / weight, and whoever is due first is next. Exact shares, smooth order, O(log n)
 * per pick and nothing allocated. A weight is read anew at each turn, so it may change in between. Envoy: EdfScheduler. */
export class EdfScheduler<T> {
  readonly #items: readonly T[];
  readonly #weight: (item: T) => number;
  /** A heap by (due, order): positions in `items`, with when each is due. */
  readonly #heap: Uint32Array;
  readonly #due: Float64Array;
  /** Who was put back first goes first among equals. */
  readonly #order: Float64Array;
  #turns = 0;

  /** @param skip turns taken in advance, so that not all proxies begin with the same item */
  constructor(items: readonly T[], weight: (item: T) => number, skip = 0) {
    this.#items = items;
    this.#weight = weight;
    this.#heap = Uint32Array.from(items, (_, i) => i);
    this.#due = Float64Array.from(items, (item) => 1 / weight(item));
    this.#order = Float64Array.from(items, () => this.#turns++);
    for (let i = (items.length >> 1) - 1; i >= 0; i--) this.#sink(i);
    for (let i = 0; i < skip; i++) this.pick();
  }

  pick(): T | undefined {
    const at = this.#heap[0];
    if (at === undefined) return undefined;
    const item = this.#items[at];
    if (item === undefined) return undefined;
    this.#due[at] = (this.#due[at] ?? 0) + 1 / this.#weight(item);
    this.#order[at] = this.#turns++;
    this.#sink(0);
    return item;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const item = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!this.#before(heap[child] ?? 0, item)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = item;
  }

  #before(a: number, b: number): boolean {
    const byDue = (this.#due[a] ?? 0) - (this.#due[b] ?? 0);
    return byDue < 0 || (byDue === 0 && (this.#order[a] ?? 0) < (this.#order[b] ?? 0));
  }
}
