/** Server-side apply of many objects at once. */
import { errorText } from '../base/errors.ts';
import { isNotFound, PatchType, type KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/object.ts';
import { ValidatingWebhooks } from '../kube/resource.ts';
import { InstallError } from './errors.ts';
import { describeObject, resourceFor } from './resources.ts';

const FIELD_MANAGER = 'lateen-install';

/** Applies all of them in parallel; order among them does not matter.
 * @throws InstallError with every object that was refused */
export async function applyAll(client: KubeClient, objects: readonly KubeObject[], signal?: AbortSignal): Promise<void> {
  const results = await Promise.allSettled(objects.map((object) => apply(client, object, signal)));
  signal?.throwIfAborted();
  const failures = results.flatMap((result, index) => {
    const object = objects[index];
    return result.status === 'rejected' && object ? [`${describeObject(object)}: ${errorText(result.reason)}`] : [];
  });
  if (failures.length > 0) throw new InstallError('INSTALL_APPLY', `the API server refused ${failures.length === 1 ? 'an object' : `${failures.length} objects`}: ${failures.join('; ')}`);
}

async function apply(client: KubeClient, object: KubeObject, signal: AbortSignal | undefined): Promise<void> {
  const { name = '', namespace } = object.metadata ?? {};
  const body = object.kind === ValidatingWebhooks.kind ? await keepFailurePolicy(client, object, name) : object;
  await client.patch(resourceFor(object), { name, ...(namespace === undefined ? {} : { namespace }) }, { type: PatchType.Apply, body }, { fieldManager: FIELD_MANAGER, force: true, ...(signal ? { signal } : {}) });
}

interface Webhooks extends KubeObject {
  webhooks?: { name: string; failurePolicy?: string }[];
}

/** The control plane has set the failure policy when it began to answer: installing again must not open the gate. */
async function keepFailurePolicy(client: KubeClient, object: Webhooks, name: string): Promise<Webhooks> {
  try {
    const existing = (await client.get(ValidatingWebhooks, { name })) as Webhooks;
    const policies = new Map(existing.webhooks?.map((webhook) => [webhook.name, webhook.failurePolicy]));
    return { ...object, webhooks: (object.webhooks ?? []).map((webhook) => ({ ...webhook, failurePolicy: policies.get(webhook.name) ?? webhook.failurePolicy })) } as Webhooks;
  } catch (error) {
    if (isNotFound(error)) return object;
    throw error;
  }
}
