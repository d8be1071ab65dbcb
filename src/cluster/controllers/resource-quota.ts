/** Counts what a namespace uses of its quotas. Admission adds what is new; this controller makes a new quota's first
 * count, takes off what is gone, and corrects charges of objects that never came to be. Kubernetes: pkg/controller/resourcequota. */
import type { Pod, ResourceQuota } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import type { Quantity } from '../../kube/quantity.ts';
import { ConfigMaps, PersistentVolumeClaims, Pods, ResourceQuotas, Secrets, Services } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import { addAmounts, formatAmounts, maskAmounts } from '../admission/quota/amounts.ts';
import { evaluatorOf } from '../admission/quota/evaluators.ts';
import { matchesScopes } from '../admission/quota/scopes.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { discoverResources } from './discovery.ts';
import { deepEqual } from './equal.ts';
import { isPodFinished } from './pods.ts';
import { createReconciler } from './reconciler.ts';

/** A charge that no object followed is taken off after this time. */
const SETTLE_MS = 5000;

/** Kinds whose copies are held anyway; others are listed when a quota counts them. */
const FOLLOWED: readonly Resource<KubeObject>[] = [Pods, Services, PersistentVolumeClaims, ConfigMaps, Secrets, ResourceQuotas] as readonly Resource<KubeObject>[];

export function createResourceQuotaController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const quotas = caches.of(ResourceQuotas);
  const queue = createReconciler({ name: 'resourcequota', clock, log, reconcile: (key) => recount(context, key) });
  const enqueueAll = (namespace: string | undefined) => {
    for (const quota of quotas.listIn(namespace ?? '')) queue.enqueue(`${namespace}/${quota.metadata.name}`);
  };
  quotas.subscribe(({ object, old, type }) => {
    if (type === 'deleted') return;
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (!old || !deepEqual(old.spec, object.spec)) queue.enqueue(key);
    else queue.enqueueAfter(key, SETTLE_MS);
  });
  for (const resource of FOLLOWED) {
    caches.of(resource).subscribe(({ type, object, old }) => {
      // The plural says that these are pods.
      const isPodOver = resource.plural === 'pods' && old && isPodFinished(object as Pod) && !isPodFinished(old as Pod);
      if (type === 'deleted' || isPodOver || (type === 'updated' && evaluatorOf(resource).takesUpdates)) enqueueAll(object.metadata.namespace);
    });
  }
  return queue;
}

async function recount(context: ControllerContext, key: string): Promise<void> {
  const { client, caches } = context;
  const [namespace = '', name = ''] = key.split('/');
  let quota: Stored<ResourceQuota>;
  try {
    // The newest version, read before the objects are counted: a charge in between makes the update below fail.
    quota = await client.get(ResourceQuotas, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  const hard = quota.spec?.hard ?? {};
  const used = formatAmounts(await usageIn(context, quota));
  if (deepEqual(quota.status?.hard, hard) && deepEqual(quota.status?.used, used)) return;
  caches.of(ResourceQuotas).remember(await client.update(ResourceQuotas, { ...quota, status: { hard, used } }, { subresource: 'status' }));
}

async function usageIn(context: ControllerContext, quota: Stored<ResourceQuota>): Promise<Map<string, Quantity>> {
  const namespace = quota.metadata.namespace ?? '';
  const names = Object.keys(quota.spec?.hard ?? {});
  let total = new Map<string, Quantity>();
  for (const resource of await countedKinds(context, names)) {
    const evaluator = evaluatorOf(resource);
    const isPod = resource.group === '' && resource.plural === 'pods';
    // Listed from the server: the copy may lag behind a charge that is already in the quota.
    const { items } = await context.client.list(resource, { namespace });
    for (const object of items) if (matchesScopes(quota, object, isPod)) total = addAmounts(total, evaluator.usage(object, context.clock.now()));
  }
  return maskAmounts(total, names);
}

async function countedKinds(context: ControllerContext, names: readonly string[]): Promise<Resource[]> {
  const isCounted = (resource: Resource) => names.some((name) => evaluatorOf(resource).counts(name));
  const followed = FOLLOWED.filter(isCounted);
  const isOther = names.some((name) => name.startsWith('count/') && !followed.some((resource) => evaluatorOf(resource).counts(name)));
  if (!isOther) return followed;
  const others = (await discoverResources(context.client)).filter((resource) => resource.namespaced && !FOLLOWED.some((each) => each.group === resource.group && each.plural === resource.plural));
  return [...followed, ...others.filter(isCounted)];
}
