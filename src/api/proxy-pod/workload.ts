/** Which workload a pod belongs to, as far as the pod itself tells. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';

export interface Workload {
  apiVersion: string;
  kind: string;
  name: string;
}

/** The controller's controller where names give it away: a ReplicaSet `web-5d9c` with that template hash belongs to
 * Deployment `web`, a Job `x-28412345` to CronJob `x`. Istio: kube.GetDeployMetaFromPod. */
export function workloadOf(pod: Pod): Workload {
  const { metadata = {} } = pod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (!owner) return { apiVersion: 'v1', kind: 'Pod', name: metadata.name ?? metadata.generateName?.replace(/-$/, '') ?? '' };
  const hash = metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return { apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name.slice(0, -hash.length - 1) };
  }
  const scheduled = owner.kind === 'Job' ? /^(.+)-\d{8,10}$/.exec(owner.name)?.[1] : undefined;
  if (scheduled !== undefined) return { apiVersion: 'batch/v1', kind: 'CronJob', name: scheduled };
  const config = metadata.labels?.['deploymentconfig'];
  if (owner.kind === 'ReplicationController' && config !== undefined && owner.name.startsWith(`${config}-`)) {
    return { apiVersion: 'apps.openshift.io/v1', kind: 'DeploymentConfig', name: config };
  }
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name };
}

/** `kubernetes://apis/apps/v1/namespaces/default/deployments/web`: how node metadata names the owner. */
export function ownerUrl(workload: Workload, namespace: string): string {
  const kind = workload.kind.toLowerCase();
  const plural = /(s|x|ch|sh)$/.test(kind) ? `${kind}es` : kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
  return `kubernetes://apis/${workload.apiVersion}/namespaces/${namespace}/${plural}/${workload.name}`;
}
