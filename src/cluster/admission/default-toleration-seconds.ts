/** DefaultTolerationSeconds: a pod stays five minutes on a node that went away, unless it says otherwise. */
import type { Toleration } from 'kubernetes-types/core/v1.d.ts';
import type { AdmissionPlugin } from '../apiserver/admission.ts';
import { createdPod } from './plugin.ts';

const SECONDS = 300;
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  async mutate(request) {
    const spec = createdPod(request)?.spec;
    if (!spec) return;
    const held = spec.tolerations ?? [];
    const missing = TAINTS.filter((key) => !held.some((toleration) => tolerates(toleration, key)));
    if (missing.length === 0) return;
    spec.tolerations = [...held, ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS }))];
  },
};

const tolerates = (toleration: Toleration, key: string): boolean =>
  (toleration.key === key || !toleration.key) && (toleration.effect === 'NoExecute' || !toleration.effect);
