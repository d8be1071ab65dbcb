import { KubeApiError, type DeleteOptions } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { conflict, notFound, qualified, quote } from '../status.ts';
import type { Entry } from '../storage/store.ts';
import { admit } from './admit.ts';
import type { Caller } from './caller.ts';
import { storeKey, timestamp, type RestDeps } from './deps.ts';

export interface DeleteRequest {
  kind: Kind;
  namespace?: string;
  name: string;
  options: DeleteOptions;
}

/** What a deletion did: the object is gone, or it is only marked and somebody has to finish. */
export type Deletion = { gone: true; object: Stored } | { gone: false; object: Stored };

const POD_GRACE_SECONDS = 30;

export async function deleteObject(deps: RestDeps, request: DeleteRequest, caller: Caller): Promise<Deletion> {
  const { kind, name } = request;
  const key = storeKey(kind, request);
  for (;;) {
    const entry = deps.store.get(kind.collection, key);
    if (!entry) throw notFound(kind.resource, name);
    checkPreconditions(kind, entry, request.options);
    await admit(deps, {
      kind, operation: 'DELETE', namespace: request.namespace, name, old: entry.object, caller,
      options: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...request.options, signal: undefined },
    }, (object) => object);
    if (deps.store.get(kind.collection, key) !== entry) continue;
    const marked = markDeleted(deps, kind, entry.object, request.options);
    if (caller.dryRun) return { gone: marked === undefined, object: entry.object };
    if (marked === undefined) return { gone: true, object: await erase(deps, kind, entry, key) };
    if (marked === entry.object) return { gone: false, object: entry.object };
    const { entry: updated, durable } = deps.store.apply({ collection: kind.collection, key, object: marked });
    deps.hooks.get(kind.collection)?.changed?.(updated.object, entry.object);
    await durable;
    return { gone: false, object: updated.object };
  }
}

async function erase(deps: RestDeps, kind: Kind, entry: Entry, key: string): Promise<Stored> {
  const { durable } = deps.store.apply({ collection: kind.collection, key });
  deps.hooks.get(kind.collection)?.changed?.(undefined, entry.object);
  await durable;
  return entry.object;
}

function checkPreconditions(kind: Kind, entry: Entry, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion, name } = entry.object.metadata;
  if (preconditions?.uid && preconditions.uid !== uid) {
    throw conflict(kind.resource, name, `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`);
  }
  if (preconditions?.resourceVersion && preconditions.resourceVersion !== resourceVersion) {
    throw conflict(kind.resource, name, `Precondition failed: ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`);
  }
}

/** The object marked as being deleted; undefined when nothing keeps it; the object itself when it is marked already. */
function markDeleted(deps: RestDeps, kind: Kind, object: Stored, options: DeleteOptions): KubeObject | undefined {
  const meta = object.metadata;
  const graceSeconds = graceOf(kind, object, options);
  const finalizers = finalizersFor(meta.finalizers ?? [], options);
  const isHeld = finalizers.length > 0 || isUnfinishedNamespace(kind, object);
  if (graceSeconds === 0 && !isHeld) return undefined;
  const had = meta.deletionTimestamp;
  const sameFinalizers = finalizers.length === (meta.finalizers ?? []).length;
  // A second deletion can only shorten the grace period.
  if (had && sameFinalizers && graceSeconds >= (meta.deletionGracePeriodSeconds ?? 0)) return object;
  const marked: KubeObject = { ...object, metadata: {
    ...meta,
    ...(finalizers.length > 0 ? { finalizers } : {}),
    deletionTimestamp: had && graceSeconds >= (meta.deletionGracePeriodSeconds ?? 0) ? had : timestamp(deps.clock.now() + graceSeconds * 1000),
    deletionGracePeriodSeconds: had ? Math.min(graceSeconds, meta.deletionGracePeriodSeconds ?? graceSeconds) : graceSeconds,
    ...(kind.hasGeneration && !had ? { generation: (meta.generation ?? 0) + 1 } : {}),
  } };
  if (kind.collection === '/namespaces') Object.assign(marked, { status: { ...(object as { status?: object }).status, phase: 'Terminating' } });
  return marked;
}

function isUnfinishedNamespace(kind: Kind, object: KubeObject): boolean {
  return kind.collection === '/namespaces' && ((object as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? []).length > 0;
}

/** Only pods end gracefully: the node stops them and deletes them again with zero. */
function graceOf(kind: Kind, object: KubeObject, options: DeleteOptions): number {
  if (kind.collection !== '/pods') return 0;
  const pod = object as { spec?: { nodeName?: string; terminationGracePeriodSeconds?: number }; status?: { phase?: string } };
  if (!pod.spec?.nodeName || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 0;
  const wanted = options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? POD_GRACE_SECONDS;
  return Math.max(0, wanted);
}

function finalizersFor(present: readonly string[], { propagationPolicy }: DeleteOptions): string[] {
  const rest = present.filter((f) => f !== 'foregroundDeletion' && f !== 'orphan');
  if (propagationPolicy === 'Foreground') return [...rest, 'foregroundDeletion'];
  if (propagationPolicy === 'Orphan') return [...rest, 'orphan'];
  return propagationPolicy === 'Background' ? rest : [...present];
}

/** What a completed deletion answers. */
export function deletedStatus(kind: Kind, object: Stored): Record<string, unknown> {
  const { resource: r } = kind;
  return {
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success',
    details: { name: object.metadata.name, ...(r.group === '' ? {} : { group: r.group }), kind: r.plural, uid: object.metadata.uid },
  };
}

/** @throws KubeApiError 422 for a policy that does not exist */
export function checkPropagation(policy: string | undefined): void {
  if (policy === undefined || ['Background', 'Foreground', 'Orphan'].includes(policy)) return;
  throw new KubeApiError(failure(422, 'Invalid', `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ${quote(policy)}: supported values: "Background", "Foreground", "Orphan", "nil"`, { kind: qualified({ group: 'meta.k8s.io', plural: 'DeleteOptions' }) }));
}
