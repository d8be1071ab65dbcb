/** DefaultStorageClass: a claim that names no class gets the default one; `""` is a name and stays.
 * Kubernetes: plugin/pkg/admission/storage/storageclass/setdefault. */
import type { AdmissionPlugin } from '../apiserver/admission.ts';
import { createdClaim } from './plugin.ts';
import type { PluginContext } from './plugin.ts';

const DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_BETA = 'storageclass.beta.kubernetes.io/is-default-class';
const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

export function createDefaultStorageClass(context: PluginContext): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    async mutate(request) {
      const claim = createdClaim(request);
      if (!claim?.spec) return;
      if (claim.spec.storageClassName !== undefined || claim.metadata?.annotations?.[CLASS_BETA] !== undefined) return;
      const name = defaultClass(context);
      if (name !== undefined) claim.spec.storageClassName = name;
    },
  };
}

/** The newest of those marked as default, then the first by name. */
function defaultClass(context: PluginContext): string | undefined {
  const marked = context.reads.storageClasses.list().filter((held) => [DEFAULT, DEFAULT_BETA].some((key) => held.metadata.annotations?.[key] === 'true'));
  marked.sort((a, b) => Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return marked[0]?.metadata.name;
}
