import { cloneJson } from '../../../base/clone.ts';
import { KubeApiError, PatchType } from '../../../kube/client.ts';
import type { ApplyConflict } from '../../../kube/apply/managers.ts';
import { failure } from '../../../kube/errors.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import { PatchError } from '../../../kube/patch/errors.ts';
import { applyJsonPatch } from '../../../kube/patch/json-patch.ts';
import { applyMergePatch } from '../../../kube/patch/merge-patch.ts';
import { applyStrategicMerge } from '../../../kube/patch/strategic-merge.ts';
import { builtinSchemas } from '../../../kube/schema/builtin.ts';
import { isObject } from '../../../kube/schema/schema.ts';
import type { Kind } from '../kinds/kind.ts';
import { badRequest, notFound, unsupportedMediaType } from '../status.ts';
import type { Caller } from './caller.ts';
import { storeNew } from './create.ts';
import { storeKey, type RestDeps } from './deps.ts';
import { ignoredFields, managerOf, managersOf } from './field-managers.ts';
import { decodeObject, metaOf, placeObject } from './objects.ts';
import { updateObject, type UpdateTarget } from './update.ts';

export interface PatchRequest {
  type: string;
  body: unknown;
  /** Server-side apply only. */
  force: boolean;
}

export async function patchObject(deps: RestDeps, target: UpdateTarget, patch: PatchRequest, caller: Caller): Promise<{ object: Stored; created: boolean }> {
  if (patch.type === PatchType.Apply) return applyObject(deps, target, patch, caller);
  const change = patcher(target.kind, patch);
  const object = await updateObject(deps, target, (old) => {
    const shown = target.kind.convert?.fromStorage(old) ?? old;
    return decodeObject(target.kind, rejectable(() => change(shown)), caller);
  }, { caller });
  return { object, created: false };
}

/** The change that a patch asks for. @throws KubeApiError 415 for a type that the kind does not take */
export function patcher(kind: Kind, patch: PatchRequest): (old: KubeObject) => unknown {
  switch (patch.type) {
    case PatchType.Json: return (old) => applyJsonPatch(old, patch.body);
    case PatchType.Merge: {
      if (!isObject(patch.body)) throw badRequest('json: cannot unmarshal the patch into Go value of type map[string]interface {}');
      return (old) => cloneJson(applyMergePatch(old, patch.body));
    }
    case PatchType.Strategic: {
      if (kind.isCustom) throw unsupportedMediaType([PatchType.Json, PatchType.Merge, PatchType.Apply]);
      const { body } = patch;
      if (!isObject(body)) throw badRequest('json: cannot unmarshal the patch into Go value of type map[string]interface {}');
      return (old) => cloneJson(applyStrategicMerge(old as Record<string, unknown>, body, kind.schema(), builtinSchemas));
    }
    default: throw unsupportedMediaType(Object.values(PatchType));
  }
}

function rejectable<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    throw new KubeApiError(failure(422, 'Invalid', 'the server rejected our request due to an error in our request', { causes: [{ reason: 'UnexpectedServerResponse', message: error.message }] }));
  }
}

/** Server-side apply: creates the object when there is none. */
async function applyObject(deps: RestDeps, target: UpdateTarget, patch: PatchRequest, caller: Caller): Promise<{ object: Stored; created: boolean }> {
  const { kind, subresource } = target;
  if (isObject(patch.body) && isObject(patch.body['metadata']) && patch.body['metadata']['managedFields'] !== undefined) throw badRequest('metadata.managedFields must be nil');
  const config = decodeObject(kind, cloneJson(patch.body), caller);
  placeObject(kind, config, target);
  if (subresource === undefined && ignoredFields(kind, subresource)) delete (config as { status?: unknown }).status;
  const by = managerOf(kind, 'Apply', { caller, now: deps.clock.now(), subresource });
  const ignored = ignoredFields(kind, subresource);
  if (!deps.store.get(kind.collection, storeKey(kind, target))) {
    if (subresource !== undefined) throw notFound(kind.resource, target.name);
    const object = await createApplied(deps, kind, { config, by, ignored }, caller);
    return { object, created: true };
  }
  const object = await updateObject(deps, target, (old) => {
    const applied = managersOf(kind).apply(config, { live: old, by, ignored }, patch.force);
    if ('conflicts' in applied) throw applyConflict(applied.conflicts);
    const draft = cloneJson(applied.object);
    metaOf(draft).managedFields = applied.managedFields;
    if (config.metadata?.resourceVersion) metaOf(draft).resourceVersion = config.metadata.resourceVersion;
    return draft;
  }, { caller, tracked: true });
  return { object, created: false };
}

interface Applied {
  config: KubeObject;
  by: ReturnType<typeof managerOf>;
  ignored: ReturnType<typeof ignoredFields>;
}

/** The applier owns what it named; what defaults and admission added belongs to nobody. */
async function createApplied(deps: RestDeps, kind: Kind, { config, by, ignored }: Applied, caller: Caller): Promise<Stored> {
  const applied = managersOf(kind).apply(config, { live: undefined, by, ignored }, true);
  const fields = 'managedFields' in applied ? applied.managedFields : undefined;
  return storeNew(deps, kind, config, { caller, managedFields: fields ?? [] });
}

function applyConflict(conflicts: readonly ApplyConflict[]): KubeApiError {
  const causes = conflicts.flatMap(({ manager, paths }) => paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${describe(manager)}`, field })));
  const lines = conflicts.map(({ manager, paths }) => (paths.length === 1
    ? `conflict with ${describe(manager)}: ${paths[0]}`
    : `conflicts with ${describe(manager)}:\n${paths.map((path) => `- ${path}`).join('\n')}`));
  const count = causes.length;
  return new KubeApiError(failure(409, 'Conflict', `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${lines.join('\n')}`, { causes }));
}

function describe(manager: ApplyConflict['manager']): string {
  const sub = manager.subresource ? ` with subresource ${JSON.stringify(manager.subresource)}` : '';
  return `${JSON.stringify(manager.manager)}${sub}${manager.operation === 'Update' ? ` using ${manager.apiVersion}` : ''}`;
}
