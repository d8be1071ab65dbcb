/** Which endpoints a client prefers. Without outlier detection all localities are equal: a proxy must be able to see that
 * the near ones fail before others are held back. With it, and locality load balancing on (the default), endpoints get a
 * priority by how much of region/zone/subzone they share with the client, or by `failoverPriority` labels; `failover` moves
 * a region to the front of the far ones. `distribute` gives weights instead. Istio: loadbalancer.ApplyLocalityLoadBalancer. */
import type { LocalityLb } from '../../api/common/load-balancer.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import type { Endpoint, Locality } from '../registry/model.ts';
import type { EffectivePolicy } from './effective-policy.ts';

export interface EndpointGroup {
  readonly locality: Locality;
  readonly priority: number;
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

interface Client {
  readonly proxy: { readonly locality: Locality; readonly clusterId: string };
  readonly labels: Readonly<Record<string, string>>;
}

/** The policy's own setting, else the mesh's; undefined when it is switched off. */
export function localitySetting(policy: EffectivePolicy, mesh: MeshConfig): LocalityLb | undefined {
  const setting = policy.loadBalancer?.localityLbSetting ?? mesh.localityLbSetting;
  return setting.enabled === false ? undefined : setting;
}

/** Of a service that prefers the near, where no DestinationRule says otherwise. */
const NEAR: LocalityLb = { failoverPriority: ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'] };

interface Policy {
  readonly effective: EffectivePolicy;
  readonly mesh: MeshConfig;
  readonly prefersNear: boolean;
}

export function priorities(endpoints: readonly Endpoint[], client: Client, policy: Policy): EndpointGroup[] {
  if (policy.prefersNear && policy.effective.loadBalancer?.localityLbSetting === undefined) return grouped(endpoints, ranking(NEAR, client));
  const settings = localitySetting(policy.effective, policy.mesh);
  if (settings?.distribute && settings.distribute.length > 0) {
    const shares = settings.distribute.find((d) => d.from !== undefined && covers(d.from, client.proxy.locality))?.to;
    return shares ? distributed(endpoints, shares) : grouped(endpoints, () => 0);
  }
  return grouped(endpoints, settings && policy.effective.outlierDetection !== undefined ? ranking(settings, client) : () => 0);
}

const weightOf = (endpoints: readonly Endpoint[]): number => endpoints.reduce((sum, e) => sum + (e.weight > 0 ? e.weight : 1), 0);

/** By rank and locality; ranks become priorities without gaps. */
function grouped(endpoints: readonly Endpoint[], rank: (endpoint: Endpoint) => number): EndpointGroup[] {
  const groups = Map.groupBy(endpoints, (e) => `${String(rank(e)).padStart(4, '0')}|${localityText(e.locality)}`);
  const used = [...new Set([...groups.keys()].map((k) => Number(k.split('|')[0])))].sort((a, b) => a - b);
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([key, list]) => {
    const [first] = list;
    return first ? [{ locality: first.locality, priority: used.indexOf(Number(key.split('|')[0])), weight: weightOf(list), endpoints: list }] : [];
  });
}

export const localityText = (l: Locality): string => [l.region, l.zone, l.subzone].filter((part) => part !== '').join('/');

/** 0 is nearest. Labels decide first when they are given, then places when `failover` is given or labels are not. */
function ranking(settings: LocalityLb, client: Client): (endpoint: Endpoint) => number {
  const { failoverPriority = [], failover = [] } = settings;
  if (failoverPriority.length === 0) return (endpoint) => placeRank(failover, client.proxy.locality, endpoint.locality);
  const byLabels = (endpoint: Endpoint) => labelRank(failoverPriority, client, endpoint);
  return failover.length === 0 ? byLabels : (endpoint) => byLabels(endpoint) * 5 + placeRank(failover, client.proxy.locality, endpoint.locality);
}

/** Same subzone, zone, region, then the failover region, then the rest. */
function placeRank(failover: NonNullable<LocalityLb['failover']>, own: Locality, other: Locality): number {
  const next = failover.find((f) => f.from === own.region)?.to;
  if (other.region !== own.region) return next === undefined || other.region === next ? 3 : 4;
  if (other.zone !== own.zone) return 2;
  return other.subzone === own.subzone ? 0 : 1;
}

/** The more of the labels agree, in order from the first, the nearer. A label may name its value: `key=value`. */
function labelRank(keys: readonly string[], client: Client, endpoint: Endpoint): number {
  const { locality, clusterId } = client.proxy;
  const differs = keys.findIndex((text) => {
    const [key = '', value] = text.split('=');
    return (value ?? labelOf(key, { labels: client.labels, locality, clusterId })) !== labelOf(key, { labels: endpoint.labels, locality: endpoint.locality, clusterId });
  });
  return differs < 0 ? 0 : keys.length - differs;
}

/** Where a workload runs counts as labels of it. */
function labelOf(key: string, of: { labels: Readonly<Record<string, string>>; locality: Locality; clusterId: string }): string {
  switch (key) {
    case 'topology.kubernetes.io/region':
      return of.locality.region;
    case 'topology.kubernetes.io/zone':
      return of.locality.zone;
    case 'topology.istio.io/subzone':
      return of.locality.subzone;
    case 'topology.istio.io/cluster':
      return of.clusterId;
    default:
      return of.labels[key] ?? '';
  }
}

/** `region/zone/*`, `region/*`, `*`. */
function covers(pattern: string, locality: Locality): boolean {
  const parts = pattern.split('/');
  const own = [locality.region, locality.zone, locality.subzone];
  return parts.every((part, i) => part === '*' || part === own[i]);
}

/** A share is divided among the localities that its pattern covers by the weight of their endpoints. Others get nothing. */
function distributed(endpoints: readonly Endpoint[], shares: Readonly<Record<string, number>>): EndpointGroup[] {
  const groups = Map.groupBy(endpoints, (e) => localityText(e.locality));
  const taken = new Set<string>();
  return Object.entries(shares).flatMap(([pattern, share]) => {
    const matched = [...groups].filter(([key, list]) => !taken.has(key) && list[0] !== undefined && covers(pattern, list[0].locality));
    const total = matched.reduce((sum, [, list]) => sum + weightOf(list), 0);
    return matched.flatMap(([key, list]) => {
      taken.add(key);
      const [first] = list;
      if (!first || share === 0) return [];
      return [{ locality: first.locality, priority: 0, weight: Math.ceil((share * weightOf(list)) / total), endpoints: list }];
    });
  });
}
