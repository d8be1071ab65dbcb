/** What every namespace has from its first moment: the account `default`, and the cluster's root certificate. */
import { isAlreadyExists, isNotFound } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { ConfigMaps, Namespaces, ServiceAccounts } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './pod-control.ts';
import { createReconciler } from './reconciler.ts';

const ROOT_CA = 'kube-root-ca.crt';

export function createServiceAccountController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const accounts = caches.of(ServiceAccounts);
  const namespaces = caches.of(Namespaces);
  const reconcile = async (namespace: string): Promise<void> => {
    if (!isLiving(namespaces.get(namespace)) || accounts.get(`${namespace}/default`)) return;
    await ensure(context, ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
  };
  const queue = createReconciler({ name: 'serviceaccount', clock, log, reconcile });
  namespaces.subscribe(({ type, object }) => {
    if (type === 'added') queue.enqueue(object.metadata.name);
  });
  accounts.subscribe(({ type, object }) => {
    if (type === 'deleted' && object.metadata.name === 'default') queue.enqueue(object.metadata.namespace ?? '');
  });
  return queue;
}

/** @param caPem the certificate that the API server's own is signed by */
export function createRootCaController(context: ControllerContext, caPem: string): Controller {
  const { caches, clock, log, client } = context;
  const maps = caches.of(ConfigMaps);
  const namespaces = caches.of(Namespaces);
  const reconcile = async (namespace: string): Promise<void> => {
    if (!isLiving(namespaces.get(namespace))) return;
    const held = maps.get(`${namespace}/${ROOT_CA}`);
    const data = { 'ca.crt': caPem };
    if (held?.data?.['ca.crt'] === caPem && Object.keys(held.data).length === 1) return;
    if (held) maps.remember(await client.update(ConfigMaps, { ...held, data }));
    else {
      const annotations = { 'kubernetes.io/description': 'Contains a CA bundle that can be used to verify the API server of this cluster.' };
      await ensure(context, ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: ROOT_CA, namespace, annotations }, data });
    }
  };
  const queue = createReconciler({ name: 'root-ca', clock, log, reconcile });
  namespaces.subscribe(({ type, object }) => {
    if (type === 'added') queue.enqueue(object.metadata.name);
  });
  maps.subscribe(({ object }) => {
    if (object.metadata.name === ROOT_CA) queue.enqueue(object.metadata.namespace ?? '');
  });
  return queue;
}

const isLiving = (namespace: Stored<KubeObject> | undefined): boolean => namespace !== undefined && !namespace.metadata.deletionTimestamp;

async function ensure<T extends KubeObject>(context: ControllerContext, resource: Resource<T>, object: T): Promise<void> {
  try {
    context.caches.of(resource).remember(await context.client.create(resource, object, { namespace: object.metadata?.namespace ?? '' }));
  } catch (error) {
    // Somebody else was first, or the namespace is going.
    if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
  }
}
