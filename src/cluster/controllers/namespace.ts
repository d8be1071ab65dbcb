/** Empties a namespace that is being deleted, then lets it go. Kubernetes: pkg/controller/namespace. */
import type { Namespace } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound, isReason } from '../../kube/client.ts';
import type { Stored } from '../../kube/object.ts';
import { Namespaces, Pods } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { discoverResources } from './discovery.ts';
import { createReconciler } from './reconciler.ts';
import type { Again } from './reconciler.ts';

const FINALIZER = 'kubernetes';
/** Finalizers of other controllers take their time; the end of a pod is told by an event. */
const LOOK_AGAIN_MS = 250;

export function createNamespaceController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const namespaces = caches.of(Namespaces);
  const reconcile = async (name: string): Promise<Again | void> => {
    const namespace = namespaces.get(name);
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(FINALIZER)) return;
    if (namespace.status?.phase !== 'Terminating') await markTerminating(context, namespace);
    const left = await emptyOut(context, name);
    if (left > 0) return { afterMs: LOOK_AGAIN_MS };
    await finalize(context, name);
  };
  const queue = createReconciler({ name: 'namespace', clock, log, reconcile });
  namespaces.subscribe(({ object }) => {
    if (object.metadata.deletionTimestamp) queue.enqueue(object.metadata.name);
  });
  caches.of(Pods).subscribe(({ type, object }) => {
    const namespace = object.metadata.namespace ?? '';
    if (type === 'deleted' && namespaces.get(namespace)?.metadata.deletionTimestamp) queue.enqueue(namespace);
  });
  return queue;
}

async function markTerminating(context: ControllerContext, namespace: Stored<Namespace>): Promise<void> {
  const { client, caches } = context;
  const status = { ...namespace.status, phase: 'Terminating' };
  caches.of(Namespaces).remember(await client.update(Namespaces, { ...namespace, status }, { subresource: 'status' }));
}

/** @returns how many objects are left, waiting for their own finalizers or processes */
async function emptyOut(context: ControllerContext, namespace: string): Promise<number> {
  const { client } = context;
  const resources = (await discoverResources(client)).filter((each) => each.namespaced);
  const counts = await Promise.all(resources.map((each) => emptyKind(context, each, namespace)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function emptyKind(context: ControllerContext, resource: Resource, namespace: string): Promise<number> {
  const { client } = context;
  try {
    const before = await client.list(resource, { namespace });
    if (before.items.length === 0) return 0;
    await client.deleteCollection(resource, { namespace, propagationPolicy: 'Background' });
    return (await client.list(resource, { namespace })).items.length;
  } catch (error) {
    // A kind whose definition was deleted in between, or that knows no collections.
    if (isNotFound(error) || isReason(error, 'MethodNotAllowed')) return 0;
    throw error;
  }
}

async function finalize(context: ControllerContext, name: string): Promise<void> {
  const { client } = context;
  const now = await client.get(Namespaces, { name });
  const finalizers = (now.spec?.finalizers ?? []).filter((each) => each !== FINALIZER);
  await client.update(Namespaces, { ...now, spec: { ...now.spec, finalizers } }, { subresource: 'finalize' });
}
