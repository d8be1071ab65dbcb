/** Starts Jobs at the times that CronJobs name. Kubernetes: pkg/controller/cronjob. Of several missed times only the
 * last is made up for. */
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts';
import { cloneJson } from '../../../base/clone.ts';
import { isAlreadyExists, isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { CronJobs, Jobs } from '../../../kube/resource.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { deepEqual } from '../equal.ts';
import type { EventRecorder } from '../event-recorder.ts';
import { controllerOf, controllerReference } from '../ownership.ts';
import { createReconciler } from '../reconciler.ts';
import type { Again } from '../reconciler.ts';
import { isJobFinished } from './job-status.ts';
import { nextTime, parseSchedule } from './schedule.ts';
import type { Schedule } from './schedule.ts';

export function createCronJobController(context: ControllerContext): Controller {
  const { caches, clock, log } = context;
  const crons = caches.of(CronJobs);
  const jobs = caches.of(Jobs);
  const events = context.events('cronjob-controller');

  const reconcile = async (key: string): Promise<Again | void> => {
    const cron = crons.get(key);
    if (!cron || cron.metadata.deletionTimestamp) return;
    const schedule = parseSchedule(cron.spec?.schedule ?? '');
    if (!schedule) return events.event(cron, 'Warning', 'UnparseableSchedule', `unparseable schedule: "${cron.spec?.schedule ?? ''}"`);
    await trimHistory(context, cron);
    let lastScheduleTime = cron.status?.lastScheduleTime;
    if (!cron.spec?.suspend) lastScheduleTime = (await startIfDue(context, events, cron, schedule)) ?? lastScheduleTime;
    await writeStatus(context, cron, lastScheduleTime);
    const next = cron.spec?.suspend ? undefined : nextTime(schedule, clock.now(), cron.spec?.timeZone);
    if (next !== undefined) return { afterMs: Math.max(1, next - clock.now()) };
  };

  const queue = createReconciler({ name: 'cronjob', clock, log, reconcile });
  crons.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  jobs.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'CronJob') queue.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  return queue;
}

/** @returns the time that was served, when one was due */
async function startIfDue(context: ControllerContext, events: EventRecorder, cron: Stored<CronJob>, schedule: Schedule): Promise<string | undefined> {
  const { clock, caches } = context;
  const due = lastDue(cron, schedule, clock.now());
  if (due === undefined) return undefined;
  const active = jobsOf(context, cron).filter((job) => !isJobFinished(job));
  if (active.length > 0 && cron.spec?.concurrencyPolicy === 'Forbid') {
    events.event(cron, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid');
    return undefined;
  }
  if (cron.spec?.concurrencyPolicy === 'Replace') for (const job of active) await remove(context, job);
  try {
    const job = await context.client.create(Jobs, buildJob(cron, due), { namespace: cron.metadata.namespace ?? '' });
    caches.of(Jobs).remember(job);
    events.event(cron, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  return `${new Date(due).toISOString().slice(0, 19)}Z`;
}

function lastDue(cron: Stored<CronJob>, schedule: Schedule, nowMs: number): number | undefined {
  const since = Date.parse(String(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp));
  const deadline = cron.spec?.startingDeadlineSeconds;
  let from = deadline === undefined ? since : Math.max(since, nowMs - deadline * 1000);
  // After a long sleep every missed minute would be walked through; a day back is enough to find the last.
  from = Math.max(from, nowMs - 86_400_000);
  let due: number | undefined;
  for (let next = nextTime(schedule, from, cron.spec?.timeZone); next !== undefined && next <= nowMs; next = nextTime(schedule, next, cron.spec?.timeZone)) due = next;
  return due;
}

function buildJob(cron: Stored<CronJob>, dueMs: number): Job {
  const template = cron.spec?.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cron.metadata.name}-${Math.floor(dueMs / 60_000)}`,
      namespace: cron.metadata.namespace ?? '',
      labels: { ...template?.metadata?.labels },
      annotations: { ...template?.metadata?.annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': `${new Date(dueMs).toISOString().slice(0, 19)}Z` },
      ownerReferences: [controllerReference(CronJobs, cron)],
    },
    ...(template?.spec ? { spec: cloneJson(template.spec) } : {}),
  };
}

const jobsOf = (context: ControllerContext, cron: Stored<CronJob>): Stored<Job>[] => context.caches.of(Jobs).ownedBy(cron.metadata.uid);

async function trimHistory(context: ControllerContext, cron: Stored<CronJob>): Promise<void> {
  const finished = jobsOf(context, cron).filter((job) => isJobFinished(job) && !job.metadata.deletionTimestamp);
  finished.sort((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp));
  const isFailed = (job: Job) => (job.status?.conditions ?? []).some((each) => each.type === 'Failed' && each.status === 'True');
  const good = finished.filter((job) => !isFailed(job));
  const bad = finished.filter(isFailed);
  const surplus = [
    ...good.slice(0, Math.max(0, good.length - (cron.spec?.successfulJobsHistoryLimit ?? 3))),
    ...bad.slice(0, Math.max(0, bad.length - (cron.spec?.failedJobsHistoryLimit ?? 1))),
  ];
  for (const job of surplus) await remove(context, job);
}

async function remove(context: ControllerContext, job: Stored<Job>): Promise<void> {
  const { namespace = '', name, uid } = job.metadata;
  try {
    await context.client.delete(Jobs, { namespace, name }, { propagationPolicy: 'Background', preconditions: { uid } });
    context.caches.of(Jobs).rememberDeleted(job);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function writeStatus(context: ControllerContext, cron: Stored<CronJob>, lastScheduleTime: string | undefined): Promise<void> {
  const mine = jobsOf(context, cron);
  const active = mine
    .filter((job) => !isJobFinished(job) && !job.metadata.deletionTimestamp)
    .map(({ metadata }) => ({ apiVersion: 'batch/v1', kind: 'Job', namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid, resourceVersion: metadata.resourceVersion }));
  const ends = mine.flatMap((job) => (job.status?.completionTime ? [String(job.status.completionTime)] : [])).sort();
  const lastSuccessfulTime = ends.at(-1) ?? cron.status?.lastSuccessfulTime;
  const status = { ...(active.length > 0 ? { active } : {}), ...(lastScheduleTime ? { lastScheduleTime } : {}), ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}) };
  if (deepEqual(cron.status ?? {}, status)) return;
  context.caches.of(CronJobs).remember(await context.client.update(CronJobs, { ...cron, status }, { subresource: 'status' }));
}
