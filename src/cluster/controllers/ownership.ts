/** Which objects belong to a controller: by controller reference, taken in and let go as labels change. */
import type { LabelSelector } from 'kubernetes-types/meta/v1.d.ts';
import { PatchType } from '../../kube/client.ts';
import type { KubeObject, OwnerReference, Stored } from '../../kube/object.ts';
import { apiVersionOf } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';
import type { Caches, ObjectCache } from './object-cache.ts';

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true);
}

export function controllerReference(resource: Resource, owner: Stored<KubeObject>): OwnerReference {
  const { name, uid } = owner.metadata;
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The children of `owner`: those that it controls and that match; orphans that match are adopted, those that no longer
 * match are released. An owner that is being deleted adopts none. Kubernetes: controller_ref_manager. */
export async function claim<T extends KubeObject>(
  caches: Caches,
  children: ObjectCache<T>,
  owner: { resource: Resource; object: Stored<KubeObject>; selector: LabelSelector | undefined },
): Promise<Stored<T>[]> {
  const { object, selector } = owner;
  const mine: Stored<T>[] = [];
  for (const child of children.listIn(object.metadata.namespace ?? '')) {
    const controller = controllerOf(child);
    if (controller && controller.uid !== object.metadata.uid) continue;
    const matches = selector !== undefined && matchesLabelSelector(selector, child.metadata.labels);
    if (controller && matches) mine.push(child);
    else if (controller) await release(caches, children, child, object.metadata.uid);
    else if (matches && !object.metadata.deletionTimestamp && !child.metadata.deletionTimestamp) mine.push(await adopt(caches, children, child, owner));
  }
  return mine;
}

async function adopt<T extends KubeObject>(caches: Caches, children: ObjectCache<T>, child: Stored<T>, owner: { resource: Resource; object: Stored<KubeObject> }): Promise<Stored<T>> {
  const ownerReferences = [...(child.metadata.ownerReferences ?? []), controllerReference(owner.resource, owner.object)];
  return patchOwners(caches, children, child, ownerReferences);
}

async function release<T extends KubeObject>(caches: Caches, children: ObjectCache<T>, child: Stored<T>, ownerUid: string): Promise<void> {
  const ownerReferences = (child.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== ownerUid);
  await patchOwners(caches, children, child, ownerReferences);
}

async function patchOwners<T extends KubeObject>(caches: Caches, children: ObjectCache<T>, child: Stored<T>, ownerReferences: OwnerReference[]): Promise<Stored<T>> {
  const { namespace, name, uid, resourceVersion } = child.metadata;
  const body = { metadata: { uid, resourceVersion, ownerReferences } };
  const stored = await caches.client.patch(children.resource, { name, ...(namespace ? { namespace } : {}) }, { type: PatchType.Merge, body });
  children.remember(stored);
  return stored;
}

/** Calls `enqueue` with the key of the controller of every changed child, before and after the change, and with the
 * keys of `resource` objects whose selector an orphan matches. */
export function followChildren<T extends KubeObject, O extends KubeObject>(
  children: ObjectCache<T>,
  owners: ObjectCache<O>,
  options: { selectorOf(owner: Stored<O>): LabelSelector | undefined; enqueue(key: string): void },
): () => void {
  const enqueueOwner = (child: Stored<T>) => {
    const controller = controllerOf(child);
    if (!controller) {
      for (const owner of owners.listIn(child.metadata.namespace ?? '')) {
        const selector = options.selectorOf(owner);
        if (selector && matchesLabelSelector(selector, child.metadata.labels)) options.enqueue(`${owner.metadata.namespace}/${owner.metadata.name}`);
      }
    } else if (controller.kind === owners.resource.kind && controller.apiVersion.startsWith(owners.resource.group)) {
      options.enqueue(`${child.metadata.namespace}/${controller.name}`);
    }
  };
  return children.subscribe((change) => {
    if (change.old && controllerOf(change.old)?.uid !== controllerOf(change.object)?.uid) enqueueOwner(change.old);
    enqueueOwner(change.object);
  });
}
