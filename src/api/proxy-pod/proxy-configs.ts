/** Which ProxyConfig objects hold for a pod, and what they come to. Istio: ProxyConfig, "workload, namespace, mesh". */
import { matchesLabelSelector } from '../../kube/selectors.ts';
import type { ProxyDefaults } from '../mesh-config.ts';
import type { ProxyConfigObject } from '../proxy-config.ts';

export interface PodPlace {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly rootNamespace: string;
}

/** Settings of the objects that hold, the more particular over the more general: mesh, namespace, selected workloads.
 * Among equals the oldest wins. */
export function proxyConfigsFor(objects: readonly ProxyConfigObject[], place: PodPlace): ProxyDefaults {
  const holding = objects
    .flatMap((object) => {
      const rank = rankOf(object, place);
      return rank === undefined ? [] : [{ object, rank }];
    })
    .sort((a, b) => a.rank - b.rank || compare(ageOf(b.object), ageOf(a.object)));
  return holding.reduce<ProxyDefaults>((settings, { object }) => lay(settings, object), {});
}

/** 0 the whole mesh, 1 the namespace, 2 the workload; undefined when the object is for others. */
function rankOf({ metadata, spec }: ProxyConfigObject, place: PodPlace): number | undefined {
  const namespace = metadata?.namespace ?? '';
  const selector = spec?.selector?.matchLabels ?? {};
  if (Object.keys(selector).length > 0) return namespace === place.namespace && matchesLabelSelector({ matchLabels: selector }, place.labels) ? 2 : undefined;
  if (namespace === place.namespace) return 1;
  return namespace === place.rootNamespace ? 0 : undefined;
}

function lay(settings: ProxyDefaults, { spec }: ProxyConfigObject): ProxyDefaults {
  const { concurrency, environmentVariables, image } = spec ?? {};
  return {
    ...settings,
    ...(typeof concurrency === 'number' ? { concurrency } : {}),
    ...(environmentVariables ? { proxyMetadata: { ...settings.proxyMetadata, ...environmentVariables } } : {}),
    ...(image ? { image } : {}),
  };
}

const ageOf = ({ metadata }: ProxyConfigObject) => `${metadata?.creationTimestamp ?? ''}/${metadata?.name ?? ''}`;
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
