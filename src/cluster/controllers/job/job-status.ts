/** Where a Job stands, from its pods. Pure. Kubernetes: pkg/controller/job.
 * Differs from Kubernetes: pods carry no tracking finalizer; what a deleted pod had achieved is kept only as long as
 * the counts do not fall below what the status said before. */
import type { Job, JobCondition, JobStatus } from 'kubernetes-types/batch/v1.d.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { isPodActive, isPodReady } from '../pods.ts';

const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 600_000;

export interface JobView {
  status: JobStatus;
  /** Pods to make now; negative: active pods to end. */
  missing: number;
  /** Milliseconds after which to look again, for back-off and deadline. */
  againInMs?: number;
  /** Completion indexes for the pods to make; only for `completionMode: Indexed`. */
  indexes: number[];
}

export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';

export const isJobFinished = (job: Job): boolean => (job.status?.conditions ?? []).some((each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True');

export function viewJob(job: Stored<Job>, pods: readonly Stored<Pod>[], at: { nowMs: number; time: string }): JobView {
  const active = pods.filter(isPodActive);
  const succeeded = Math.max(job.status?.succeeded ?? 0, countSucceeded(job, pods));
  const failed = Math.max(job.status?.failed ?? 0, pods.filter((pod) => pod.status?.phase === 'Failed').length);
  const startTime = job.spec?.suspend ? undefined : (job.status?.startTime ?? at.time);
  const failure = failureOf(job, pods, failed, { nowMs: at.nowMs, startTime });
  const isDone = !failure && isComplete(job, succeeded, active.length, pods);
  const wanted = failure || isDone || job.spec?.suspend ? 0 : wantedActive(job, succeeded);
  const delayMs = wanted > active.length ? backoffMs(pods, failed, at.nowMs) : 0;
  const status = buildStatus(job, { active: failure || isDone ? 0 : active.length, ready: active.filter(isPodReady).length, succeeded, failed, startTime });
  const conditions = conditionsOf(job, { failure, isDone, time: at.time });
  if (conditions.length > 0) status.conditions = conditions;
  if (isDone) status.completionTime = job.status?.completionTime ?? at.time;
  const deadlineMs = deadlineInMs(job, startTime, at.nowMs);
  const waits = [delayMs > 0 ? delayMs : undefined, failure || isDone ? undefined : deadlineMs].filter((wait) => wait !== undefined);
  return {
    status,
    missing: delayMs > 0 ? 0 : wanted - active.length,
    indexes: freeIndexes(job, pods),
    ...(waits.length > 0 ? { againInMs: Math.min(...waits) } : {}),
  };
}

function countSucceeded(job: Job, pods: readonly Pod[]): number {
  const done = pods.filter((pod) => pod.status?.phase === 'Succeeded');
  if (job.spec?.completionMode !== 'Indexed') return done.length;
  return new Set(done.map((pod) => pod.metadata?.annotations?.[COMPLETION_INDEX])).size;
}

/** Without `completions` the first success ends the making of pods, and the last active one ends the Job. */
function isComplete(job: Job, succeeded: number, active: number, pods: readonly Pod[]): boolean {
  const { completions } = job.spec ?? {};
  if (completions !== undefined) return succeeded >= completions;
  return succeeded > 0 && active === 0 && pods.length > 0;
}

function wantedActive(job: Job, succeeded: number): number {
  const parallelism = job.spec?.parallelism ?? 1;
  const { completions } = job.spec ?? {};
  if (completions === undefined) return succeeded > 0 ? 0 : parallelism;
  return Math.min(parallelism, Math.max(0, completions - succeeded));
}

interface Failure {
  reason: string;
  message: string;
}

function failureOf(job: Job, pods: readonly Pod[], failed: number, at: { nowMs: number; startTime: string | undefined }): Failure | undefined {
  if (deadlineInMs(job, at.startTime, at.nowMs) === 0) return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  const limit = job.spec?.backoffLimit ?? 6;
  const restarts = job.spec?.template?.spec?.restartPolicy === 'OnFailure' ? pods.filter(isPodActive).reduce((sum, pod) => sum + restartsOf(pod), 0) : 0;
  const isOver = failed > limit || (restarts > 0 && restarts + failed >= Math.max(1, limit));
  return isOver ? { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' } : undefined;
}

const restartsOf = (pod: Pod): number => [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].reduce((sum, each) => sum + each.restartCount, 0);

function deadlineInMs(job: Job, startTime: string | undefined, nowMs: number): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  return seconds === undefined || startTime === undefined ? undefined : Math.max(0, Date.parse(startTime) + seconds * 1000 - nowMs);
}

/** A pod that failed is replaced after 10 s, the next after 20 s, … from the end of the last one. */
function backoffMs(pods: readonly Pod[], failed: number, nowMs: number): number {
  if (failed === 0) return 0;
  const ends = pods.filter((pod) => pod.status?.phase === 'Failed').flatMap((pod) => (pod.status?.containerStatuses ?? []).map((each) => Date.parse(String(each.state?.terminated?.finishedAt ?? ''))));
  const last = Math.max(0, ...ends.filter((end) => !Number.isNaN(end)));
  return Math.max(0, last + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failed - 1)) - nowMs);
}

function freeIndexes(job: Job, pods: readonly Stored<Pod>[]): number[] {
  if (job.spec?.completionMode !== 'Indexed') return [];
  const held = pods.filter((pod) => isPodActive(pod) || pod.status?.phase === 'Succeeded');
  const taken = new Set(held.map((pod) => Number(pod.metadata.annotations?.[COMPLETION_INDEX])));
  return Array.from({ length: job.spec.completions ?? 0 }, (_, i) => i).filter((i) => !taken.has(i));
}

function buildStatus(job: Job, counts: { active: number; ready: number; succeeded: number; failed: number; startTime: string | undefined }): JobStatus {
  return {
    ...(counts.active > 0 ? { active: counts.active } : {}),
    ready: counts.active > 0 ? counts.ready : 0,
    ...(counts.succeeded > 0 ? { succeeded: counts.succeeded } : {}),
    ...(counts.failed > 0 ? { failed: counts.failed } : {}),
    ...(counts.startTime ? { startTime: counts.startTime } : {}),
    ...(job.status?.completionTime ? { completionTime: job.status.completionTime } : {}),
    uncountedTerminatedPods: {},
  };
}

function conditionsOf(job: Job, now: { failure: Failure | undefined; isDone: boolean; time: string }): JobCondition[] {
  const held = job.status?.conditions ?? [];
  const add = (type: string, status: string, why: Failure): JobCondition[] => {
    const same = held.find((each) => each.type === type && each.status === status);
    return [same ?? { type, status, ...why, lastProbeTime: now.time, lastTransitionTime: now.time }];
  };
  if (now.failure) return [...add('FailureTarget', 'True', now.failure), ...add('Failed', 'True', now.failure)];
  if (now.isDone) {
    const why = { reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
    return [...add('SuccessCriteriaMet', 'True', why), ...add('Complete', 'True', why)];
  }
  if (job.spec?.suspend) return add('Suspended', 'True', { reason: 'JobSuspended', message: 'Job suspended' });
  return held.some((each) => each.type === 'Suspended') ? add('Suspended', 'False', { reason: 'JobResumed', message: 'Job resumed' }) : [...held];
}
