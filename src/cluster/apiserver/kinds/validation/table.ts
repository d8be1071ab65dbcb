import type { KubeObject } from '../../../../kube/object.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { FieldError } from '../../status.ts';
import type { Strategy } from '../kind.ts';
import * as config from './config.ts';
import { podSpecErrors, podUpdateErrors } from './pod.ts';
import * as workloads from './workloads.ts';

type Rules = Pick<Strategy, 'validate' | 'validateUpdate'>;

/** Checks are written for the type of their kind; each is only given objects of that kind, decoded by its schema. */
function rules<T>(validate?: (object: T) => FieldError[], validateUpdate?: (object: T, old: T) => FieldError[]): Rules {
  return {
    ...(validate ? { validate: (object: KubeObject) => validate(object as T) } : {}),
    ...(validateUpdate ? { validateUpdate: (object: KubeObject, old: KubeObject) => validateUpdate(object as T, old as T) } : {}),
  };
}

const RBAC = 'rbac.authorization.k8s.io';
const ADMISSION = 'admissionregistration.k8s.io';

/** What Kubernetes refuses, by `group/plural`. */
export const builtinValidation: ReadonlyMap<string, Rules> = new Map([
  ['/pods', rules<Pod>((pod) => podSpecErrors(pod.spec, 'spec'), (pod, old) => podUpdateErrors(pod.spec, old.spec))],
  ['/services', rules(config.serviceErrors, config.serviceUpdateErrors)],
  ['/configmaps', rules(config.configMapErrors, config.configMapUpdateErrors)],
  ['/secrets', rules(config.secretErrors, config.secretUpdateErrors)],
  ['/persistentvolumeclaims', rules(config.claimErrors, config.claimUpdateErrors)],
  ['/resourcequotas', rules(config.quotaErrors)],
  ['/limitranges', rules(config.limitRangeErrors)],
  ['apps/deployments', rules(workloads.deploymentErrors, workloads.selectorUpdateErrors)],
  ['apps/replicasets', rules(workloads.replicaSetErrors, workloads.selectorUpdateErrors)],
  ['apps/daemonsets', rules(workloads.daemonSetErrors, workloads.selectorUpdateErrors)],
  ['apps/statefulsets', rules(workloads.statefulSetErrors, workloads.statefulSetUpdateErrors)],
  ['batch/jobs', rules(workloads.jobErrors, workloads.jobUpdateErrors)],
  ['batch/cronjobs', rules(workloads.cronJobErrors)],
  [`${RBAC}/roles`, rules(config.roleErrors)],
  [`${RBAC}/clusterroles`, rules(config.roleErrors)],
  [`${RBAC}/rolebindings`, rules(config.bindingErrors, config.bindingUpdateErrors)],
  [`${RBAC}/clusterrolebindings`, rules(config.bindingErrors, config.bindingUpdateErrors)],
  [`${ADMISSION}/mutatingwebhookconfigurations`, rules(config.webhookErrors)],
  [`${ADMISSION}/validatingwebhookconfigurations`, rules(config.webhookErrors)],
  ['storage.k8s.io/storageclasses', rules(config.storageClassErrors)],
  ['discovery.k8s.io/endpointslices', rules(config.endpointSliceErrors)],
  ['networking.k8s.io/ingresses', rules(config.ingressErrors)],
  ['autoscaling/horizontalpodautoscalers', rules(config.autoscalerErrors)],
]);
