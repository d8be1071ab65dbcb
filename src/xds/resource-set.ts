import type { EncodedResource } from './resource.ts';
import { Piece } from './piece.ts';

type Entries = ReadonlyMap<string, EncodedResource | undefined>;

const REMEMBERED_TURNS = 256;
const NO_ENTRIES: Entries = new Map();

/** Which names were changed on the way from one set to the next, as long as it is of use. */
class History {
  #names: (readonly string[])[] = [];
  turn = 0;

  add(names: Iterable<string>): void {
    this.#names.push([...names]);
    if (this.#names.length > REMEMBERED_TURNS) this.#names.shift();
    this.turn += 1;
  }

  /** Undefined when it is too long ago, or lies ahead. */
  between(from: number, to: number): ReadonlySet<string> | undefined {
    const first = this.turn - this.#names.length;
    if (from < first || from > to) return undefined;
    return new Set(this.#names.slice(from - first, to - first).flat());
  }
}

/** Resources of one type by name, as a value: it never changes, and as long as nothing differs it stays the same object. What
 * a client holds is told by the set that it was sent last, so that it costs nothing for each client; what it lacks, by the
 * difference between two sets, which is worked out and encoded once for all clients that go the same way. */
export class ResourceSet implements Iterable<EncodedResource> {
  static readonly empty = new ResourceSet({ base: new Map(), over: new Map(), size: 0, history: undefined });

  readonly #base: Entries;
  /** Over the base; undefined: removed. */
  readonly #over: Entries;
  readonly size: number;
  readonly #history: History;
  readonly #turn: number;
  readonly #differences = new WeakMap<ResourceSet, Piece>();
  /** Where the last change led to: those who hold this set and see the mesh alike go on holding the same. */
  #next: WeakRef<ResourceSet> | undefined;
  /** What makes it differ from the set that it came from. */
  #changes: Entries = NO_ENTRIES;

  private constructor(parts: { base: Entries; over: Entries; size: number; history: History | undefined }) {
    this.#base = parts.base;
    this.#over = parts.over;
    this.size = parts.size;
    this.#history = parts.history ?? new History();
    this.#turn = this.#history.turn;
  }

  static of(resources: Iterable<EncodedResource>): ResourceSet {
    return ResourceSet.empty.with(resources, []);
  }

  get(name: string): EncodedResource | undefined {
    const over = this.#over.get(name);
    return over !== undefined || this.#over.has(name) ? over : this.#base.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *[Symbol.iterator](): Generator<EncodedResource, void> {
    for (const [name, resource] of this.#base) if (resource && !this.#over.has(name)) yield resource;
    for (const resource of this.#over.values()) if (resource) yield resource;
  }

  /** This set without `removed` and with `upserts`. A resource of the same content, but made from other objects, takes the
   * place of the one before without being a difference. */
  with(upserts: Iterable<EncodedResource>, removed: Iterable<string>): ResourceSet {
    const changes = new Map<string, EncodedResource | undefined>();
    for (const name of removed) if (this.has(name)) changes.set(name, undefined);
    for (const resource of upserts) {
      if (this.get(resource.name) !== resource) changes.set(resource.name, resource);
      else changes.delete(resource.name);
    }
    if (changes.size === 0) return this;
    const known = this.#next?.deref();
    if (known && sameEntries(known.#changes, changes)) return known;
    const set = this.#changed(changes);
    set.#changes = changes;
    this.#next = new WeakRef(set);
    return set;
  }

  #changed(changes: Entries): ResourceSet {
    let { size } = this;
    for (const [name, resource] of changes) size += Number(resource !== undefined) - Number(this.has(name));
    const isFlat = (this.#over.size + changes.size) ** 2 > this.#base.size * FLATTEN;
    const over = new Map(isFlat ? [...this].map((r) => [r.name, r]) : this.#over);
    for (const [name, resource] of changes) {
      if (isFlat && resource === undefined) over.delete(name);
      else over.set(name, resource);
    }
    const history = this.#history.turn === this.#turn && this !== ResourceSet.empty ? this.#history : undefined;
    history?.add(changes.keys());
    return new ResourceSet({ base: isFlat ? over : this.#base, over: isFlat ? new Map() : over, size, history });
  }

  /** A set with just these resources; this one when nothing differs. */
  become(resources: Iterable<EncodedResource>): ResourceSet {
    const gone = new Set(Array.from(this, (r) => r.name));
    const all = [...resources];
    for (const { name } of all) gone.delete(name);
    return this.with(all, gone);
  }

  /** Names of all that may be another than in an older set; undefined when that is not known any more. */
  touchedSince(older: ResourceSet): ReadonlySet<string> | undefined {
    return older.#history === this.#history ? this.#history.between(older.#turn, this.#turn) : undefined;
  }

  /** What one who holds `older` lacks of this set. */
  since(older: ResourceSet): Piece {
    let difference = this.#differences.get(older);
    if (!difference) {
      difference = differenceOf(older, this, this.touchedSince(older));
      this.#differences.set(older, difference);
    }
    return difference;
  }
}

function sameEntries(a: Entries, b: Entries): boolean {
  if (a.size !== b.size) return false;
  for (const [name, resource] of a) if (b.get(name) !== resource || (resource === undefined && !b.has(name))) return false;
  return true;
}

/** Of the overlay's size, to the square, against the base's size: reading is fast, and a change copies little. */
const FLATTEN = 16;

function differenceOf(from: ResourceSet, to: ResourceSet, touched: Iterable<string> | undefined): Piece {
  const names = touched ?? new Set([...from, ...to].map((r) => r.name));
  const upserts: EncodedResource[] = [];
  const removed: string[] = [];
  for (const name of names) {
    const before = from.get(name);
    const after = to.get(name);
    if (after && after.version !== before?.version) upserts.push(after);
    else if (!after && before) removed.push(name);
  }
  return Piece.shared(upserts, removed);
}
