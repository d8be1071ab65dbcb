/** Priority: the name of a class becomes the number that the scheduler compares. Kubernetes: plugin/pkg/admission/priority. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../apiserver/admission.ts';
import { createdPod } from './plugin.ts';
import type { PluginContext } from './plugin.ts';
import { forbidden } from './refusal.ts';

export function createPriorityPlugin(context: PluginContext): AdmissionPlugin {
  return {
    name: 'Priority',
    async mutate(request) {
      const pod = createdPod(request);
      if (pod) await setPriority(context, request, pod);
    },
  };
}

async function setPriority(context: PluginContext, request: AdmissionRequest, pod: Pod): Promise<void> {
  const { spec } = pod;
  if (!spec) return;
  const { priorityClasses } = context.reads;
  if (!spec.priorityClassName) {
    const ranked = priorityClasses.list().filter((held) => held.globalDefault).sort((a, b) => a.value - b.value);
    if (ranked[0]) spec.priorityClassName = ranked[0].metadata.name;
  }
  const found = spec.priorityClassName ? await priorityClasses.find(spec.priorityClassName) : undefined;
  if (spec.priorityClassName && !found) throw forbidden(request, `no PriorityClass with name ${spec.priorityClassName} was found`);
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbidden(request, `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`);
  }
  spec.priority = value;
  spec.preemptionPolicy ??= found?.preemptionPolicy ?? 'PreemptLowerPriority';
}
