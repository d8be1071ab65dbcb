/** The answer of the injecting webhook to one review. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { errorText } from '../../base/errors.ts';
import type { ReviewRequest, ReviewResponse } from './admission-review.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import { podWarnings } from '../../api/metadata-not-in-effect.ts';
import { injectPod } from './inject-pod.ts';
import { injectionFor } from './required.ts';

export type InjectionOutcome = 'success' | 'skipped' | 'failure';

/** A pod that cannot be injected is refused: running without the proxy would take it out of the mesh silently. */
export function reviewPod(request: ReviewRequest, config: InjectConfig): { response: ReviewResponse; outcome: InjectionOutcome; reason?: string } {
  if (request.object === undefined) return { response: { allowed: true }, outcome: 'skipped', reason: 'there is no object' };
  // Foreign input: a pod of another shape throws below and is refused.
  const pod = request.object as Pod;
  const namespace = request.namespace ?? pod.metadata?.namespace ?? 'default';
  try {
    const injection = injectionFor(pod, namespace, config);
    if (!injection.inject) return { response: { allowed: true }, outcome: 'skipped', reason: injection.reason };
    return { response: { allowed: true, patch: injectPod(pod, namespace, config).patch, warnings: podWarnings(pod.metadata) }, outcome: 'success' };
  } catch (error) {
    const reason = errorText(error);
    return { response: { allowed: false, message: `the sidecar cannot be injected: ${reason}` }, outcome: 'failure', reason };
  }
}
