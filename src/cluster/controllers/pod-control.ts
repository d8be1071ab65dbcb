/** Making and ending pods for a controller, with the events that say so. Kubernetes: controller.PodControlInterface. */
import type { Pod, PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts';
import { cloneJson } from '../../base/clone.ts';
import { errorText } from '../../base/errors.ts';
import { isNotFound, KubeApiError } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { Pods } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import type { ControllerContext } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import { controllerReference } from './ownership.ts';

export interface PodControl {
  /** Creates a pod of `template` that `owner` controls. A refusal becomes an event `FailedCreate` and is thrown.
   * @param shape the parts that are this pod's own: name, labels, spec changes */
  create(owner: Stored<KubeObject>, template: PodTemplateSpec, shape?: PodShape): Promise<Stored<Pod>>;
  delete(owner: Stored<KubeObject>, pod: Stored<Pod>): Promise<void>;
}

export interface PodShape {
  /** Default: a name generated from the owner's. */
  name?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Changes the spec, which is a copy of the template's. */
  adjust?(spec: NonNullable<Pod['spec']>): void;
}

export function createPodControl(context: ControllerContext, resource: Resource, events: EventRecorder): PodControl {
  const { client, caches } = context;
  const pods = caches.of(Pods);
  return {
    async create(owner, template, shape = {}) {
      const namespace = owner.metadata.namespace ?? '';
      const pod = buildPod(resource, owner, template, shape);
      try {
        const stored = await client.create(Pods, pod, { namespace });
        pods.remember(stored);
        events.event(owner, 'Normal', 'SuccessfulCreate', created(resource, owner, stored.metadata.name));
        return stored;
      } catch (error) {
        // A namespace that is going takes no pods; that is no news to anybody.
        if (!isNamespaceTerminating(error)) events.event(owner, 'Warning', 'FailedCreate', notCreated(resource, owner, shape.name, error));
        throw error;
      }
    },
    async delete(owner, pod) {
      const { namespace, name, uid } = pod.metadata;
      try {
        await client.delete(Pods, { namespace: namespace ?? '', name }, { preconditions: { uid } });
      } catch (error) {
        if (isNotFound(error)) return;
        events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${errorText(error)}`);
        throw error;
      }
      pods.rememberDeleted(pod);
      events.event(owner, 'Normal', 'SuccessfulDelete', deleted(resource, owner, name));
    },
  };
}

export function buildPod(resource: Resource, owner: Stored<KubeObject>, template: PodTemplateSpec, shape: PodShape = {}): Pod {
  const spec = cloneJson(template.spec ?? { containers: [] });
  shape.adjust?.(spec);
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(shape.name ? { name: shape.name } : { generateName: `${owner.metadata.name}-` }),
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      labels: { ...labels, ...shape.labels },
      ...(annotations || shape.annotations ? { annotations: { ...annotations, ...shape.annotations } } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(resource, owner)],
    },
    spec,
  };
}

/** Runs `task` for 1, then 2, then 4, … of `count` at once, and stops after a batch with a failure: a hundred pods
 * that a quota refuses make one or a few refusals, not a hundred. Kubernetes: slowStartBatch.
 * @throws the first failure */
export async function inGrowingBatches(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  for (let done = 0, size = 1; done < count; size *= 2) {
    const batch = Math.min(size, count - done);
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => task(done + i)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    done += batch;
  }
}

export function isNamespaceTerminating(error: unknown): boolean {
  return error instanceof KubeApiError && (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
}

/** StatefulSets word their events in their own way. */
const isStateful = (resource: Resource) => resource.kind === 'StatefulSet';

function created(resource: Resource, owner: Stored<KubeObject>, pod: string): string {
  return isStateful(resource) ? `create Pod ${pod} in StatefulSet ${owner.metadata.name} successful` : `Created pod: ${pod}`;
}

function deleted(resource: Resource, owner: Stored<KubeObject>, pod: string): string {
  return isStateful(resource) ? `delete Pod ${pod} in StatefulSet ${owner.metadata.name} successful` : `Deleted pod: ${pod}`;
}

function notCreated(resource: Resource, owner: Stored<KubeObject>, pod: string | undefined, error: unknown): string {
  const cause = errorText(error);
  return isStateful(resource) ? `create Pod ${pod ?? ''} in StatefulSet ${owner.metadata.name} failed error: ${cause}` : `Error creating: ${cause}`;
}
