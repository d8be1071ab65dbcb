/** All objects in memory, frozen, with one revision counter; every change is durable before anyone is told of it.
 * Writes take effect in memory at once (so that the next write sees them); replies and watch events wait for the commit. */
import type { KubeObject, Stored } from '../../../kube/object.ts';
import { EventLog, type StoreEvent } from './event-log.ts';
import type { Journal, JournalRow } from './journal.ts';

export interface Entry {
  readonly object: Stored;
  readonly revision: number;
  /** The object as JSON, made once as long as it is the newest. */
  readonly json: string;
  /** Lets go of the text: called when another state has taken its place. */
  release?(): void;
}

export interface Change {
  /** `group/plural`, the collection. */
  collection: string;
  /** `namespace/name` or `name`. */
  key: string;
  /** Absent to delete. Its resourceVersion is set here. */
  object?: KubeObject;
}

export type Applied = { entry: Entry; durable: Promise<void> };

export class Store {
  readonly #journal: Journal;
  readonly #collections = new Map<string, Map<string, Entry>>();
  readonly #logs = new Map<string, EventLog>();
  readonly #listeners = new Map<string, Set<(event: StoreEvent) => void>>();
  #revision: number;
  readonly #startRevision: number;
  #rows: JournalRow[] = [];
  #events: { collection: string; event: StoreEvent }[] = [];
  #commit: PromiseWithResolvers<void> | undefined;
  #failure: Error | undefined;

  constructor(journal: Journal) {
    this.#journal = journal;
    const { revision, rows } = journal.load();
    this.#revision = Math.max(1, revision);
    this.#startRevision = this.#revision;
    for (const { key, json } of rows) {
      const object = deepFreeze(JSON.parse(json) as Stored);
      const [, collection = '', name = ''] = /^([^/]*\/[^/]*)\/(.*)$/.exec(key) ?? [];
      this.#collection(collection).set(name, { object, json, revision: Number(object.metadata.resourceVersion) });
    }
  }

  get revision(): number {
    return this.#revision;
  }

  get(collection: string, key: string): Entry | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  entries(collection: string): Iterable<Entry> {
    return this.#collections.get(collection)?.values() ?? [];
  }

  size(collection: string): number {
    return this.#collections.get(collection)?.size ?? 0;
  }

  /** Makes one change. The caller has checked that the entry is still the one that its decision was made on. */
  apply(change: Change): Applied {
    if (this.#failure) throw this.#failure;
    const { collection, key } = change;
    const entries = this.#collection(collection);
    const previous = entries.get(key);
    const revision = ++this.#revision;
    const entry = freezeEntry(change.object ?? previous?.object ?? {}, revision);
    if (change.object) entries.set(key, entry);
    else entries.delete(key);
    previous?.release?.();
    this.#rows.push({ key: `${collection}/${key}`, json: change.object ? entry.json : undefined });
    const type = change.object ? (previous ? 'MODIFIED' : 'ADDED') : 'DELETED';
    this.#events.push({ collection, event: { type, entry, previous, revision } });
    return { entry, durable: this.#schedule() };
  }

  /** Events after `since`, or undefined when that is further back than the log reaches. */
  eventsSince(collection: string, since: number): StoreEvent[] | undefined {
    if (since < this.#startRevision) return undefined;
    return this.#log(collection).since(since);
  }

  /** Called with every committed change of a collection, in order. Returns the way to stop. */
  listen(collection: string, listener: (event: StoreEvent) => void): () => void {
    const set = this.#listeners.get(collection) ?? new Set();
    this.#listeners.set(collection, set.add(listener));
    return () => void set.delete(listener);
  }

  /** Removes a collection that is no longer served, events included. */
  drop(collection: string): void {
    for (const key of this.#collections.get(collection)?.keys() ?? []) this.apply({ collection, key });
  }

  close(): void {
    this.#flush();
    this.#journal.close();
  }

  #schedule(): Promise<void> {
    if (!this.#commit) {
      this.#commit = Promise.withResolvers();
      // A failed commit is reported by everyone who waits for it; here only "unhandled" is silenced.
      this.#commit.promise.catch(() => {});
      setImmediate(() => this.#flush());
    }
    return this.#commit.promise;
  }

  #flush(): void {
    const commit = this.#commit;
    if (!commit) return;
    const rows = this.#rows;
    const events = this.#events;
    this.#rows = [];
    this.#events = [];
    this.#commit = undefined;
    try {
      this.#journal.write(rows, this.#revision);
    } catch (error) {
      // Memory is ahead of the disk now: no write may be acknowledged any more.
      this.#failure = error as Error;
      commit.reject(error);
      return;
    }
    for (const { collection, event } of events) {
      this.#log(collection).append(event);
      for (const listener of this.#listeners.get(collection) ?? []) listener(event);
    }
    commit.resolve();
  }

  #collection(name: string): Map<string, Entry> {
    let entries = this.#collections.get(name);
    if (!entries) this.#collections.set(name, (entries = new Map()));
    return entries;
  }

  #log(collection: string): EventLog {
    let log = this.#logs.get(collection);
    if (!log) this.#logs.set(collection, (log = new EventLog()));
    return log;
  }
}

function freezeEntry(object: KubeObject, revision: number): Entry {
  // The caller hands the object over: the version is written into a copy of its metadata only.
  const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } } as Stored;
  let json: string | undefined;
  deepFreeze(stored);
  return {
    object: stored,
    revision,
    get json() {
      return (json ??= JSON.stringify(stored));
    },
    release() {
      json = undefined;
    },
  };
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key in value) deepFreeze(value[key]);
  }
  return value;
}
