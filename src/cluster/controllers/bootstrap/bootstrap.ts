/** Makes what a cluster has before anybody asks, once; on a restart with kept state it finds most of it there. */
import { isAlreadyExists, isNotFound } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { ClusterRoleBindings, ClusterRoles, EndpointSlices, Namespaces, Pods, Services, StorageClasses } from '../../../kube/resource.ts';
import type { Resource } from '../../../kube/resource.ts';
import { PriorityClasses } from '../../admission/reads.ts';
import { mirrorPods } from './mirror-pods.ts';
import type { MirrorPodsOptions } from './mirror-pods.ts';
import { dnsService, kubernetesEndpointSlice, kubernetesService, standardStorageClass, systemNamespaces, systemPriorityClasses } from './namespaces.ts';
import type { SystemServices } from './namespaces.ts';
import { bootstrapBindings, bootstrapRoles } from './roles.ts';

export interface BootstrapOptions {
  client: KubeClient;
  services: SystemServices;
  mirrors: MirrorPodsOptions;
}

export async function bootstrap({ client, services, mirrors }: BootstrapOptions): Promise<void> {
  await ensureAll(client, Namespaces, systemNamespaces());
  await Promise.all([
    ensureAll(client, StorageClasses, [standardStorageClass()]),
    ensureAll(client, PriorityClasses, systemPriorityClasses()),
    ensureAll(client, ClusterRoles, bootstrapRoles()),
    ensureAll(client, ClusterRoleBindings, bootstrapBindings()),
    ensureAll(client, Services, [kubernetesService(services), dnsService(services)]),
    replace(client, EndpointSlices, kubernetesEndpointSlice(services)),
  ]);
  // After their priority class. Flags and addresses are those of this start.
  await Promise.all(mirrorPods(mirrors).map((pod) => replace(client, Pods, pod)));
}

async function ensureAll<T extends KubeObject>(client: KubeClient, resource: Resource<T>, objects: readonly T[]): Promise<void> {
  await Promise.all(objects.map((object) => ensure(client, resource, object)));
}

async function ensure<T extends KubeObject>(client: KubeClient, resource: Resource<T>, object: T): Promise<void> {
  try {
    await create(client, resource, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function create<T extends KubeObject>(client: KubeClient, resource: Resource<T>, object: T): Promise<void> {
  const namespace = object.metadata?.namespace;
  const stored = await client.create(resource, object, namespace ? { namespace } : {});
  // Creation ignores a status; it is written by its own subresource.
  if ('status' in object) await client.update(resource, { ...stored, status: object.status }, { subresource: 'status' });
}

async function replace<T extends KubeObject>(client: KubeClient, resource: Resource<T>, object: T): Promise<void> {
  const { name = '', namespace = '' } = object.metadata ?? {};
  try {
    await create(client, resource, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    try {
      await client.delete(resource, { namespace, name }, { gracePeriodSeconds: 0 });
    } catch (gone) {
      if (!isNotFound(gone)) throw gone;
    }
    await create(client, resource, object);
  }
}
