/** The annotations that `kubectl rollout history` and `undo` read, and the ReplicaSet of a new revision. */
import type { Deployment, ReplicaSet } from 'kubernetes-types/apps/v1.d.ts';
import { cloneJson } from '../../../base/clone.ts';
import type { Stored } from '../../../kube/object.ts';
import { Deployments } from '../../../kube/resource.ts';
import { controllerReference } from '../ownership.ts';
import type { RolloutLimits } from './rollout-plan.ts';
import { POD_TEMPLATE_HASH, templateHash } from './template-hash.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** Annotations of the Deployment that its ReplicaSets do not inherit. */
const NOT_INHERITED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

export const revisionOf = (object: { metadata?: { annotations?: Record<string, string> } }): number => Number(object.metadata?.annotations?.[REVISION] ?? 0) || 0;

export const nextRevision = (old: readonly ReplicaSet[]): number => Math.max(0, ...old.map(revisionOf)) + 1;

/** The annotations that the current ReplicaSet should have. A set that comes back (undo) keeps the numbers it had. */
export function currentSetAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: number): Record<string, string> {
  const held = set?.metadata?.annotations ?? {};
  const before = revisionOf({ metadata: { annotations: held } });
  const inherited = Object.entries(deployment.metadata?.annotations ?? {}).filter(([key]) => !NOT_INHERITED.has(key));
  const result: Record<string, string> = { ...held, ...Object.fromEntries(inherited) };
  if (before >= revision) return result;
  result[REVISION] = String(revision);
  if (before > 0) result[REVISION_HISTORY] = [...(held[REVISION_HISTORY] ?? '').split(',').filter((part) => part !== ''), String(before)].join(',');
  return result;
}

export function sizeAnnotations(limits: RolloutLimits): Record<string, string> {
  return { [DESIRED_REPLICAS]: String(limits.replicas), [MAX_REPLICAS]: String(limits.replicas + limits.maxSurge) };
}

export function buildReplicaSet(deployment: Stored<Deployment>, revision: number, replicas: number, limits: RolloutLimits): ReplicaSet {
  const template = cloneJson(deployment.spec?.template ?? {});
  const hash = templateHash(template, deployment.status?.collisionCount);
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash } };
  const selector = deployment.spec?.selector ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template.metadata.labels },
      annotations: { ...currentSetAnnotations(deployment, undefined, revision), ...sizeAnnotations(limits) },
      ownerReferences: [controllerReference(Deployments, deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec?.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
      template,
    },
  };
}
