import type { Subset } from '../../api/destination-rule.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { Stored } from '../../kube/object.ts';
import { fullHost, isWildcard, mostSpecific } from './hosts.ts';
import type { MeshService, MeshSettings } from './model.ts';
import { originOf, type Origin } from './origin.ts';
import { exportedTo, isVisible, labelsMatch } from './visibility.ts';

/** What DestinationRules of one namespace say together about one host. */
export interface HostPolicy {
  readonly host: string;
  readonly namespace: string;
  /** The oldest of the objects; named in the clusters' metadata. */
  readonly name: string;
  /** All of the objects. */
  readonly origins: readonly Origin[];
  readonly exportTo: readonly string[];
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets: readonly Subset[];
  /** Only clients with these labels, of the same namespace. */
  readonly selector?: Readonly<Record<string, string>>;
}

export interface HostPolicyIndex {
  readonly byNamespace: ReadonlyMap<string, ReadonlyMap<string, readonly HostPolicy[]>>;
  /** Hosts with a star, by namespace. */
  readonly wildcards: ReadonlyMap<string, readonly string[]>;
}

/** Merges what can be merged: same namespace, host, audience and selector. Subsets are added up, the first of a name wins;
 * the oldest object with a trafficPolicy gives it. Istio: "Operations best practices", mergeDestinationRule.
 * @param keep gives back the policy of before when the content is the same */
export function indexHostPolicies(objects: readonly Stored<DestinationRule>[], settings: MeshSettings, keep: (key: string, policy: HostPolicy) => HostPolicy = (_key, policy) => policy): HostPolicyIndex {
  const byNamespace = new Map<string, Map<string, HostPolicy[]>>();
  const ordered = objects.toSorted((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const object of ordered) {
    const policy = hostPolicy(object, settings);
    const hosts = byNamespace.get(policy.namespace) ?? new Map<string, HostPolicy[]>();
    byNamespace.set(policy.namespace, hosts);
    const same = hosts.get(policy.host) ?? [];
    hosts.set(policy.host, same);
    const at = same.findIndex((other) => isSameAudience(other, policy));
    const known = same[at];
    if (known) same[at] = merge(known, policy);
    else same.push(policy);
  }
  for (const hosts of byNamespace.values()) for (const list of hosts.values()) list.forEach((policy, i) => void (list[i] = keep(`${policy.namespace} ${policy.host} ${i}`, policy)));
  const wildcards = new Map([...byNamespace].map(([namespace, hosts]) => [namespace, [...hosts.keys()].filter(isWildcard)] as const));
  return { byNamespace, wildcards };
}

function hostPolicy({ metadata, spec }: Stored<DestinationRule>, settings: MeshSettings): HostPolicy {
  const namespace = metadata.namespace ?? '';
  const labels = spec?.workloadSelector?.matchLabels;
  return {
    host: fullHost(spec?.host ?? '', namespace, settings.clusterDomain),
    namespace,
    name: metadata.name,
    origins: [originOf('DestinationRule', metadata)],
    exportTo: labels ? ['.'] : exportedTo(spec?.exportTo, settings.config.defaultDestinationRuleExportTo),
    trafficPolicy: spec?.trafficPolicy,
    subsets: spec?.subsets ?? [],
    selector: labels && Object.keys(labels).length > 0 ? labels : undefined,
  };
}

const isSameAudience = (a: HostPolicy, b: HostPolicy): boolean =>
  JSON.stringify([a.selector, a.exportTo.toSorted()]) === JSON.stringify([b.selector, b.exportTo.toSorted()]);

function merge(first: HostPolicy, second: HostPolicy): HostPolicy {
  const names = new Set(first.subsets.map((s) => s.name));
  const subsets = [...first.subsets, ...second.subsets.filter((s) => !names.has(s.name))];
  return { ...first, origins: [...first.origins, ...second.origins], trafficPolicy: first.trafficPolicy ?? second.trafficPolicy, subsets };
}

export interface PolicyClient {
  namespace: string;
  labels: Readonly<Record<string, string>>;
}

/** The policy of a client for a host: of its own namespace, then of the service's, then of the root namespace; in each the
 * most specific host. Istio: PushContext.destinationRule. */
export function findHostPolicy(index: HostPolicyIndex, client: PolicyClient, service: Pick<MeshService, 'host' | 'namespace'>, rootNamespace: string): HostPolicy | undefined {
  // What the root namespace says for the whole mesh comes last there too; what it keeps to itself comes first, as elsewhere.
  const own = client.namespace === rootNamespace ? findIn(index, client, { namespace: rootNamespace, host: service.host, isMine: true }) : undefined;
  if (own) return own;
  const order = client.namespace === rootNamespace ? [service.namespace, rootNamespace] : [client.namespace, service.namespace, rootNamespace];
  for (const namespace of new Set(order)) {
    const found = findIn(index, client, { namespace, host: service.host });
    if (found) return found;
  }
  return undefined;
}

interface Place {
  readonly namespace: string;
  readonly host: string;
  /** Only what is not for other namespaces. */
  readonly isMine?: boolean;
}

function findIn(index: HostPolicyIndex, client: PolicyClient, { namespace, host, isMine = false }: Place): HostPolicy | undefined {
  const hosts = index.byNamespace.get(namespace);
  if (!hosts) return undefined;
  const at = (name: string) => choose(isMine ? (hosts.get(name) ?? []).filter(isPrivate) : (hosts.get(name) ?? []), client);
  const exact = at(host);
  if (exact) return exact;
  const wildcards = index.wildcards.get(namespace) ?? [];
  if (wildcards.length === 0) return undefined;
  const pattern = mostSpecific(wildcards.filter((name) => at(name)), host);
  return pattern === undefined ? undefined : at(pattern);
}

const isPrivate = (policy: HostPolicy): boolean => policy.exportTo.every((to) => to === '.' || to === policy.namespace);

/** One made for just these clients wins over one for all. */
function choose(policies: readonly HostPolicy[], client: PolicyClient): HostPolicy | undefined {
  const visible = policies.filter((p) => isVisible(p.exportTo, p.namespace, client.namespace));
  return visible.find((p) => p.selector && labelsMatch(p.selector, client.labels)) ?? visible.find((p) => !p.selector);
}
