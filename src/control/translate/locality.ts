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
  readonly proxy: { readonly locality: Locality };
  readonly labels: Readonly<Record<string, string>>;
}

export function priorities(endpoints: readonly Endpoint[], client: Client, policy: { effective: EffectivePolicy; mesh: MeshConfig }): EndpointGroup[] {
  const settings = policy.effective.loadBalancer?.localityLbSetting ?? policy.mesh.localityLbSetting;
  const isOn = settings.enabled !== false;
  const shares = isOn ? distribution(settings, client.proxy.locality) : undefined;
  if (shares) return distributed(endpoints, shares);
  const hasFailover = isOn && policy.effective.outlierDetection !== undefined && client.proxy.locality.region !== '';
  const rank = hasFailover ? ranking(settings, client) : () => 0;
  const groups = Map.groupBy(endpoints, (e) => `${String(rank(e)).padStart(3, '0')}|${localityText(e.locality)}`);
  const used = [...new Set([...groups.keys()].map((k) => Number(k.split('|')[0])))].sort((a, b) => a - b);
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, list]) => ({
    locality: list[0]?.locality ?? client.proxy.locality,
    priority: used.indexOf(Number(key.split('|')[0])),
    weight: list.reduce((sum, e) => sum + (e.weight > 0 ? e.weight : 1), 0),
    endpoints: list,
  }));
}

export const localityText = (l: Locality): string => [l.region, l.zone, l.subzone].filter((part) => part !== '').join('/');

/** 0 is nearest. Same subzone, zone, region, then the failover region, then the rest. */
function ranking(settings: LocalityLb, client: Client): (endpoint: Endpoint) => number {
  const { failoverPriority = [], failover = [] } = settings;
  if (failoverPriority.length > 0) return (endpoint) => labelRank(failoverPriority, client.labels, endpoint.labels);
  const own = client.proxy.locality;
  const next = failover.find((f) => f.from === own.region)?.to;
  return ({ locality }) => {
    if (locality.region !== own.region) return next === undefined || locality.region === next ? 3 : 4;
    if (locality.zone !== own.zone) return 2;
    return locality.subzone === own.subzone ? 0 : 1;
  };
}

/** The more of the labels agree, in order from the first, the nearer. A label may name its value: `key=value`. */
function labelRank(keys: readonly string[], own: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): number {
  const same = keys.findIndex((text) => {
    const [key = '', value] = text.split('=');
    return (value ?? own[key]) !== other[key];
  });
  return same < 0 ? 0 : keys.length - same;
}

function distribution(settings: LocalityLb, own: Locality): Record<string, number> | undefined {
  return settings.distribute?.find((d) => d.from !== undefined && covers(d.from, own))?.to;
}

/** `region/zone/*`, `region/*`, `*`. */
function covers(pattern: string, locality: Locality): boolean {
  const parts = pattern.split('/');
  const own = [locality.region, locality.zone, locality.subzone];
  return parts.every((part, i) => part === '*' || part === own[i]);
}

/** A share is divided among the localities that its pattern covers by their number of endpoints. Others get nothing. */
function distributed(endpoints: readonly Endpoint[], shares: Readonly<Record<string, number>>): EndpointGroup[] {
  const groups = Map.groupBy(endpoints, (e) => localityText(e.locality));
  const taken = new Set<string>();
  return Object.entries(shares).flatMap(([pattern, share]) => {
    const matched = [...groups].filter(([key, list]) => !taken.has(key) && list[0] !== undefined && covers(pattern, list[0].locality));
    const total = matched.reduce((sum, [, list]) => sum + list.length, 0);
    return matched.flatMap(([key, list]) => {
      taken.add(key);
      const [first] = list;
      if (!first || share === 0) return [];
      return [{ locality: first.locality, priority: 0, weight: Math.max(1, Math.round((share * list.length) / total)), endpoints: list }];
    });
  });
}
