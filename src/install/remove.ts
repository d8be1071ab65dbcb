/** Takes away what was installed, by labels. */
import { isNotFound, type KubeClient } from '../kube/client.ts';
import { CustomResourceDefinitions, type Resource } from '../kube/resource.ts';
import { Component, COMPONENT_LABEL, OWNER, OWNER_LABEL } from './manifests/labels.ts';
import { INSTALLED } from './resources.ts';

export interface Removed {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name: string;
}

/** Deletes every installed object that a selector finds, kind after kind, the objects of a kind in parallel. */
export async function removeBySelector(client: KubeClient, labelSelector: string, resources: readonly Resource[] = INSTALLED): Promise<Removed[]> {
  const removed: Removed[] = [];
  for (const resource of resources) {
    const { items } = await client.list(resource, { labelSelector });
    const found = items.map((item): Removed => ({ resource, name: item.metadata.name, ...(item.metadata.namespace === undefined ? {} : { namespace: item.metadata.namespace }) }));
    await Promise.all(found.map((object) => removeOne(client, object)));
    removed.push(...found);
  }
  return removed;
}

export async function removeOne(client: KubeClient, { resource, name, namespace }: Removed): Promise<void> {
  try {
    await client.delete(resource, { name, ...(namespace === undefined ? {} : { namespace }) }, { propagationPolicy: 'Background' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Components that an earlier installation had and the present one has not. */
export async function pruneComponents(client: KubeClient, kept: readonly Component[]): Promise<Removed[]> {
  const gone = [Component.Pilot, Component.Ingress, Component.Egress, Component.Observe, Component.Console].filter((component) => !kept.includes(component));
  return gone.length === 0 ? [] : await removeBySelector(client, `${OWNER_LABEL}=${OWNER},${COMPONENT_LABEL} in (${gone.join(',')})`);
}

/** Our definitions; all objects of our kinds go with them. */
export async function removeDefinitions(client: KubeClient): Promise<Removed[]> {
  return await removeBySelector(client, `${OWNER_LABEL}=${OWNER}`, [CustomResourceDefinitions]);
}
