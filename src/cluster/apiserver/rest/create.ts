import { randomUUID } from 'node:crypto';
import { KubeApiError } from '../../../kube/client.ts';
import { generateName } from '../../../kube/names.ts';
import { objectKey, type KubeObject, type ManagedFieldsEntry, type Stored } from '../../../kube/object.ts';
import { failure } from '../../../kube/errors.ts';
import { hasStatus, type Kind } from '../kinds/kind.ts';
import { alreadyExists, badRequest, quote, qualified } from '../status.ts';
import { deepFreeze } from '../storage/store.ts';
import { admit, refuseInvalid, reshape } from './admit.ts';
import type { Caller } from './caller.ts';
import { timestamp, type RestDeps } from './deps.ts';
import { trackUpdate } from './field-managers.ts';
import { metadataErrors } from './metadata.ts';
import { decodeObject, metaOf, placeObject } from './objects.ts';

/** Names are random: a clash is improbable, several in a row are not a coincidence. */
const NAME_TRIES = 8;

/** POST of an object. @returns it as stored (or as it would be stored, for a dry run) */
export async function createObject(deps: RestDeps, kind: Kind, at: { namespace?: string; name?: string; input: unknown }, caller: Caller): Promise<Stored> {
  const draft = decodeObject(kind, at.input, caller);
  placeObject(kind, draft, at);
  return storeNew(deps, kind, draft, { caller });
}

/** Stores a decoded object that does not exist yet.
 * @param by the caller, and managedFields when they are known already (server-side apply) */
export async function storeNew(deps: RestDeps, kind: Kind, draft: KubeObject, by: { caller: Caller; managedFields?: ManagedFieldsEntry[] }): Promise<Stored> {
  const { caller } = by;
  prepareDraft(kind, draft);
  let release = () => {};
  const hooks = deps.hooks.get(kind.collection);
  const revise = (object: KubeObject): KubeObject => {
    const shaped = reshape(kind, object);
    fillIdentity(deps, kind, shaped);
    kind.strategy.prepareCreate?.(shaped);
    refuseInvalid(kind, metaOf(shaped).name ?? '', [...metadataErrors(kind, shaped), ...(kind.strategy.validate?.(shaped) ?? []), ...(kind.strategy.validateCreate?.(shaped) ?? [])]);
    const undo = hooks?.reserve?.(shaped, undefined);
    if (undo) release = chain(release, undo);
    return shaped;
  };
  try {
    const { name = '', namespace } = metaOf(draft);
    const admitted = await admit(deps, { kind, operation: 'CREATE', namespace, name, object: draft, caller, options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' } }, revise);
    const object = admitted ?? draft;
    if (by.managedFields) metaOf(object).managedFields = by.managedFields;
    else trackUpdate(kind, { object, old: undefined }, { caller, now: deps.clock.now() });
    return await commitNew(deps, kind, object, { caller, release });
  } catch (error) {
    release();
    throw error;
  }
}

async function commitNew(deps: RestDeps, kind: Kind, object: KubeObject, by: { caller: Caller; release: () => void }): Promise<Stored> {
  const key = objectKey(object);
  if (deps.store.get(kind.collection, key)) throw alreadyExists(kind.resource, metaOf(object).name ?? '');
  if (by.caller.dryRun) {
    by.release();
    return deepFreeze(object) as Stored;
  }
  const { entry, durable } = deps.store.apply({ collection: kind.collection, key, object });
  deps.hooks.get(kind.collection)?.changed?.(entry.object, undefined);
  await durable;
  return entry.object;
}

function prepareDraft(kind: Kind, draft: KubeObject): void {
  const meta = metaOf(draft);
  if (meta.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  delete meta.resourceVersion;
  delete meta.uid;
  delete meta.creationTimestamp;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.generation;
  if (hasStatus(kind)) delete (draft as { status?: unknown }).status;
  if (kind.hasGeneration) meta.generation = 1;
  kind.strategy.default?.(draft);
}

function fillIdentity(deps: RestDeps, kind: Kind, object: KubeObject): void {
  const meta = metaOf(object);
  meta.uid ??= randomUUID();
  meta.creationTimestamp ??= timestamp(deps.clock.now());
  if (meta.name || !meta.generateName) return;
  const { namespace } = meta;
  for (let i = 0; i < NAME_TRIES; i++) {
    const name = generateName(meta.generateName, deps.random);
    if (deps.store.get(kind.collection, objectKey({ metadata: { namespace, name } }))) continue;
    meta.name = name;
    return;
  }
  throw new KubeApiError(failure(409, 'AlreadyExists', `${qualified(kind.resource)} ${quote(meta.generateName)} already exists, the server was not able to generate a unique name for the object`));
}

const chain = (first: () => void, second: () => void) => () => {
  first();
  second();
};
