/** The verbs of the API on any kind and subresource: what HTTP and the in-process client have in common. */
import { cloneJson } from '../../../base/clone.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { DeleteOptions } from '../../../kube/client.ts';
import type { Kind } from '../kinds/kind.ts';
import { invalidObject, methodNotAllowed, noSuchPath } from '../status.ts';
import type { Caller } from './caller.ts';
import { createObject } from './create.ts';
import { deleteObject, type Deletion } from './delete.ts';
import type { RestDeps } from './deps.ts';
import { getEntry, listEntries, type ListRequest } from './list.ts';
import { decodeObject, placeObject } from './objects.ts';
import { patchObject, type PatchRequest } from './patch.ts';
import { readScale, patchScale, writeScale } from './scale.ts';
import { updateObject } from './update.ts';

export interface Target {
  kind: Kind;
  namespace?: string;
  name: string;
  subresource?: string;
}

/** Answers a POST that stores nothing of its own kind: reviews, tokens, bindings, evictions. */
export type VirtualCreate = (target: { namespace?: string; name: string; input: unknown }, caller: Caller) => Promise<KubeObject>;

export interface ApiDeps extends RestDeps {
  /** By `collection` or `collection:subresource`. */
  readonly virtual: ReadonlyMap<string, VirtualCreate>;
}

/** Subresources that change a part of the object itself. */
const PARTS = new Set(['status', 'approval', 'finalize', 'ephemeralcontainers', 'resize']);

export function getAt(deps: ApiDeps, target: Target): Stored {
  const { kind, subresource } = target;
  const { object } = getEntry(deps, kind, target);
  if (subresource === undefined || PARTS.has(subresource)) return object;
  if (subresource === 'scale' && kind.scale) return readScale(kind.scale, object);
  throw noSuchPath();
}

export async function createAt(deps: ApiDeps, target: Omit<Target, 'name'> & { name?: string; input: unknown }, caller: Caller): Promise<KubeObject> {
  const { kind, subresource, namespace, name, input } = target;
  const virtual = deps.virtual.get(subresource === undefined ? kind.collection : `${kind.collection}:${subresource}`);
  if (virtual) return virtual({ namespace, name: name ?? '', input }, caller);
  if (subresource !== undefined) throw methodNotAllowed(kind.resource, 'POST');
  return createObject(deps, kind, { namespace, input }, caller);
}

/** PUT. Custom objects need their version in it; so that nobody overwrites what they have not seen. */
export async function updateAt(deps: ApiDeps, target: Target & { input: unknown }, caller: Caller): Promise<Stored> {
  const { kind, subresource, input } = target;
  if (subresource === 'scale' && kind.scale) return writeScale(deps, { ...target, scale: kind.scale }, input, caller);
  if (subresource !== undefined && !PARTS.has(subresource)) throw methodNotAllowed(kind.resource, 'PUT');
  const draft = decodeObject(kind, input, caller);
  placeObject(kind, draft, target);
  if (kind.isCustom && !draft.metadata?.resourceVersion) throw invalidObject(kind.resource, target.name, [{ field: 'metadata.resourceVersion', type: 'FieldValueInvalid', message: 'Invalid value: 0x0: must be specified for an update' }]);
  return updateObject(deps, target, () => cloneJson(draft), { caller });
}

export async function patchAt(deps: ApiDeps, target: Target, patch: PatchRequest, caller: Caller): Promise<{ object: Stored; created: boolean }> {
  const { kind, subresource } = target;
  if (subresource === 'scale' && kind.scale) return { object: await patchScale(deps, { ...target, scale: kind.scale }, patch, caller), created: false };
  if (subresource !== undefined && !PARTS.has(subresource)) throw methodNotAllowed(kind.resource, 'PATCH');
  return patchObject(deps, target, patch, caller);
}

export function deleteAt(deps: ApiDeps, target: Target, options: DeleteOptions, caller: Caller): Promise<Deletion> {
  if (target.subresource !== undefined) throw methodNotAllowed(target.kind.resource, 'DELETE');
  return deleteObject(deps, { ...target, options }, caller);
}

/** Deletes what is selected, one by one; what somebody else deletes meanwhile is no error. */
export async function deleteSelected(deps: ApiDeps, kind: Kind, request: ListRequest & { options: DeleteOptions }, caller: Caller): Promise<Stored[]> {
  const { entries } = listEntries(deps, kind, request);
  await Promise.all(entries.map(async ({ object }) => {
    const { namespace, name } = object.metadata as { namespace?: string; name: string };
    const options = { ...request.options, preconditions: { uid: object.metadata.uid } };
    await deleteObject(deps, { kind, namespace, name, options }, caller).catch((error: unknown) => {
      const reason = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
      if (reason !== 'NotFound' && reason !== 'Conflict') throw error;
    });
  }));
  return entries.map(({ object }) => object);
}

/** In the group and version that was asked for. */
export function present(kind: Kind, object: KubeObject): Stored {
  return (kind.convert ? kind.convert.fromStorage(object) : object) as Stored;
}
