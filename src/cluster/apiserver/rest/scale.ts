/** The `scale` subresource: one shape for everything that has replicas. Kubernetes: autoscaling/v1 Scale. */
import { cloneJson } from '../../../base/clone.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import { formatSelector, selectorOf } from '../../../kube/selectors.ts';
import { isObject, type JsonObject } from '../../../kube/schema/schema.ts';
import { builtinKinds } from '../kinds/builtin.ts';
import type { Kind, ScaleSpec } from '../kinds/kind.ts';
import { badRequest, invalid, invalidObject } from '../status.ts';
import type { Caller } from './caller.ts';
import type { RestDeps } from './deps.ts';
import { getEntry } from './list.ts';
import { patcher, type PatchRequest } from './patch.ts';
import { updateObject } from './update.ts';

export interface ScaleTarget {
  kind: Kind;
  namespace?: string;
  name: string;
  scale: ScaleSpec;
}

export function readScale(scale: ScaleSpec, object: Stored): Stored {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata as Stored['metadata'] & { namespace?: string };
  const selector = scale.selector === undefined ? undefined : readPath(object, scale.selector);
  const text = isObject(selector) ? formatSelector(selectorOf('matchLabels' in selector || 'matchExpressions' in selector ? selector : { matchLabels: selector as Record<string, string> })) : selector;
  return {
    kind: 'Scale', apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: readPath(object, scale.specReplicas) ?? 0 },
    status: { replicas: readPath(object, scale.statusReplicas) ?? 0, ...(typeof text === 'string' ? { selector: text } : {}) },
  } as Stored;
}

export async function writeScale(deps: RestDeps, target: ScaleTarget, input: unknown, caller: Caller): Promise<Stored> {
  return setReplicas(deps, target, () => input, caller);
}

export async function patchScale(deps: RestDeps, target: ScaleTarget, patch: PatchRequest, caller: Caller): Promise<Stored> {
  // A Scale is patched by the rules of any small built-in kind.
  const anyKind = builtinKinds(new Map())[0] ?? target.kind;
  return setReplicas(deps, target, patcher(anyKind, patch), caller);
}

async function setReplicas(deps: RestDeps, target: ScaleTarget, change: (scale: KubeObject) => unknown, caller: Caller): Promise<Stored> {
  const { scale } = target;
  getEntry(deps, target.kind, target);
  const updated = await updateObject(deps, { kind: target.kind, namespace: target.namespace, name: target.name }, (old) => {
    const wanted = change(readScale(scale, old));
    if (!isObject(wanted)) throw badRequest('the body is no Scale');
    const replicas = isObject(wanted['spec']) ? (wanted['spec']['replicas'] ?? 0) : 0;
    if (typeof replicas !== 'number' || !Number.isInteger(replicas)) throw badRequest('Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32');
    if (replicas < 0) throw invalidObject({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, target.name, [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')]);
    const draft = cloneJson(old) as KubeObject;
    writePath(draft as JsonObject, scale.specReplicas, replicas);
    const version = isObject(wanted['metadata']) ? wanted['metadata']['resourceVersion'] : undefined;
    draft.metadata = { ...draft.metadata, resourceVersion: typeof version === 'string' ? version : undefined };
    return draft;
  }, { caller });
  return readScale(scale, updated);
}

function readPath(object: unknown, path: string): unknown {
  return path.split('.').filter((p) => p !== '').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), object);
}

function writePath(object: JsonObject, path: string, value: unknown): void {
  const keys = path.split('.').filter((p) => p !== '');
  const last = keys.pop() ?? '';
  let at = object;
  for (const key of keys) {
    const next = isObject(at[key]) ? at[key] : {};
    at[key] = next;
    at = next;
  }
  at[last] = value;
}
