/** Deployments and their kin. Kubernetes: pkg/apis/{apps,batch}/validation. */
import { isDeepStrictEqual } from 'node:util';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { CronJob, Job, JobSpec } from 'kubernetes-types/batch/v1.d.ts';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts';
import type { LabelSelector } from 'kubernetes-types/meta/v1.d.ts';
import { matchesLabelSelector } from '../../../../kube/selectors.ts';
import { validateLabels } from '../../rest/objects.ts';
import { forbiddenField, invalid, notSupported, required, type FieldError } from '../../status.ts';
import { Findings, IMMUTABLE } from './checks.ts';
import { podSpecErrors } from './pod.ts';

interface Selecting {
  replicas?: number;
  minReadySeconds?: number;
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}

/** Replicas, selector and template, which all of them have. */
function selectingErrors(spec: Selecting | undefined): FieldError[] {
  if (!spec) return [required('spec')];
  const found = new Findings();
  found.notNegative('spec.replicas', spec.replicas);
  found.notNegative('spec.minReadySeconds', spec.minReadySeconds);
  const { selector, template } = spec;
  if (!selector) found.add(required('spec.selector'));
  else if (!Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length) found.add(invalid('spec.selector', selector, 'empty selector is invalid for deployment'));
  else found.selector('spec.selector', selector);
  const labels = template?.metadata?.labels;
  if (selector && !matchesLabelSelector(selector, labels)) found.add(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  found.add(...templateErrors(template, ['Always']));
  return found.errors;
}

function templateErrors(template: PodTemplateSpec | undefined, restartPolicies: readonly string[]): FieldError[] {
  const errors = [...validateLabels(template?.metadata?.labels, 'spec.template.labels'), ...podSpecErrors(template?.spec, 'spec.template.spec')];
  const policy = template?.spec?.restartPolicy;
  if (policy && ['Always', 'OnFailure', 'Never'].includes(policy) && !restartPolicies.includes(policy)) errors.push(notSupported('spec.template.spec.restartPolicy', policy, restartPolicies));
  return errors;
}

export function deploymentErrors({ spec }: Deployment): FieldError[] {
  const found = new Findings();
  found.add(...selectingErrors(spec));
  const strategy = spec?.strategy;
  found.oneOf('spec.strategy.type', strategy?.type, ['Recreate', 'RollingUpdate']);
  if (strategy?.type === 'Recreate' && strategy.rollingUpdate) found.add(forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"));
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  const isZero = (value: number | string | undefined) => value === 0 || value === '0%';
  if (strategy?.rollingUpdate && isZero(maxSurge) && isZero(maxUnavailable)) found.add(invalid('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  for (const [field, value] of [['maxSurge', maxSurge], ['maxUnavailable', maxUnavailable]] as const) {
    if (typeof value === 'string' && !/^\d+%$/.test(value)) found.add(invalid(`spec.strategy.rollingUpdate.${field}`, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"));
  }
  found.notNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit);
  return found.errors;
}

export const replicaSetErrors = ({ spec }: ReplicaSet): FieldError[] => selectingErrors(spec);
export const daemonSetErrors = ({ spec }: DaemonSet): FieldError[] => selectingErrors(spec);

export function statefulSetErrors({ spec }: StatefulSet): FieldError[] {
  const found = new Findings();
  found.add(...selectingErrors(spec));
  found.oneOf('spec.podManagementPolicy', spec?.podManagementPolicy, ['OrderedReady', 'Parallel']);
  return found.errors;
}

/** What selects pods may not change: they would be orphaned. */
export function selectorUpdateErrors(object: { spec?: { selector?: unknown } }, old: { spec?: { selector?: unknown } }): FieldError[] {
  return isDeepStrictEqual(object.spec?.selector, old.spec?.selector) ? [] : [invalid('spec.selector', object.spec?.selector, IMMUTABLE)];
}

export function statefulSetUpdateErrors(object: StatefulSet, old: StatefulSet): FieldError[] {
  const fixed = (spec: StatefulSet['spec']) => spec && { selector: spec.selector, serviceName: spec.serviceName, podManagementPolicy: spec.podManagementPolicy, claims: spec.volumeClaimTemplates };
  if (isDeepStrictEqual(fixed(object.spec), fixed(old.spec))) return [];
  return [forbiddenField('spec', "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")];
}

export const jobErrors = ({ spec }: Job): FieldError[] => jobSpecErrors(spec);

function jobSpecErrors(spec: JobSpec | undefined): FieldError[] {
  if (!spec) return [required('spec')];
  const found = new Findings();
  found.notNegative('spec.parallelism', spec.parallelism);
  found.notNegative('spec.completions', spec.completions);
  found.notNegative('spec.backoffLimit', spec.backoffLimit);
  found.notNegative('spec.ttlSecondsAfterFinished', spec.ttlSecondsAfterFinished);
  // The general default, Always, is none for jobs: it counts as not given.
  if (spec.template?.spec?.restartPolicy === 'Always') found.add(required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"'), ...podSpecErrors(spec.template.spec, 'spec.template.spec'));
  else found.add(...templateErrors(spec.template, ['OnFailure', 'Never']));
  return found.errors;
}

export function jobUpdateErrors({ spec }: Job, { spec: old }: Job): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['completions', 'selector', 'template', 'completionMode'] as const) {
    const isSuspended = field === 'template' && old?.suspend;
    if (!isSuspended && !isDeepStrictEqual(spec?.[field], old?.[field])) errors.push(invalid(`spec.${field}`, spec?.[field], IMMUTABLE));
  }
  return errors;
}

const CRON_FIELD = /^(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(\/\d+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(\/\d+)?)*$/;

export function cronJobErrors({ spec }: CronJob): FieldError[] {
  if (!spec) return [required('spec')];
  const found = new Findings();
  if (found.required('spec.schedule', spec.schedule)) {
    const fields = spec.schedule.trim().split(/\s+/);
    const isMacro = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)$/.test(spec.schedule);
    if (!isMacro && (fields.length !== 5 || !fields.every((f) => CRON_FIELD.test(f)))) found.add(invalid('spec.schedule', spec.schedule, `expected exactly 5 fields, found ${fields.length}: ${JSON.stringify(fields)}`));
  }
  found.oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']);
  found.add(...podSpecErrors(spec.jobTemplate?.spec?.template?.spec, 'spec.jobTemplate.spec.template.spec'));
  return found.errors;
}
