/** Runs the pods of Jobs to their end. */
import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { Jobs, Pods } from '../../../kube/resource.ts';
import { isoTime } from '../controller.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { deepEqual } from '../equal.ts';
import { controllerOf } from '../ownership.ts';
import { createPodControl, inGrowingBatches } from '../pod-control.ts';
import type { PodControl, PodShape } from '../pod-control.ts';
import { isPodActive } from '../pods.ts';
import { createReconciler } from '../reconciler.ts';
import type { Again } from '../reconciler.ts';
import { COMPLETION_INDEX, isJobFinished, viewJob } from './job-status.ts';
import type { JobView } from './job-status.ts';

export function createJobController(context: ControllerContext): Controller {
  const { caches, clock, log, client } = context;
  const jobs = caches.of(Jobs);
  const pods = caches.of(Pods);
  const events = context.events('job-controller');
  const podControl = createPodControl(context, Jobs, events);

  const reconcile = async (key: string): Promise<Again | void> => {
    const job = jobs.get(key);
    if (!job || job.metadata.deletionTimestamp) return;
    if (isJobFinished(job)) return removeWhenOld(context, job);
    let view = viewJob(job, pods.ownedBy(job.metadata.uid), { nowMs: clock.now(), time: isoTime(clock) });
    let failure: unknown;
    try {
      if (view.missing !== 0) await scale(podControl, job, pods.ownedBy(job.metadata.uid), view);
    } catch (error) {
      failure = error;
    }
    view = viewJob(job, pods.ownedBy(job.metadata.uid), { nowMs: clock.now(), time: isoTime(clock) });
    if (!deepEqual(job.status, view.status)) {
      const stored = await client.update(Jobs, { ...job, status: view.status }, { subresource: 'status' });
      jobs.remember(stored);
      tellEnd(events, stored);
    }
    if (failure) throw failure;
    if (view.againInMs !== undefined) return { afterMs: Math.max(1, view.againInMs) };
  };

  const queue = createReconciler({ name: 'job', clock, log, reconcile });
  jobs.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  pods.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'Job') queue.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  return queue;
}

async function scale(podControl: PodControl, job: Stored<Job>, owned: readonly Stored<Pod>[], view: JobView): Promise<void> {
  const template = job.spec?.template;
  if (view.missing < 0) {
    for (const pod of owned.filter(isPodActive).slice(0, -view.missing)) await podControl.delete(job, pod);
  } else if (template) {
    await inGrowingBatches(view.missing, (i) => podControl.create(job, template, jobPodShape(job, view.indexes[i])));
  }
}

function jobPodShape(job: Stored<Job>, index: number | undefined): PodShape {
  const { name, uid } = job.metadata;
  const labels: Record<string, string> = { 'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': name, 'controller-uid': uid, 'job-name': name };
  if (index === undefined) return { labels };
  return {
    labels: { ...labels, [COMPLETION_INDEX]: String(index) },
    annotations: { [COMPLETION_INDEX]: String(index) },
    adjust(spec) {
      spec.hostname = `${name}-${index}`;
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        container.env = [...(container.env ?? []), { name: 'JOB_COMPLETION_INDEX', value: String(index) }];
      }
    },
  };
}

function tellEnd(events: ReturnType<ControllerContext['events']>, job: Stored<Job>): void {
  for (const condition of job.status?.conditions ?? []) {
    if (condition.status !== 'True') continue;
    if (condition.type === 'Complete') events.event(job, 'Normal', 'Completed', 'Job completed');
    if (condition.type === 'Failed') events.event(job, 'Warning', condition.reason ?? 'Failed', condition.message ?? '');
  }
}

async function removeWhenOld(context: ControllerContext, job: Stored<Job>): Promise<Again | void> {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined) return;
  const end = (job.status?.conditions ?? []).find((each) => each.type === 'Complete' || each.type === 'Failed');
  const leftMs = Date.parse(String(end?.lastTransitionTime)) + ttl * 1000 - context.clock.now();
  if (leftMs > 0) return { afterMs: leftMs };
  const { namespace = '', name, uid } = job.metadata;
  try {
    await context.client.delete(Jobs, { namespace, name }, { propagationPolicy: 'Foreground', preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
