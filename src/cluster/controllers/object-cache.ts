/** What a controller reads: an informer's copy of a collection, with its own writes added at once.
 *
 * A controller that creates an object and is called again before the watch has told of it would create a second one.
 * `remember` puts the answer of a write into the copy; the watch then confirms it. Client-go counts expectations for
 * the same purpose; remembering needs no time-outs. Resource versions are compared as numbers: one counter orders all. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { createInformer } from '../../kube/informer.ts';
import { objectKey } from '../../kube/object.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { apiVersionOf } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';

/** Uids of deleted objects that are kept, so that a late answer of a write does not bring one back. */
const TOMBSTONES = 4096;

export interface CacheChange<T extends KubeObject> {
  type: 'added' | 'updated' | 'deleted';
  object: Stored<T>;
  /** Before the change; absent for `added`. */
  old?: Stored<T>;
}

export interface ObjectCache<T extends KubeObject> {
  readonly resource: Resource<T>;
  get(key: string): Stored<T> | undefined;
  byUid(uid: string): Stored<T> | undefined;
  list(): Stored<T>[];
  listIn(namespace: string): Stored<T>[];
  /** Objects with an owner reference to `uid`, controller or not. */
  ownedBy(uid: string): Stored<T>[];
  /** Takes in the answer of an own create, update or patch. */
  remember(object: Stored<T>): void;
  /** Takes in that an own delete was accepted: the copy is marked as being deleted until the watch says more. */
  rememberDeleted(object: Stored<T>): void;
  subscribe(listener: (change: CacheChange<T>) => void): () => void;
}

/** The caches of one process, one for each resource that was asked for. */
export interface Caches {
  readonly client: KubeClient;
  of<T extends KubeObject>(resource: Resource<T>): ObjectCache<T>;
  /** Resolves when every cache asked for so far holds its collection. Caches asked for later start at once. */
  start(): Promise<void>;
  /** Stops following one resource, e.g. of a definition that was deleted. */
  drop(resource: Resource): Promise<void>;
  close(): Promise<void>;
}

export function createCaches(deps: { client: KubeClient; clock: Clock; log: Log }): Caches {
  const caches = new Map<string, { cache: IndexedCache<KubeObject>; informer: Informer<KubeObject>; ready?: Promise<void> }>();
  let started = false;
  const id = (resource: Resource) => `${apiVersionOf(resource)}/${resource.plural}`;
  return {
    client: deps.client,
    of<T extends KubeObject>(resource: Resource<T>): ObjectCache<T> {
      let entry = caches.get(id(resource));
      if (!entry) {
        const informer = createInformer<KubeObject>(resource as Resource, deps);
        const cache = new IndexedCache<KubeObject>(resource as Resource, deps.clock);
        informer.subscribe((event) => cache.follow(event.type, event.object));
        entry = { cache, informer };
        caches.set(id(resource), entry);
        if (started) entry.ready = informer.start();
      }
      // The key of the map is the resource, and with it the type.
      return entry.cache as unknown as ObjectCache<T>;
    },
    async start() {
      started = true;
      await Promise.all([...caches.values()].map((entry) => (entry.ready ??= entry.informer.start())));
    },
    async drop(resource) {
      const entry = caches.get(id(resource));
      caches.delete(id(resource));
      await entry?.informer.close();
    },
    async close() {
      await Promise.all([...caches.values()].map(({ informer }) => informer.close()));
      caches.clear();
    },
  };
}

