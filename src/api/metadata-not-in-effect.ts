/** Annotations and labels of Istio's that are taken and change nothing, by the kinds they stand on, with the reason: an injected pod gets
 * warnings, an object of the mesh says it in its status, and of what has no status of ours the control plane's `/debug/left_out`
 * tells. Those that are written by control planes and not by people are not here. Who implements one takes it out. */
import { parse } from 'yaml';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import { issueText, type Issue } from './issue.ts';
import { proxyConfigInVain } from './mesh-config-not-in-effect.ts';
import { ProxyDefaultsSchema } from './mesh-config-schema.ts';
import { checkValue } from './schema/check.ts';

export interface IneffectiveKey {
  readonly key: string;
  readonly kinds: readonly string[];
  readonly why: string;
}

const AMBIENT = 'there is no ambient mode: every workload has its own proxy';
const ONE_NETWORK = 'the mesh is one network: every address is reached directly';
const NO_SINK = 'statistics are scraped, not sent';

const ambient = (keys: string, kinds: readonly string[]): IneffectiveKey[] => keys.split(' ').map((key) => ({ key, kinds, why: AMBIENT }));

export const ANNOTATIONS_NOT_IN_EFFECT: readonly IneffectiveKey[] = [
  { key: 'alpha.istio.io/kubernetes-serviceaccounts', kinds: ['Service'], why: 'callers know servers by the accounts of their pods and WorkloadEntries' },
  { key: 'alpha.istio.io/canonical-serviceaccounts', kinds: ['Service'], why: 'callers know servers by the accounts of their pods and WorkloadEntries' },
  { key: 'sidecar.istio.io/discoveryAddress', kinds: ['Pod'], why: 'set discoveryAddress in proxy.istio.io/config' },
  { key: 'sidecar.istio.io/proxyImageType', kinds: ['Pod'], why: 'there is one image of the proxy; sidecar.istio.io/proxyImage sets another one' },
  { key: 'sidecar.istio.io/bootstrapOverride', kinds: ['Pod'], why: 'proxies are started from their environment, without a file of their own' },
  { key: 'sidecar.istio.io/statsFlushInterval', kinds: ['Pod'], why: NO_SINK },
  { key: 'sidecar.istio.io/statsEvictionInterval', kinds: ['Pod'], why: 'series stay as long as the proxy runs' },
  { key: 'sidecar.istio.io/statsHistogramBins', kinds: ['Pod'], why: 'histograms have fixed buckets: sidecar.istio.io/statsHistogramBuckets sets them' },
  { key: 'sidecar.istio.io/extraStatTags', kinds: ['Pod'], why: 'metrics have the standard labels' },
  { key: 'sidecar.istio.io/statsCompression', kinds: ['Pod'], why: 'statistics are sent as they are' },
  { key: 'readiness.status.sidecar.istio.io/applicationPorts', kinds: ['Pod'], why: 'a proxy is ready when it has its configuration; the application’s own probes tell of its ports' },
  { key: 'traffic.istio.io/nodeSelector', kinds: ['Service'], why: ONE_NETWORK },
  { key: 'topology.istio.io/controlPlaneClusters', kinds: ['Namespace'], why: 'there is one cluster' },
  { key: 'networking.istio.io/traffic-distribution', kinds: ['Namespace'], why: 'annotate the Services and ServiceEntries themselves' },
  ...ambient('ambient.istio.io/bypass-inbound-capture ambient.istio.io/dns-capture ambient.istio.io/redirection', ['Pod']),
  ...ambient('istio.io/use-waypoint-canary-weight', ['Service', 'ServiceEntry', 'Namespace']),
];

export const LABELS_NOT_IN_EFFECT: readonly IneffectiveKey[] = [
  { key: 'networking.istio.io/gatewayPort', kinds: ['Service'], why: ONE_NETWORK },
  { key: 'topology.istio.io/network', kinds: ['Namespace', 'Pod', 'Service'], why: ONE_NETWORK },
  { key: 'topology.istio.io/cluster', kinds: ['Pod'], why: 'the proxy says which cluster it is in' },
  ...ambient('istio.io/dataplane-mode', ['Pod', 'Namespace']),
  ...ambient('istio.io/use-waypoint istio.io/use-waypoint-namespace', ['Pod', 'WorkloadEntry', 'Service', 'ServiceEntry', 'Namespace']),
  ...ambient('istio.io/use-waypoint-canary istio.io/use-waypoint-canary-namespace istio.io/ingress-use-waypoint', ['Service', 'ServiceEntry', 'Namespace']),
];

export interface KeyInVain {
  /** `metadata.annotations[sidecar.istio.io/bootstrapOverride]` */
  readonly path: string;
  readonly why: string;
}

/** Annotations and labels that an object carries in vain. */
export function metadataNotInEffect(kind: string, metadata: Pick<ObjectMeta, 'annotations' | 'labels'> | undefined): KeyInVain[] {
  const found = (place: 'annotations' | 'labels', table: readonly IneffectiveKey[]) => {
    const given = metadata?.[place];
    // YAML may say null.
    if (!given) return [];
    return table.filter(({ key, kinds }) => kinds.includes(kind) && Object.hasOwn(given, key)).map(({ key, why }) => ({ path: `metadata.${place}[${key}]`, why }));
  };
  return [...found('annotations', ANNOTATIONS_NOT_IN_EFFECT), ...found('labels', LABELS_NOT_IN_EFFECT)];
}

const PROXY_CONFIG = 'proxy.istio.io/config';

/** What a pod says of its proxy in vain, or in words that are none: one line each. Text that is no YAML is the injector's to refuse. */
export function podWarnings(metadata: Pick<ObjectMeta, 'annotations' | 'labels'> | undefined): string[] {
  const own = metadata?.annotations?.[PROXY_CONFIG];
  return [...metadataNotInEffect('Pod', metadata).map(({ path, why }) => `${path}: has no effect: ${why}`), ...(own === undefined ? [] : proxyConfigIssues(own).map(issueText))];
}

function proxyConfigIssues(yaml: string): Issue[] {
  let value: unknown;
  try {
    value = parse(yaml) ?? {};
  } catch {
    return [];
  }
  const path = `metadata.annotations[${PROXY_CONFIG}]`;
  return [...checkValue(ProxyDefaultsSchema.json, value, path, { unknownField: 'warning' }), ...proxyConfigInVain(value, path)];
}
