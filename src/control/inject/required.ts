/** Whether a pod gets a proxy. Istio: inject.injectRequired. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';
import { Annotation } from '../../api/proxy-pod/annotations.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';

/** Namespaces of the cluster itself; nothing in them is ever injected. */
export const SYSTEM_NAMESPACES: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

export type Injection = { inject: true } | { inject: false; reason: string };

/** The pod's label wins over its annotation; then the "never" selectors, the "always" selectors, and the policy. */
export function injectionFor(pod: Pod, namespace: string, config: InjectConfig): Injection {
  if (pod.spec?.hostNetwork) return { inject: false, reason: 'the pod uses the network of its host' };
  if (SYSTEM_NAMESPACES.includes(namespace)) return { inject: false, reason: `${namespace} is a namespace of the cluster itself` };
  const labels = pod.metadata?.labels;
  const asked = decided(labels?.[Annotation.Inject]) ?? decided(pod.metadata?.annotations?.[Annotation.Inject]);
  if (asked !== undefined) return asked ? { inject: true } : { inject: false, reason: `${Annotation.Inject} is false` };
  if (config.neverInjectSelector.some((selector) => matchesLabelSelector(selector, labels))) return { inject: false, reason: 'a neverInjectSelector matches' };
  if (config.alwaysInjectSelector.some((selector) => matchesLabelSelector(selector, labels))) return { inject: true };
  return config.policy === 'enabled' ? { inject: true } : { inject: false, reason: 'the injection policy is disabled' };
}

/** YAML's words for true and false; anything else leaves the decision to the policy. */
function decided(text: string | undefined): boolean | undefined {
  const word = text?.toLowerCase();
  if (word === 'true' || word === 'yes' || word === 'y' || word === 'on') return true;
  return word === 'false' || word === 'no' || word === 'n' || word === 'off' ? false : undefined;
}
