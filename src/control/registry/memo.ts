/** Derived values that are made again only when what they were made from is another object. */

/** Maps each object once; the result is kept as long as the object lives and `context` is the same. */
export class ObjectMemo<K extends object, V> {
  #values = new WeakMap<K, V>();
  #context: unknown;

  get(key: K, context: unknown, make: (key: K) => V): V {
    if (context !== this.#context) {
      this.#context = context;
      this.#values = new WeakMap();
    }
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    this.#values.set(key, value);
    return value;
  }
}

/** Remembers values by key together with what they depend on, compared by identity one by one. */
export class DependencyMemo<V> {
  readonly #entries = new Map<string, { deps: readonly unknown[]; value: V; round: number }>();
  #round = 0;

  get(key: string, deps: readonly unknown[], make: () => V): V {
    const entry = this.#entries.get(key);
    if (entry && sameItems(entry.deps, deps)) {
      entry.round = this.#round;
      return entry.value;
    }
    const value = make();
    this.#entries.set(key, { deps, value, round: this.#round });
    return value;
  }

  /** Drops what was not asked for in the last `rounds` rounds, and begins a new one. */
  sweep(rounds = 2): void {
    for (const [key, entry] of this.#entries) if (this.#round - entry.round >= rounds) this.#entries.delete(key);
    this.#round += 1;
  }

  get size(): number {
    return this.#entries.size;
  }
}

/** One derived value. */
export class Cell<V> {
  #deps: readonly unknown[] | undefined;
  #value: V | undefined;

  get(deps: readonly unknown[], make: () => V): V {
    if (!this.#deps || !sameItems(this.#deps, deps)) {
      this.#value = make();
      this.#deps = deps;
    }
    // It was made together with the dependencies.
    return this.#value as V;
  }
}

/** As DependencyMemo, but it keeps nothing alive: a value is known as long as somebody holds it. */
export class WeakMemo<V extends object> {
  readonly #entries = new Map<string, { deps: readonly unknown[]; value: WeakRef<V> }>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#entries.get(key)?.value.deref() === undefined) this.#entries.delete(key);
  });

  get(key: string, deps: readonly unknown[], make: () => V): V {
    const entry = this.#entries.get(key);
    const known = entry && sameItems(entry.deps, deps) ? entry.value.deref() : undefined;
    if (known) return known;
    const value = make();
    this.#entries.set(key, { deps, value: new WeakRef(value) });
    this.#gone.register(value, key);
    return value;
  }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

interface Kept<V> {
  readonly text: string;
  readonly value: V;
  /** What was last offered: the same again needs no comparison. */
  readonly given: V;
}

/** Keeps the old object when the new one has the same content, so that its identity says "unchanged". */
export class Stable<V> {
  #known = new Map<string, Kept<V>>();
  #next = new Map<string, Kept<V>>();

  keep(key: string, value: V): V {
    const old = this.#known.get(key);
    const entry = old && old.given === value ? old : this.#compare(old, value);
    this.#next.set(key, entry);
    return entry.value;
  }

  #compare(old: Kept<V> | undefined, value: V): Kept<V> {
    const text = JSON.stringify(value, plain);
    return old?.text === text ? { ...old, given: value } : { text, value, given: value };
  }

  /** Forgets keys that were not kept since the last turn. */
  turn(): void {
    this.#known = this.#next;
    this.#next = new Map();
  }
}

const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? [...value] : value instanceof Set ? [...value] : value);
