/** What a policy makes of a cluster: balancing, ejection, limits. Defaults are Istio's: LEAST_REQUEST, 10 s to connect, no limits. */
import type { ConsistentHash, LoadBalancer, LocalityLb } from '../../api/common/load-balancer.ts';
import type { OutlierDetection } from '../../api/common/traffic-policy.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, type ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { EffectivePolicy } from './effective-policy.ts';
import type { HeaderCase } from './header-case.ts';
import type { HttpFilterInit } from './http-filters.ts';
import { localitySetting } from './locality.ts';
import { durationMs, durationOf, type Init } from './message.ts';
import { outlierMonitors } from './outlier-monitors.ts';
import { httpOptions, keepalive, thresholds, type UpstreamHttp } from './upstream-http.ts';

type ClusterInit = Init<typeof ClusterSchema>;

export interface PolicySubject {
  readonly http: UpstreamHttp;
  /** That each request passes on its way to a host, retries too. */
  readonly filters: readonly HttpFilterInit[];
  readonly mesh: MeshConfig;
  readonly headerCase?: HeaderCase;
}

export function clusterPolicy(policy: EffectivePolicy, { http, filters, mesh, headerCase }: PolicySubject): ClusterInit {
  const { connectionPool, loadBalancer, outlierDetection, retryBudget, tls } = policy;
  const originated = tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL' ? tls : undefined;
  return {
    connectTimeout: durationOf(connectionPool?.tcp?.connectTimeout) ?? durationOf(mesh.connectTimeout) ?? durationMs(10_000),
    ...thresholds(connectionPool, retryBudget),
    ...keepalive(connectionPool, mesh),
    ...httpOptions({ http, pool: connectionPool, originated, filters, headerCase }),
    ...balancing(loadBalancer),
    ...ejection(outlierDetection),
    commonLbConfig: {
      ...(outlierDetection ? { healthyPanicThreshold: { value: outlierDetection.minHealthPercent ?? 0 } } : {}),
      ...(hasLocalityWeights(localitySetting(policy, mesh), outlierDetection !== undefined) ? { localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } } : {}),
    },
  };
}

function balancing(settings: LoadBalancer | undefined): ClusterInit {
  if (settings?.consistentHash) return hashing(settings.consistentHash);
  const slowStart = warmup(settings);
  switch (settings?.simple) {
    case 'RANDOM':
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case 'ROUND_ROBIN':
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN, ...(slowStart ? { lbConfig: { case: 'roundRobinLbConfig', value: { slowStartConfig: slowStart } } } : {}) };
    case 'PASSTHROUGH':
      return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    default:
      return { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST, ...(slowStart ? { lbConfig: { case: 'leastRequestLbConfig', value: { slowStartConfig: slowStart } } } : {}) };
  }
}

function warmup(settings: LoadBalancer | undefined) {
  const window = settings?.warmup?.duration ?? settings?.warmupDurationSecs;
  if (window === undefined) return undefined;
  return {
    slowStartWindow: durationOf(window),
    minWeightPercent: { value: settings?.warmup?.minimumPercent ?? 10 },
    ...(settings?.warmup?.aggression ? { aggression: { defaultValue: settings.warmup.aggression, runtimeKey: 'upstream.slow_start.aggression' } } : {}),
  };
}

function hashing(hash: ConsistentHash): ClusterInit {
  if (hash.maglev) {
    return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: 'maglevLbConfig', value: hash.maglev.tableSize ? { tableSize: BigInt(hash.maglev.tableSize) } : {} } };
  }
  const size = hash.ringHash?.minimumRingSize || hash.minimumRingSize || 1024;
  return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(size) } } };
}

/** Nothing is ejected without the block. Success-rate ejection, which Envoy has on, is off as in Istio. */
function ejection(settings: OutlierDetection | undefined): ClusterInit {
  if (!settings) return {};
  const gateway = settings.consecutiveGatewayErrors ?? undefined;
  const fives = settings.consecutive5xxErrors ?? settings.consecutiveErrors ?? undefined;
  const local = settings.consecutiveLocalOriginFailures ?? undefined;
  const enforced = (count: number) => (count > 0 ? 100 : 0);
  const monitors = outlierMonitors(settings);
  return {
    outlierDetection: {
      enforcingSuccessRate: 0,
      ...(fives === undefined ? {} : { ...(fives > 0 ? { consecutive5xx: fives } : {}), enforcingConsecutive5xx: enforced(fives) }),
      ...(gateway === undefined ? {} : { ...(gateway > 0 ? { consecutiveGatewayFailure: gateway } : {}), enforcingConsecutiveGatewayFailure: enforced(gateway) }),
      ...(settings.splitExternalLocalOriginErrors ? { splitExternalLocalOriginErrors: true, enforcingLocalOriginSuccessRate: 0 } : {}),
      ...(settings.splitExternalLocalOriginErrors && local ? { consecutiveLocalOriginFailure: local, enforcingConsecutiveLocalOriginFailure: 100 } : {}),
      interval: durationOf(settings.interval),
      baseEjectionTime: durationOf(settings.baseEjectionTime),
      maxEjectionPercent: settings.maxEjectionPercent !== undefined && settings.maxEjectionPercent > 0 ? settings.maxEjectionPercent : undefined,
      // The listed codes stand in the place of 5xx.
      ...(monitors.length > 0 ? { monitors, enforcingConsecutive5xx: 0 } : {}),
    },
  };
}

/** Shares of localities count when somebody gave them, or when failing ones have to give up traffic. Istio: applyLocalityLoadBalancer. */
function hasLocalityWeights(setting: LocalityLb | undefined, hasFailover: boolean): boolean {
  if (!setting) return false;
  return (setting.distribute?.length ?? 0) > 0 || (hasFailover && ((setting.failover?.length ?? 0) > 0 || (setting.failoverPriority?.length ?? 0) > 0));
}
