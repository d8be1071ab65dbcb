import type { JsonObject } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import { isError } from '../../api/issue.ts';
import { ProxyDefaultsSchema } from '../../api/mesh-config-schema.ts';
import type { ProxyDefaults } from '../../api/mesh-config.ts';
import { checkValue } from '../../api/schema/check.ts';
import { TAKES_VIRTUAL_HOSTS } from '../../xds/type-urls.ts';
import type { Locality } from '../registry/model.ts';
import { OUTCOMES_METADATA, RUNTIME_LAYER, RUNTIME_METADATA } from '../../xds/agent-contract.ts';
import { NO_LOCALITY } from '../registry/workloads.ts';

/** By the names under which a proxy announces them. */
export type Ability = 'envoy.filters.http.ext_authz' | 'envoy.filters.http.ext_authz.body' | 'envoy.matching.dynamic_metadata';
const ABILITIES: readonly Ability[] = ['envoy.filters.http.ext_authz', 'envoy.filters.http.ext_authz.body', 'envoy.matching.dynamic_metadata'];

/** A connected proxy, as its node message describes it. */
export interface Proxy {
  /** `sidecar~10.244.0.7~reviews-v1-abc.default~default.svc.cluster.local` */
  readonly id: string;
  readonly kind: 'sidecar' | 'router';
  readonly address: string;
  /** Name of the pod. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly clusterId: string;
  readonly locality: Locality;
  readonly version: string;
  /** Names of filters that this proxy has beyond stock Envoy's, as far as they are known here. */
  readonly extensions: ReadonlySet<string>;
  /** What this proxy cannot do although Envoy can. Our own sidecar says in its extensions what it has learned. */
  readonly lacks: ReadonlySet<Ability>;
  /** NONE: no interception; listeners bind their ports themselves. */
  readonly interception: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** Where a stock Envoy writes a line of every outcome for the agent beside it; absent: it has none, or counts by itself. */
  readonly outcomes?: string;
  /** An Envoy whose agent says so: what changes often it fetches by name, apart from its listeners. */
  readonly fetchesParts: boolean;
  /** A gRPC client that speaks xDS itself. Istio: `GENERATOR: grpc` in the node's metadata. */
  readonly isProxyless: boolean;
  /** Our own data path, and no Envoy. */
  readonly isOurs: boolean;
  /** The texts of its node's metadata, for those who choose proxies by them. */
  readonly metadata: Readonly<Record<string, string>>;
  /** It answers the DNS queries of its workload, which then calls entries by the addresses that the control plane gave them. */
  readonly answersDns: boolean;
  /** Canonical names for its own spans and metrics. */
  readonly workloadName: string;
  /** Of a proxy outside of Kubernetes: the entry that speaks of it, or the group that one is made from when it connects. */
  readonly machine?: MachineClaim;
  /** Of a machine, by names of services' ports: where its application serves them. WorkloadEntry.ports */
  readonly ports?: Readonly<Record<string, number>>;
  /** What its pod says over the mesh's `defaultConfig`, as far as the control plane acts on it. Annotation `proxy.istio.io/config`. */
  readonly own?: ProxyDefaults;
}

export interface MachineClaim {
  /** WorkloadGroup of its namespace; AUTO_REGISTER_GROUP of the node. Empty: it has an entry. */
  readonly group: string;
  /** WorkloadEntry of its namespace that is there already; WORKLOAD_ENTRY of the node. Empty: it is to be registered. */
  readonly entry: string;
  /** NETWORK of the node. */
  readonly network: string;
  /** Its agent tells how the application is: the proxy configuration has a readinessProbe. */
  readonly isProbed: boolean;
}

