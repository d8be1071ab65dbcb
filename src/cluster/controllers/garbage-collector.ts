/** Deletes what has lost its owners. Knows every kind that the API server serves, custom ones as they come.
 *
 * Background: an object whose owners are all gone is deleted. Foreground: an owner that is being deleted waits, by a
 * finalizer, until its dependents are gone, which it deletes first. Orphan: the references to it are taken off first.
 * Kubernetes: pkg/controller/garbagecollector. */
import { isConflict, isNotFound, PatchType } from '../../kube/client.ts';
import { objectKey } from '../../kube/object.ts';
import type { KubeObject, OwnerReference, Stored } from '../../kube/object.ts';
import { apiVersionOf, CustomResourceDefinitions } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { discoverResources } from './discovery.ts';
import type { ObjectCache } from './object-cache.ts';
import { createReconciler } from './reconciler.ts';
import type { Reconciler } from './reconciler.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
/** Nothing owns or is owned among these, and there are many of them. */
const IGNORED: ReadonlySet<string> = new Set(['events', 'leases']);

export interface GarbageCollector extends Controller {
  /** Looks for the kinds that the server has now; call before the caches start, so that they are all in sync. */
  discover(): Promise<void>;
}

export function createGarbageCollector(context: ControllerContext): GarbageCollector {
  return new Collector(context);
}

interface Tracked {
  resource: Resource;
  cache: ObjectCache<KubeObject>;
  stop(): void;
}

class Collector implements GarbageCollector {
  readonly #context: ControllerContext;
  readonly #queue: Reconciler;
  readonly #discovery: Reconciler;
  /** By `group/plural`. */
  readonly #tracked = new Map<string, Tracked>();
  readonly #stopDefinitions: () => void;

  constructor(context: ControllerContext) {
    const { clock, log, caches } = context;
    this.#context = context;
    this.#queue = createReconciler({ name: 'garbage-collector', clock, log, reconcile: (key) => this.#reconcile(key), workers: 16 });
    this.#discovery = createReconciler({ name: 'garbage-collector-discovery', clock, log, reconcile: () => this.discover() });
    this.#stopDefinitions = caches.of(CustomResourceDefinitions).subscribe(() => this.#discovery.enqueue('all'));
  }

  start(): void {
    this.#queue.start();
    this.#discovery.start();
  }

