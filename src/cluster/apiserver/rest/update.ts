/** Replacing an object: PUT, PATCH and the subresources all end here. */
import { isDeepStrictEqual } from 'node:util';
import { cloneJson } from '../../../base/clone.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import { hasStatus, type Kind } from '../kinds/kind.ts';
import { conflict, notFound } from '../status.ts';
import { deepFreeze, type Entry } from '../storage/store.ts';
import { admit, refuseInvalid, reshape } from './admit.ts';
import type { Caller } from './caller.ts';
import { storeKey, type RestDeps } from './deps.ts';
import { trackUpdate } from './field-managers.ts';
import { metadataUpdateErrors } from './metadata.ts';
import { metaOf } from './objects.ts';

export interface UpdateTarget {
  kind: Kind;
  namespace?: string;
  name: string;
  /** `status`, …: which part of the object the update may change. */
  subresource?: string;
}

/** Makes the new object from the present one. Called again when another write came first.
 * A `resourceVersion` in the result must be the present one. */
export type Transform = (old: Stored) => KubeObject | Promise<KubeObject>;

export interface UpdateOptions {
  /** The transform has written managedFields itself (server-side apply). */
  tracked?: boolean;
}

/** Of writers that meet at one object in each round one wins, so this bounds how many may meet. */
const TRIES = 100;

export async function updateObject(deps: RestDeps, target: UpdateTarget, transform: Transform, how: { caller: Caller } & UpdateOptions): Promise<Stored> {
  const { kind, name } = target;
  const key = storeKey(kind, target);
  for (let attempt = 1; ; attempt++) {
    const entry = deps.store.get(kind.collection, key);
    if (!entry) throw notFound(kind.resource, name);
    const draft = await transform(entry.object);
    const wanted = draft.metadata?.resourceVersion;
    if (wanted && wanted !== '0' && wanted !== entry.object.metadata.resourceVersion) throw conflict(kind.resource, name);
    if (draft.metadata?.uid && draft.metadata.uid !== entry.object.metadata.uid) {
      throw conflict(kind.resource, name, `Precondition failed: UID in precondition: ${draft.metadata.uid}, UID in object meta: ${entry.object.metadata.uid}`);
    }
    const done = await tryUpdate(deps, target, { entry, draft, key }, how);
    if (done) return done;
    // Someone else wrote while admission ran: start over from the new object. A version that the client stated is found stale then.
    if (attempt >= TRIES) throw conflict(kind.resource, name);
  }
}

interface Attempt {
  entry: Entry;
  draft: KubeObject;
  key: string;
}