/** Names of filters of Istio's build that make a difference to what a proxy gets. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set(['istio.stats', 'envoy.filters.http.peer_metadata', 'istio.alpn', TAKES_VIRTUAL_HOSTS, ...ABILITIES]);

export interface NodeFacts {
  id: string;
  metadata?: JsonObject;
  locality?: { region: string; zone: string; subZone: string };
  extensions: readonly { name: string }[];
  userAgentName?: string;
}

/** Reads the node message of a proxy. Istio: node id `kind~address~pod.namespace~domain`. */
export function readProxy(node: NodeFacts): { proxy: Proxy } | { error: string } {
  const [kind, address = '', podName = '', domain] = node.id.split('~');
  if ((kind !== 'sidecar' && kind !== 'router') || domain === undefined) {
    return { error: `node id "${node.id}" is not of the form sidecar~ADDRESS~POD.NAMESPACE~DOMAIN` };
  }
  const metadata = node.metadata ?? {};
  const dot = podName.lastIndexOf('.');
  const namespace = text(metadata['NAMESPACE']) || podName.slice(dot + 1);
  if (namespace === '') return { error: 'the node tells no namespace' };
  // Envoy announces a thousand of them.
  const extensions = new Set(node.extensions.map((e) => e.name).filter((name) => KNOWN_EXTENSIONS.has(name)));
  const interception = text(metadata['INTERCEPTION_MODE']);
  const { region = '', zone = '', subZone = '' } = node.locality ?? {};
  return {
    proxy: {
      id: node.id,
      kind,
      address,
      name: dot > 0 ? podName.slice(0, dot) : podName,
      namespace,
      labels: labelsOf(metadata['LABELS']),
      clusterId: text(metadata['CLUSTER_ID']) || 'Kubernetes',
      locality: region === '' ? NO_LOCALITY : { region, zone, subzone: subZone },
      version: text(metadata['ISTIO_VERSION']),
      extensions,
      lacks: new Set(node.userAgentName === 'lateen' ? ABILITIES.filter((a) => !extensions.has(a)) : []),
      outcomes: text(metadata[OUTCOMES_METADATA]) || undefined,
      fetchesParts: text(metadata[RUNTIME_METADATA]) === RUNTIME_LAYER,
      interception: interception === 'NONE' || interception === 'TPROXY' ? interception : 'REDIRECT',
      isProxyless: text(metadata['GENERATOR']) === 'grpc',
      isOurs: node.userAgentName === 'lateen',
      metadata: labelsOf(metadata),
      answersDns: /^(true|1)$/i.test(text(metadata['DNS_CAPTURE'])),
      workloadName: text(metadata['WORKLOAD_NAME']),
      ...machineClaim(metadata),
      ...ownConfig(labelsOf(metadata['ANNOTATIONS'])['proxy.istio.io/config']),
    },
  };
}

function machineClaim(metadata: JsonObject): { machine?: MachineClaim } {
  const [group, entry] = [text(metadata['AUTO_REGISTER_GROUP']), text(metadata['WORKLOAD_ENTRY'])];
  if (group === '' && entry === '') return {};
  const config = metadata['PROXY_CONFIG'];
  const isProbed = typeof config === 'object' && config !== null && !Array.isArray(config) && typeof config['readinessProbe'] === 'object';
  return { machine: { group, entry: group === '' ? entry : '', network: text(metadata['NETWORK']), isProbed } };
}

/** The rest is between the pod and its proxy. */
const ACTED_ON = ['gatewayTopology', 'proxyHeaders', 'tracing', 'proxyMetadata'] as const;

/** What is no configuration was told about when the pod was made. */
function ownConfig(yaml: string | undefined): { own?: ProxyDefaults } {
  if (yaml === undefined) return {};
  let value: unknown;
  try {
    value = parse(yaml);
  } catch {
    return {};
  }
  if (checkValue(ProxyDefaultsSchema.json, value, '', { unknownField: 'warning' }).some(isError)) return {};
  // The check above has shown its shape.
  const config = (value ?? {}) as ProxyDefaults;
  const own = Object.fromEntries(ACTED_ON.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]])));
  return Object.keys(own).length === 0 ? {} : { own };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function labelsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
