import type { PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { compareQuantities, parseQuantity } from '../../../kube/quantity.ts';

/** Guaranteed when every container's CPU and memory limits equal its requests, BestEffort when nobody asks for any.
 * Kubernetes: pkg/apis/core/v1/helper/qos ComputePodQOS. */
export function qosClass(spec: PodSpec | undefined): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  let isAnySet = false;
  let isGuaranteed = true;
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory'] as const) {
      const request = parseQuantity(resources?.requests?.[name] ?? '0');
      const limit = parseQuantity(resources?.limits?.[name] ?? '0');
      if (!request || !limit) continue;
      if (request.nanos > 0n || limit.nanos > 0n) isAnySet = true;
      if (limit.nanos === 0n || (request.nanos > 0n && compareQuantities(request, limit) !== 0)) isGuaranteed = false;
    }
  }
  if (!isAnySet) return 'BestEffort';
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
