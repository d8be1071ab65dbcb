/** A local, always-fresh copy of a collection: list, then watch, relist on 410 with synthetic deletes, back-off between
 * reconnects. Behaves as client-go's shared informer does. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject, Stored } from './object.ts';
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