async function tryUpdate(deps: RestDeps, target: UpdateTarget, { entry, draft, key }: Attempt, how: { caller: Caller } & UpdateOptions): Promise<Stored | undefined> {
  const { kind, subresource } = target;
  const { caller } = how;
  const old = entry.object;
  const hooks = deps.hooks.get(kind.collection);
  let release: (() => void) | undefined;
  const revise = (object: KubeObject): KubeObject => {
    const shaped = reshape(kind, object);
    prepareUpdate(kind, shaped, old, subresource);
    refuseInvalid(kind, target.name, updateErrors(kind, shaped, old, subresource));
    const undo = hooks?.reserve?.(shaped, old);
    if (undo) release = undo;
    return shaped;
  };
  try {
    prepareUpdate(kind, draft, old, subresource);
    kind.strategy.default?.(draft);
    const admission = { kind, operation: 'UPDATE' as const, subresource, namespace: target.namespace, name: target.name, object: draft, old, caller, options: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' } };
    const object = (await admit(deps, admission, revise)) ?? draft;
    countGeneration(kind, object, old);
    if (!how.tracked) trackUpdate(kind, { object, old }, { caller, now: deps.clock.now(), subresource });
    if (deps.store.get(kind.collection, key) !== entry) {
      release?.();
      return undefined;
    }
    if (caller.dryRun) {
      release?.();
      return deepFreeze(object) as Stored;
    }
    if (isUnchanged(object, old)) return old;
    return await commitUpdate(deps, kind, object, { entry, key });
  } catch (error) {
    release?.();
    throw error;
  }
}

async function commitUpdate(deps: RestDeps, kind: Kind, object: KubeObject, at: { entry: Entry; key: string }): Promise<Stored> {
  const hooks = deps.hooks.get(kind.collection);
  if (isReleased(object)) {
    const { durable, entry } = deps.store.apply({ collection: kind.collection, key: at.key });
    hooks?.changed?.(undefined, at.entry.object);
    await durable;
    return { ...object, metadata: { ...object.metadata, resourceVersion: entry.object.metadata.resourceVersion } } as Stored;
  }
  const { entry, durable } = deps.store.apply({ collection: kind.collection, key: at.key, object });
  hooks?.changed?.(entry.object, at.entry.object);
  await durable;
  return entry.object;
}

/** A deleted object that nothing holds any more goes with the write that took its last finalizer. */
function isReleased(object: KubeObject): boolean {
  const meta = metaOf(object);
  if (!meta.deletionTimestamp || (meta.finalizers ?? []).length > 0 || (meta.deletionGracePeriodSeconds ?? 0) > 0) return false;
  const spec = (object as { spec?: { finalizers?: string[] } }).spec;
  return object.kind !== 'Namespace' || (spec?.finalizers ?? []).length === 0;
}

function prepareUpdate(kind: Kind, object: KubeObject, old: Stored, subresource: string | undefined): void {
  const meta = metaOf(object);
  const before = old.metadata;
  meta.uid = before.uid;
  meta.creationTimestamp = before.creationTimestamp;
  meta.generation = before.generation;
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (before[field] === undefined) delete meta[field];
    else Object.assign(meta, { [field]: before[field] });
  }
  if (meta.generation === undefined) delete meta.generation;
  if (before.generateName !== undefined && meta.generateName === undefined) meta.generateName = before.generateName;
  meta.managedFields ??= before.managedFields;
  if (meta.managedFields === undefined) delete meta.managedFields;
  if (subresource === 'status' || subresource === 'approval') keepAllButStatus(object, old);
  else if (subresource === undefined && hasStatus(kind)) copyField(object, old, 'status');
  if (subresource === undefined) kind.strategy.prepareUpdate?.(object, old);
}

function keepAllButStatus(object: KubeObject, old: Stored): void {
  const { managedFields, resourceVersion } = metaOf(object);
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) if (key !== 'status' && key !== 'metadata') copyField(object, old, key);
  object.metadata = { ...cloneJson(old.metadata), managedFields, resourceVersion };
  if (managedFields === undefined) delete object.metadata.managedFields;
}

function copyField(object: KubeObject, old: KubeObject, key: string): void {
  const [target, source] = [object as Record<string, unknown>, old as Record<string, unknown>];
  if (key in source) target[key] = cloneJson(source[key]);
  else delete target[key];
}

function updateErrors(kind: Kind, object: KubeObject, old: Stored, subresource: string | undefined) {
  if (subresource === 'status') return kind.strategy.validateStatus?.(object, old) ?? [];
  const errors = [...metadataUpdateErrors(kind, object, old), ...(kind.strategy.validate?.(object) ?? [])];
  // Subresources exist to change what the object itself may not: a pod's node, its ephemeral containers.
  return subresource === undefined ? [...errors, ...(kind.strategy.validateUpdate?.(object, old) ?? [])] : errors;
}

/** The generation counts changes of everything but metadata and status. */
function countGeneration(kind: Kind, object: KubeObject, old: Stored): void {
  if (!kind.hasGeneration) return;
  const body = ({ metadata: _m, status: _s, ...rest }: KubeObject & { status?: unknown }) => rest;
  if (!isDeepStrictEqual(body(object), body(old))) metaOf(object).generation = (old.metadata.generation ?? 0) + 1;
}

function isUnchanged(object: KubeObject, old: Stored): boolean {
  if (isReleased(object)) return false;
  return isDeepStrictEqual({ ...object, metadata: { ...object.metadata, resourceVersion: '' } }, { ...old, metadata: { ...old.metadata, resourceVersion: '' } });
}