/** True when `a` is a later state than `b`. Spec: resource versions of one server are one growing counter. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

class IndexedCache<T extends KubeObject> implements ObjectCache<T> {
  readonly resource: Resource<T>;
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Stored<T>>();
  readonly #byUid = new Map<string, Stored<T>>();
  readonly #byNamespace = new Map<string, Map<string, Stored<T>>>();
  readonly #byOwner = new Map<string, Map<string, Stored<T>>>();
  readonly #tombstones = new Set<string>();
  readonly #listeners = new Set<(change: CacheChange<T>) => void>();

  constructor(resource: Resource<T>, clock: Clock) {
    this.resource = resource;
    this.#clock = clock;
  }

  get(key: string): Stored<T> | undefined {
    return this.#byKey.get(key);
  }

  byUid(uid: string): Stored<T> | undefined {
    return this.#byUid.get(uid);
  }

  list(): Stored<T>[] {
    return [...this.#byKey.values()];
  }

  listIn(namespace: string): Stored<T>[] {
    return [...(this.#byNamespace.get(namespace)?.values() ?? [])];
  }

  ownedBy(uid: string): Stored<T>[] {
    return [...(this.#byOwner.get(uid)?.values() ?? [])];
  }

  remember(object: Stored<T>): void {
    const held = this.#byKey.get(objectKey(object));
    if (this.#tombstones.has(object.metadata.uid)) return;
    if (held && !isNewer(object.metadata.resourceVersion, held.metadata.resourceVersion)) return;
    this.#put(object, held);
  }

  rememberDeleted(object: Stored<T>): void {
    const held = this.#byUid.get(object.metadata.uid);
    if (!held || held.metadata.deletionTimestamp) return;
    this.#put({ ...held, metadata: { ...held.metadata, deletionTimestamp: new Date(this.#clock.now()).toISOString() } }, held);
  }

  subscribe(listener: (change: CacheChange<T>) => void): () => void {
    this.#listeners.add(listener);
    for (const object of this.#byKey.values()) listener({ type: 'added', object });
    return () => void this.#listeners.delete(listener);
  }

  /** Takes in an event of the watch, which is the truth. */
  follow(type: 'added' | 'updated' | 'deleted', object: Stored<T>): void {
    const held = this.#byKey.get(objectKey(object));
    if (type === 'deleted') {
      this.#bury(object.metadata.uid);
      // The name may already stand for a newer object.
      if (!held || held.metadata.uid !== object.metadata.uid) return;
      this.#remove(held);
      this.#tell({ type: 'deleted', object, old: held });
      return;
    }
    if (held && isNewer(held.metadata.resourceVersion, object.metadata.resourceVersion)) return;
    this.#put(object, held);
  }

  #put(given: Stored<T>, held: Stored<T> | undefined): void {
    if (held) this.#remove(held);
    // The items of a list need not say what they are; events and owner references must.
    const object = given.kind && given.apiVersion ? given : { ...given, kind: this.resource.kind, apiVersion: apiVersionOf(this.resource) };
    const key = objectKey(object);
    this.#byKey.set(key, object);
    this.#byUid.set(object.metadata.uid, object);
    into(this.#byNamespace, object.metadata.namespace ?? '', key, object);
    for (const owner of object.metadata.ownerReferences ?? []) into(this.#byOwner, owner.uid, key, object);
    this.#tell(held ? { type: 'updated', object, old: held } : { type: 'added', object });
  }

  #remove(held: Stored<T>): void {
    const key = objectKey(held);
    this.#byKey.delete(key);
    this.#byUid.delete(held.metadata.uid);
    outOf(this.#byNamespace, held.metadata.namespace ?? '', key);
    for (const owner of held.metadata.ownerReferences ?? []) outOf(this.#byOwner, owner.uid, key);
  }

  #bury(uid: string): void {
    this.#tombstones.add(uid);
    if (this.#tombstones.size <= TOMBSTONES) return;
    for (const oldest of this.#tombstones) {
      this.#tombstones.delete(oldest);
      break;
    }
  }

  #tell(change: CacheChange<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function into<T>(index: Map<string, Map<string, T>>, at: string, key: string, value: T): void {
  const bucket = index.get(at);
  if (bucket) bucket.set(key, value);
  else index.set(at, new Map([[key, value]]));
}

function outOf<T>(index: Map<string, Map<string, T>>, at: string, key: string): void {
  const bucket = index.get(at);
  bucket?.delete(key);
  if (bucket?.size === 0) index.delete(at);
}
