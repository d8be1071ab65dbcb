/** Names that a client has asked for, as a value. Thousands of clients ask for the same thousand names: equal sets are one
 * object, which costs memory once. */
export class NameSet {
  static readonly empty = new NameSet(new Set(), 0);

  readonly #names: ReadonlySet<string>;
  readonly #digest: number;
  /** Where a change led to; clients that change alike need not compare again. */
  readonly #next = new Map<string, WeakRef<NameSet>>();

  private constructor(names: ReadonlySet<string>, digest: number) {
    this.#names = names;
    this.#digest = digest;
  }

  static of(names: Iterable<string>): NameSet {
    return NameSet.empty.with(names, []);
  }

  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.#names[Symbol.iterator]();
  }

  /** This set without `removed` and with `added`. */
  with(added: Iterable<string>, removed: Iterable<string>): NameSet {
    const gone = new Set<string>();
    for (const name of removed) if (this.#names.has(name)) gone.add(name);
    const come = new Set<string>();
    for (const name of added) if (!gone.delete(name) && !this.#names.has(name)) come.add(name);
    if (gone.size === 0 && come.size === 0) return this;
    const key = gone.size + come.size > MAX_REMEMBERED ? undefined : `${[...come].join(',')} ${[...gone].join(',')}`;
    const known = key === undefined ? undefined : this.#next.get(key)?.deref();
    if (known) return known;
    const next = this.#interned(come, gone);
    if (key !== undefined) this.#next.set(key, new WeakRef(next));
    return next;
  }

  #interned(come: ReadonlySet<string>, gone: ReadonlySet<string>): NameSet {
    let digest = this.#digest;
    for (const name of come) digest = (digest + digestOf(name)) >>> 0;
    for (const name of gone) digest = (digest - digestOf(name)) >>> 0;
    const size = this.size + come.size - gone.size;
    if (size === 0) return NameSet.empty;
    const others = sets.get(digest) ?? [];
    for (const reference of others) {
      const other = reference.deref();
      if (other && other.size === size && this.#leadsTo(other, come, gone)) return other;
    }
    const names = new Set(this.#names);
    for (const name of gone) names.delete(name);
    for (const name of come) names.add(name);
    const made = new NameSet(names, digest);
    sets.set(digest, [...others, new WeakRef(made)]);
    forgotten.register(made, digest);
    return made;
  }

  #leadsTo(other: NameSet, come: ReadonlySet<string>, gone: ReadonlySet<string>): boolean {
    for (const name of come) if (!other.has(name)) return false;
    for (const name of this.#names) if (other.has(name) === gone.has(name)) return false;
    return true;
  }
}

/** A change of more names than that is compared each time: a key made of them would be larger than what it saves. */
const MAX_REMEMBERED = 64;

/** All sets that somebody holds, by the sum of their names' digests. */
const sets = new Map<number, WeakRef<NameSet>[]>();
const forgotten = new FinalizationRegistry<number>((digest) => {
  const left = (sets.get(digest) ?? []).filter((reference) => reference.deref() !== undefined);
  if (left.length > 0) sets.set(digest, left);
  else sets.delete(digest);
});

/** FNV-1a, 32 bits, and one step of mixing so that sums of similar names differ. */
function digestOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