  async close(): Promise<void> {
    this.#stopDefinitions();
    for (const { stop } of this.#tracked.values()) stop();
    await Promise.all([this.#queue.close(), this.#discovery.close()]);
  }

  async discover(): Promise<void> {
    const { client, caches } = this.#context;
    const found = new Map((await discoverResources(client)).filter((each) => !IGNORED.has(each.plural)).map((each) => [`${each.group}/${each.plural}`, each]));
    for (const [id, tracked] of this.#tracked) {
      if (found.has(id)) continue;
      this.#tracked.delete(id);
      tracked.stop();
      await caches.drop(tracked.resource);
    }
    for (const [id, resource] of found) {
      if (this.#tracked.has(id)) continue;
      const cache = caches.of(resource);
      const stop = cache.subscribe((change) => {
        if (change.type === 'deleted') this.#ownerIsGone(change.object);
        if (change.type === 'deleted' || isOfInterest(change.object)) this.#queue.enqueue(`${id}|${objectKey(change.object)}`);
      });
      this.#tracked.set(id, { resource, cache, stop });
    }
  }

  /** Its dependents lost an owner; its owners may have waited for it. */
  #ownerIsGone(gone: Stored<KubeObject>): void {
    for (const [id, object] of this.#dependents(gone.metadata.uid)) this.#queue.enqueue(`${id}|${objectKey(object)}`);
    for (const reference of gone.metadata.ownerReferences ?? []) {
      const owner = this.#held(reference);
      if (owner?.object?.metadata.finalizers?.includes(FOREGROUND)) this.#queue.enqueue(`${owner.id}|${objectKey(owner.object)}`);
    }
  }

  #dependents(uid: string): [string, Stored<KubeObject>][] {
    return [...this.#tracked].flatMap(([id, { cache }]) => cache.ownedBy(uid).map((object): [string, Stored<KubeObject>] => [id, object]));
  }

  #held(reference: OwnerReference): { id: string; resource: Resource; object: Stored<KubeObject> | undefined } | undefined {
    const [group = ''] = reference.apiVersion.includes('/') ? reference.apiVersion.split('/') : [''];
    for (const [id, { resource, cache }] of this.#tracked) {
      if (resource.group === group && resource.kind === reference.kind) return { id, resource, object: cache.byUid(reference.uid) };
    }
    return undefined;
  }

  async #reconcile(key: string): Promise<void> {
    const bar = key.indexOf('|');
    const tracked = this.#tracked.get(key.slice(0, bar));
    const object = tracked?.cache.get(key.slice(bar + 1));
    if (!tracked || !object) return;
    const { finalizers = [], deletionTimestamp, ownerReferences = [] } = object.metadata;
    if (deletionTimestamp) {
      if (finalizers.includes(ORPHAN)) return this.#orphanDependents(tracked, object);
      if (finalizers.includes(FOREGROUND)) return this.#deleteDependents(tracked, object);
      return;
    }
    if (ownerReferences.length > 0) await this.#collect(tracked, object, ownerReferences);
  }

  async #collect(tracked: Tracked, object: Stored<KubeObject>, references: readonly OwnerReference[]): Promise<void> {
    const states = await Promise.all(references.map(async (reference) => ({ reference, state: await this.#stateOf(reference, object) })));
    const solid = states.filter(({ state }) => state === 'solid');
    if (solid.length === states.length) return;
    if (solid.length > 0) return this.#writeOwners(tracked, object, solid.map(({ reference }) => reference));
    const isAwaited = states.some(({ state }) => state === 'waiting');
    const hasDependents = this.#dependents(object.metadata.uid).length > 0;
    await this.#delete(tracked.resource, object, isAwaited && hasDependents ? 'Foreground' : 'Background');
  }

  /** `waiting`: the owner is being deleted and waits for its dependents. */
  async #stateOf(reference: OwnerReference, dependent: Stored<KubeObject>): Promise<'solid' | 'waiting' | 'gone'> {
    const held = this.#held(reference);
    // An owner of a kind that nobody serves may come back with its definition.
    if (!held) return 'solid';
    const owner = held.object ?? (await this.#fetch(held.resource, reference, dependent.metadata.namespace));
    if (!owner || owner.metadata.uid !== reference.uid) return 'gone';
    return owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(FOREGROUND) && reference.blockOwnerDeletion ? 'waiting' : 'solid';
  }

  async #fetch(resource: Resource, reference: OwnerReference, namespace: string | undefined): Promise<Stored<KubeObject> | undefined> {
    try {
      return await this.#context.client.get(resource, { name: reference.name, ...(resource.namespaced && namespace ? { namespace } : {}) });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #deleteDependents(tracked: Tracked, owner: Stored<KubeObject>): Promise<void> {
    const dependents = this.#dependents(owner.metadata.uid);
    const blocking = dependents.filter(([, object]) => object.metadata.ownerReferences?.some((each) => each.uid === owner.metadata.uid && each.blockOwnerDeletion));
    if (blocking.length === 0) await this.#removeFinalizer(tracked, owner, FOREGROUND);
    for (const [id, object] of dependents) if (!object.metadata.deletionTimestamp) this.#queue.enqueue(`${id}|${objectKey(object)}`);
  }

  async #orphanDependents(tracked: Tracked, owner: Stored<KubeObject>): Promise<void> {
    for (const [id, object] of this.#dependents(owner.metadata.uid)) {
      const dependent = this.#tracked.get(id);
      const rest = (object.metadata.ownerReferences ?? []).filter((each) => each.uid !== owner.metadata.uid);
      if (dependent) await this.#writeOwners(dependent, object, rest);
    }
    await this.#removeFinalizer(tracked, owner, ORPHAN);
  }

  async #writeOwners({ resource, cache }: Tracked, object: Stored<KubeObject>, ownerReferences: OwnerReference[]): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    await this.#patch(resource, cache, object, { metadata: { uid, resourceVersion, ownerReferences } });
  }

  async #removeFinalizer({ resource, cache }: Tracked, object: Stored<KubeObject>, finalizer: string): Promise<void> {
    const { uid, resourceVersion, finalizers = [] } = object.metadata;
    await this.#patch(resource, cache, object, { metadata: { uid, resourceVersion, finalizers: finalizers.filter((each) => each !== finalizer) } });
  }

  async #patch(resource: Resource, cache: ObjectCache<KubeObject>, object: Stored<KubeObject>, body: KubeObject): Promise<void> {
    const { name, namespace } = object.metadata;
    try {
      const stored = await this.#context.client.patch(resource, { name, ...(namespace ? { namespace } : {}) }, { type: PatchType.Merge, body });
      if (!stored.metadata.deletionTimestamp) cache.remember(stored);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #delete(resource: Resource, object: Stored<KubeObject>, propagationPolicy: 'Background' | 'Foreground'): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    try {
      await this.#context.client.delete(resource, { name, ...(namespace ? { namespace } : {}) }, { propagationPolicy, preconditions: { uid } });
      this.#tracked.get(`${resource.group}/${resource.plural}`)?.cache.rememberDeleted(object);
    } catch (error) {
      // Gone already, or another object has the name now.
      if (!isNotFound(error) && !isConflict(error)) throw error;
      this.#context.log.debug('nothing to collect', { resource: apiVersionOf(resource), name });
    }
  }
}

function isOfInterest(object: Stored<KubeObject>): boolean {
  const { finalizers = [], deletionTimestamp, ownerReferences = [] } = object.metadata;
  return deletionTimestamp ? finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN) : ownerReferences.length > 0;
}
