import type { ConnectionPool } from '../../api/common/connection-pool.ts';
import type { ConsistentHash, LoadBalancer } from '../../api/common/load-balancer.ts';
import type { OutlierDetection } from '../../api/common/traffic-policy.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { parseDuration } from '../../base/duration.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, type ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { UpstreamCodecSchema } from '../../xds/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { EffectivePolicy } from './effective-policy.ts';
import type { HttpFilterInit } from './http-filters.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';

type ClusterInit = Init<typeof ClusterSchema>;

const UNLIMITED = 4_294_967_295;

/** Which HTTP version goes upstream; `same` follows the downstream request. */
export type UpstreamHttp = 'http1' | 'http2' | 'same' | 'none';

/** Limits, balancing, ejection and timeouts of a cluster. Defaults are Istio's: LEAST_REQUEST, 10 s to connect, no limits.
 * @param filters that each request passes on its way to a host, retries too */
export function clusterPolicy(policy: EffectivePolicy, http: UpstreamHttp, mesh: MeshConfig, filters: readonly HttpFilterInit[] = []): ClusterInit {
  const { connectionPool, loadBalancer, outlierDetection } = policy;
  return {
    connectTimeout: durationOf(connectionPool?.tcp?.connectTimeout) ?? durationOf(mesh.connectTimeout) ?? durationMs(10_000),
    circuitBreakers: { thresholds: [thresholds(connectionPool)] },
    ...keepalive(connectionPool, mesh),
    ...protocolOptions(connectionPool, http, filters),
    ...balancing(loadBalancer),
    ...ejection(outlierDetection),
    commonLbConfig: {
      ...(outlierDetection ? { healthyPanicThreshold: { value: outlierDetection.minHealthPercent ?? 0 } } : {}),
      ...(distributes(loadBalancer, mesh) ? { localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } } : {}),
    },
  };
}

function thresholds(pool: ConnectionPool | undefined): NonNullable<NonNullable<ClusterInit['circuitBreakers']>['thresholds']>[number] {
  return {
    maxConnections: positive(pool?.tcp?.maxConnections) ?? UNLIMITED,
    maxPendingRequests: positive(pool?.http?.http1MaxPendingRequests) ?? UNLIMITED,
    maxRequests: positive(pool?.http?.http2MaxRequests) ?? UNLIMITED,
    maxRetries: positive(pool?.http?.maxRetries) ?? UNLIMITED,
    trackRemaining: true,
  };
}

const positive = (value: number | undefined): number | undefined => (value !== undefined && value > 0 ? value : undefined);

function keepalive(pool: ConnectionPool | undefined, mesh: MeshConfig): ClusterInit {
  const settings = pool?.tcp?.tcpKeepalive ?? mesh.tcpKeepalive;
  if (!settings) return {};
  const seconds = (text: string | undefined) => (text === undefined ? undefined : Math.round((parseDuration(text) ?? 0) / 1000));
  return { upstreamConnectionOptions: { tcpKeepalive: { keepaliveProbes: settings.probes, keepaliveTime: seconds(settings.time), keepaliveInterval: seconds(settings.interval) } } };
}

function protocolOptions(pool: ConnectionPool | undefined, http: UpstreamHttp, filters: readonly HttpFilterInit[]): ClusterInit {
  const settings = pool?.http;
  const upgrades = http === 'http1' && settings?.h2UpgradePolicy === 'UPGRADE';
  const kind = settings?.useClientProtocol === true && http !== 'none' ? 'same' : upgrades ? 'http2' : http;
  const common = {
    idleTimeout: durationOf(settings?.idleTimeout) ?? (http === 'none' ? durationOf(pool?.tcp?.idleTimeout) : undefined),
    maxRequestsPerConnection: positive(settings?.maxRequestsPerConnection),
    maxConnectionDuration: durationOf(pool?.tcp?.maxConnectionDuration),
  };
  const isPlain = filters.length === 0 && Object.values(common).every((v) => v === undefined);
  if ((kind === 'http1' || kind === 'none') && isPlain) return {};
  const ping = settings?.http2KeepAlive;
  const http2 = {
    maxConcurrentStreams: positive(settings?.maxConcurrentStreams),
    ...(ping ? { connectionKeepalive: { interval: durationOf(ping.interval), timeout: durationOf(ping.timeout) ?? durationMs(20_000) } } : {}),
  };
  const options = pack(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: common,
    httpFilters: filters.length === 0 ? [] : [...filters, codec()],
    upstreamProtocolOptions:
      kind === 'same'
        ? { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } }
        : {
            case: 'explicitHttpConfig',
            value: { protocolConfig: kind === 'http2' ? { case: 'http2ProtocolOptions', value: http2 } : { case: 'httpProtocolOptions', value: {} } },
          },
  });
  return { typedExtensionProtocolOptions: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options } };
}

/** Stands at the end of a cluster's filters. */
const codec = (): HttpFilterInit => ({ name: 'envoy.filters.http.upstream_codec', configType: { case: 'typedConfig', value: pack(UpstreamCodecSchema) } });

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
  const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1024;
  return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(size) } } };
}

/** Nothing is ejected without the block. Success-rate ejection, which Envoy has on, is off as in Istio. */
function ejection(settings: OutlierDetection | undefined): ClusterInit {
  if (!settings) return {};
  const gateway = settings.consecutiveGatewayErrors ?? undefined;
  const fives = settings.consecutive5xxErrors ?? settings.consecutiveErrors;
  const local = settings.consecutiveLocalOriginFailures ?? undefined;
  const enforced = (count: number) => (count > 0 ? 100 : 0);
  return {
    outlierDetection: {
      enforcingSuccessRate: 0,
      ...(fives !== undefined && fives !== null ? { ...(fives > 0 ? { consecutive5xx: fives } : {}), enforcingConsecutive5xx: enforced(fives) } : {}),
      ...(gateway !== undefined ? { ...(gateway > 0 ? { consecutiveGatewayFailure: gateway } : {}), enforcingConsecutiveGatewayFailure: enforced(gateway) } : {}),
      ...(settings.splitExternalLocalOriginErrors ? { splitExternalLocalOriginErrors: true } : {}),
      ...(settings.splitExternalLocalOriginErrors && local ? { consecutiveLocalOriginFailure: local, enforcingConsecutiveLocalOriginFailure: 100, enforcingLocalOriginSuccessRate: 0 } : {}),
      interval: durationOf(settings.interval),
      baseEjectionTime: durationOf(settings.baseEjectionTime),
      maxEjectionPercent: positive(settings.maxEjectionPercent),
    },
  };
}

function distributes(settings: LoadBalancer | undefined, mesh: MeshConfig): boolean {
  const locality = settings?.localityLbSetting ?? mesh.localityLbSetting;
  return locality.enabled !== false && (locality.distribute?.length ?? 0) > 0;
}
