/** Which of Envoy's own statistics are kept, and what their labels are. Without a selection a mesh of a thousand services costs
 * each Envoy hundreds of megabytes; the default selection, and the ways to widen it, are Istio's. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { ProxySettings } from '../proxy/bootstrap/settings.ts';

/** A host has dots, as what follows it has: our names tell where they begin, and words that no host can have where they end. */
const CLUSTER = String.raw`(?:in|out)bound\|\d+\|[^|]*\|.*?|[^.|]+`;
const AFTER_CLUSTER = String.raw`[a-z]+_|(?:external|internal|canary)\.upstream_|circuit_breakers\.|default\.total_match|http[123]\.[a-z_]+$|ssl\.(?:connection_error|handshake|session_reused|no_certificate|fail_verify|ocsp_|was_key|ciphers|curves|versions|sigalgs)|[a-z_]+$`;
/** `outbound_0.0.0.0_9080`, `inbound_InboundPassthroughCluster` */
const MANAGER = String.raw`(?:in|out)bound_(?:\d+\.\d+\.\d+\.\d+_\d+|[^.]+)`;

/** Label → where it stands in a name: the first group is cut out, the second is the value. */
const TAGS: readonly (readonly [name: string, regex: string])[] = [
  ['cluster_name', String.raw`^cluster\.((${CLUSTER})\.)(?:${AFTER_CLUSTER})`],
  ['tcp_prefix', String.raw`^tcp\.((.*?)\.)\w+$`],
  ['response_code', String.raw`_rq(_(\d{3}))$`],
  ['response_code_class', String.raw`_rq(_(\dxx))$`],
  ['http_conn_manager_listener_prefix', String.raw`^listener\..*?\.http\.((${MANAGER})\.)`],
  ['http_conn_manager_prefix', String.raw`^http\.((${MANAGER})\.)`],
  ['listener_address', String.raw`^listener\.(([\d._]+|[\d_\[\]a-fA-F]+)\.)`],
];

const PREFIXES = ['cluster_manager', 'listener_manager', 'server', 'control_plane', 'cluster.xds-grpc', 'wasm'];
/** `_active` of connections and requests is what draining looks at. */
const SUFFIXES = ['rbac.allowed', 'rbac.denied', 'shadow_allowed', 'shadow_denied', 'downstream_cx_active', 'downstream_rq_active'];

interface Selection {
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  readonly regexps: readonly string[];
}

export function statsConfig(settings: Pick<ProxySettings, 'metadata' | 'workload'>): JsonObject {
  const { prefixes, suffixes, regexps } = widened(settings);
  const patterns: JsonObject[] = [
    ...[...PREFIXES, ...prefixes].map((prefix) => ({ prefix })),
    ...[...SUFFIXES, ...suffixes].map((suffix) => ({ suffix })),
    ...regexps.map((regex) => ({ safe_regex: { regex } })),
  ];
  return {
    stats_config: {
      use_all_default_tags: false,
      stats_tags: TAGS.map(([name, regex]) => ({ tag_name: name, regex })),
      stats_matcher: { inclusion_list: { patterns } },
    },
  };
}

/** `proxyStatsMatcher` of ProxyConfig, else the pod's annotations. */
function widened({ metadata, workload }: Pick<ProxySettings, 'metadata' | 'workload'>): Selection {
  const matcher = fieldOf(metadata['PROXY_CONFIG'], 'proxyStatsMatcher');
  const list = (name: 'Prefixes' | 'Suffixes' | 'Regexps'): string[] => {
    const annotated = workload.annotations.get(`sidecar.istio.io/statsInclusion${name}`);
    if (annotated !== undefined) return annotated.split(',').filter((entry) => entry !== '');
    const given = fieldOf(matcher, `inclusion${name}`);
    return Array.isArray(given) ? given.map(String) : [];
  };
  return { prefixes: list('Prefixes'), suffixes: list('Suffixes'), regexps: list('Regexps') };
}

const fieldOf = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);
