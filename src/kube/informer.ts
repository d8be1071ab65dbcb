/** A local, always-fresh copy of a collection: list, then watch, relist on 410 with synthetic deletes, back-off between
 * reconnects. Behaves as client-go's shared informer does. */
import { sleep, systemClock, type Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { silentLog, type Log } from '../base/log.ts';
import { KubeApiError, type KubeClient, type WatchEvent } from './client.ts';
import { objectKey, type KubeObject, type Stored } from './object.ts';
import type { Resource } from './resource.ts';

export interface InformerOptions {
  client: KubeClient;
  clock?: Clock;
  log?: Log;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export type InformerEvent<T extends KubeObject> =
  | { type: 'added'; object: Stored<T> }
  | { type: 'updated'; object: Stored<T>; old: Stored<T> }
  | { type: 'deleted'; object: Stored<T> };

export interface Informer<T extends KubeObject> {
  /** By `namespace/name` (`name` when cluster-scoped). */
  get(key: string): Stored<T> | undefined;
  list(): Stored<T>[];
  listIn(namespace: string): Stored<T>[];
  /** Called for every change, in order; objects already held are delivered as `added` at once. Returns the way to stop. */
  subscribe(listener: (event: InformerEvent<T>) => void): () => void;
  /** Starts listing and watching; resolves when the first list is in the store. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export type CreateInformer = <T extends KubeObject>(resource: Resource<T>, options: InformerOptions) => Informer<T>;

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/** How a watch ended: go on from the last version, or list again because that version is gone. */
type WatchEnd = 'resume' | 'relist';

export const createInformer: CreateInformer = <T extends KubeObject>(resource: Resource<T>, options: InformerOptions): Informer<T> => {
  const { client, clock = systemClock, log = silentLog } = options;
  const selection = { namespace: options.namespace, labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
  const store = new Map<string, Stored<T>>();
  const listeners = new Set<(event: InformerEvent<T>) => void>();
  const stop = new AbortController();
  const synced = Promise.withResolvers<void>();
  let running: Promise<void> | undefined;
  let version = '';

  function notify(event: InformerEvent<T>): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error('an informer listener threw', { resource: resource.plural, error: errorText(error) });
      }
    }
  }

  function put(object: Stored<T>): void {
    const key = objectKey(object);
    const old = store.get(key);
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    store.set(key, object);
    // The same name with another uid is another object: those who keep state by uid must see the first one go.
    if (old && old.metadata.uid !== object.metadata.uid) notify({ type: 'deleted', object: old });
    notify(old && old.metadata.uid === object.metadata.uid ? { type: 'updated', object, old } : { type: 'added', object });
  }

  function remove(object: Stored<T>): void {
    if (store.delete(objectKey(object))) notify({ type: 'deleted', object });
  }

  async function relist(): Promise<void> {
    const list = await client.list(resource, { ...selection, signal: stop.signal });
    const listed = new Set(list.items.map(objectKey));
    for (const [key, object] of store) if (!listed.has(key)) remove(object);
    for (const object of list.items) put(object);
    version = list.metadata.resourceVersion ?? '';
    synced.resolve();
  }

  function take(event: WatchEvent<T>): WatchEnd | undefined {
    if (event.type === 'ERROR') {
      if (event.object.code === 410 || event.object.reason === 'Expired' || event.object.reason === 'Gone') return 'relist';
      throw new KubeApiError(event.object);
    }
    version = event.object.metadata.resourceVersion;
    if (event.type === 'DELETED') remove(event.object);
    else if (event.type !== 'BOOKMARK') put(event.object);
    return undefined;
  }

  async function watch(): Promise<WatchEnd> {
    const events = client.watch(resource, { ...selection, resourceVersion: version, allowWatchBookmarks: true, signal: stop.signal });
    for await (const event of events) {
      if (stop.signal.aborted) break;
      const end = take(event);
      if (end) return end;
    }
    return 'resume';
  }

  async function run(): Promise<void> {
    let next: WatchEnd = 'relist';
    let delayMs = FIRST_RETRY_MS;
    while (!stop.signal.aborted) {
      try {
        if (next === 'relist') await relist();
        next = 'resume';
        const startedMs = clock.monotonic();
        next = await watch();
        // A server that ends every watch at once must not be asked in a tight loop.
        if (clock.monotonic() - startedMs < 10 && !stop.signal.aborted) await sleep(clock, FIRST_RETRY_MS, stop.signal).catch(() => {});
        delayMs = FIRST_RETRY_MS;
      } catch (error) {
        if (stop.signal.aborted) break;
        log.warn('watch failed, trying again', { resource: resource.plural, delayMs, error: errorText(error) });
        if (error instanceof KubeApiError && error.status.code === 410) next = 'relist';
        await sleep(clock, delayMs, stop.signal).catch(() => {});
        delayMs = Math.min(LAST_RETRY_MS, delayMs * 2);
      }
    }
    synced.resolve();
  }

  return {
    get: (key) => store.get(key),
    list: () => [...store.values()],
    listIn: (namespace) => [...store.values()].filter((object) => object.metadata.namespace === namespace),
    subscribe(listener) {
      for (const object of store.values()) listener({ type: 'added', object });
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start() {
      running ??= run();
      return synced.promise;
    },
    async close() {
      stop.abort();
      await running;
    },
  };
};
