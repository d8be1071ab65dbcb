/** LimitRanger: defaults and bounds for what pods and claims of a namespace ask for. */
import type { PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import type { AdmissionPlugin } from '../apiserver/admission.ts';
import { claimLimitErrors, podLimitErrors } from './limits/limit-check.ts';
import { applyLimitDefaults } from './limits/limit-defaults.ts';
import { createdClaim, createdPod, isAbout } from './plugin.ts';
import type { PluginContext } from './plugin.ts';
import { aggregate, forbidden } from './refusal.ts';

export function createLimitRanger(context: PluginContext): AdmissionPlugin {
  const rangesIn = (namespace: string | undefined) => context.reads.limitRanges.listIn(namespace ?? '').sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return {
    name: 'LimitRanger',
    async mutate(request) {
      const pod = createdPod(request);
      if (pod) applyLimitDefaults(pod, rangesIn(request.namespace));
    },
    async validate(request) {
      const pod = createdPod(request);
      const isClaimUpdate = request.operation === 'UPDATE' && isAbout(request, '', 'persistentvolumeclaims');
      const claim = isClaimUpdate ? (request.object as PersistentVolumeClaim) : createdClaim(request);
      if (!pod && !claim) return;
      for (const range of rangesIn(request.namespace)) {
        const errors = pod ? podLimitErrors(pod, range) : claimLimitErrors(claim ?? {}, range);
        if (errors.length > 0) throw forbidden(request, aggregate(errors));
      }
    },
  };
}
