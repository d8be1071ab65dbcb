/** StorageObjectInUseProtection: a claim or volume carries a finalizer, so that it is not deleted under a pod. */
import type { AdmissionPlugin } from '../apiserver/admission.ts';
import { isAbout } from './plugin.ts';

export const PVC_PROTECTION = 'kubernetes.io/pvc-protection';
export const PV_PROTECTION = 'kubernetes.io/pv-protection';

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  async mutate(request) {
    if (request.operation !== 'CREATE' || !request.object) return;
    const finalizer = isAbout(request, '', 'persistentvolumeclaims') ? PVC_PROTECTION : isAbout(request, '', 'persistentvolumes') ? PV_PROTECTION : undefined;
    if (finalizer === undefined) return;
    const held = request.object.metadata?.finalizers ?? [];
    if (!held.includes(finalizer)) request.object.metadata = { ...request.object.metadata, finalizers: [...held, finalizer] };
  },
};
