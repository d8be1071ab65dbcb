/** Defaults of what makes pods. Kubernetes: pkg/apis/{apps,batch}/v1/defaults.go. */
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { CronJob, Job, JobSpec } from 'kubernetes-types/batch/v1.d.ts';
import type { ReplicationController } from 'kubernetes-types/core/v1.d.ts';
import { child, fill } from './fill.ts';
import { defaultTemplate } from './pod.ts';

export function defaultDeployment({ spec }: Deployment): void {
  if (!spec) return;
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = child(spec, 'strategy', {});
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') fill(child(strategy, 'rollingUpdate', {}), { maxUnavailable: '25%', maxSurge: '25%' });
  defaultTemplate(spec.template);
}

export function defaultReplicaSet({ spec }: ReplicaSet): void {
  if (!spec) return;
  fill(spec, { replicas: 1 });
  defaultTemplate(spec.template);
}

export function defaultReplicationController(object: ReplicationController): void {
  const { spec } = object;
  if (!spec) return;
  fill(spec, { replicas: 1 });
  const labels = spec.template?.metadata?.labels;
  if (labels && !spec.selector) spec.selector = { ...labels };
  defaultTemplate(spec.template);
}

export function defaultStatefulSet({ spec }: StatefulSet): void {
  if (!spec) return;
  fill(spec, { replicas: 1, podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 10 });
  const strategy = child(spec, 'updateStrategy', {});
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') fill(child(strategy, 'rollingUpdate', {}), { partition: 0 });
  fill(child(spec, 'persistentVolumeClaimRetentionPolicy', {}), { whenDeleted: 'Retain', whenScaled: 'Retain' });
  for (const claim of spec.volumeClaimTemplates ?? []) {
    fill(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
    if (claim.spec) fill(claim.spec, { volumeMode: 'Filesystem' });
    Object.assign(claim, { status: claim.status ?? { phase: 'Pending' } });
  }
  defaultTemplate(spec.template);
}

export function defaultDaemonSet({ spec }: DaemonSet): void {
  if (!spec) return;
  fill(spec, { revisionHistoryLimit: 10 });
  const strategy = child(spec, 'updateStrategy', {});
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') fill(child(strategy, 'rollingUpdate', {}), { maxUnavailable: 1, maxSurge: 0 });
  defaultTemplate(spec.template);
}

export function defaultJob({ spec }: Job): void {
  if (spec) defaultJobSpec(spec);
}

function defaultJobSpec(spec: JobSpec): void {
  // With only the parallelism given, a job ends when any pod succeeds: completions stay unset.
  if (spec.completions === undefined && spec.parallelism === undefined) fill(spec, { completions: 1 });
  fill(spec, { parallelism: 1, completionMode: 'NonIndexed', suspend: false, podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed' });
  if (spec.backoffLimitPerIndex === undefined) fill(spec, { backoffLimit: 6 });
  defaultTemplate(spec.template);
}

export function defaultCronJob({ spec }: CronJob): void {
  if (!spec) return;
  fill(spec, { concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 });
  const template = spec.jobTemplate;
  if (template) {
    child(template, 'metadata', {});
    defaultTemplate(template.spec?.template);
  }
}
