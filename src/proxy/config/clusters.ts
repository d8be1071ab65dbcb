/** Envoy `Cluster` and `ClusterLoadAssignment` → settings. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { TransportSocket } from './address.ts';
import type { Cluster, Cluster_SlowStartConfig } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { OutlierDetection } from '../../xds/generated/envoy/config/cluster/v3/outlier_detection_pb.js';
import type { ClusterLoadAssignment } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ConfigError } from '../errors.ts';
import { compileTls } from '../net/tls-settings.ts';
import type { Destination } from '../outcome.ts';
import { durationMs } from '../route/numbers.ts';
import type { BalancerPolicy } from '../upstream/balancers.ts';
import { type BreakerLimits, DEFAULT_LIMITS } from '../upstream/breakers.ts';
import { type HostConfig, NO_LOCALITY } from '../upstream/host.ts';
import type { CodeMonitor, OutlierSettings } from '../upstream/outlier.ts';
import type { SlowStart } from '../upstream/slow-start.ts';
import type { TcpKeepalive } from '../upstream/transport.ts';
import type { ClusterSettings, Discovery, TransportSettings } from '../upstream/settings.ts';
import { socketAddress } from './address.ts';
import { messageType, unpack } from './decode.ts';
import { compileHttp2Options } from './http2-options.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_IDLE_MS = 3_600_000;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export function compileCluster(message: Cluster): ClusterSettings {
  if (message.name === '') throw new ConfigError('cluster without a name');
  const http = compileHttpOptions(message);
  return {
    name: message.name,
    discovery: compileDiscovery(message),
    endpoints: message.loadAssignment ? compileEndpoints(message.loadAssignment).hosts : [],
    policy: compilePolicy(message),
    panicThreshold: Math.round(message.commonLbConfig?.healthyPanicThreshold?.value ?? 50),
    localityWeighted: message.commonLbConfig?.localityConfigSpecifier.case === 'localityWeightedLbConfig',
    overprovisioning: message.loadAssignment?.policy?.overprovisioningFactor,
    connectTimeoutMs: durationMs(message.connectTimeout) ?? DEFAULT_CONNECT_TIMEOUT_MS,
    limits: compileLimits(message),
    outlier: message.outlierDetection && compileOutlier(message.outlierDetection),
    ...http,
    keepalive: compileKeepalive(message),
    bindFrom: message.upstreamBindConfig?.sourceAddress?.address,
    transport: compileTransport(message.transportSocket),
    transportMatches: message.transportSocketMatches.map((entry) => ({ name: entry.name, match: entry.match ?? {}, transport: compileTransport(entry.transportSocket) })),
    destination: compileDestination(message),
  };
}

function compileDiscovery(message: Cluster): Discovery {
  const { clusterDiscoveryType: type } = message;
  if (type.case === 'clusterType' && type.value.name === 'envoy.clusters.dynamic_forward_proxy') return { kind: 'named', family: namedFamily(type.value.typedConfig) };
  if (type.case === 'clusterType') throw new ConfigError(`cluster_type ${type.value.name} is not supported`);
  switch (type.value ?? 0) {
    case 0:
      return { kind: 'static' };
    case 1:
    case 2: {
      const family = message.dnsLookupFamily === 1 ? 4 : message.dnsLookupFamily === 2 ? 6 : 0;
      return { kind: 'dns', strict: type.value === 1, refreshMs: durationMs(message.dnsRefreshRate) ?? 5000, family };
    }
    case 3:
      return { kind: 'eds', service: message.edsClusterConfig?.serviceName || message.name };
    case 4: {
      const config = message.lbConfig.case === 'originalDstLbConfig' ? message.lbConfig.value : undefined;
      return { kind: 'original-dst', useHeader: config?.useHttpHeader ?? false, headerName: (config?.httpHeaderName || 'x-envoy-original-dst-host').toLowerCase(), portOverride: config?.upstreamPortOverride ?? 0 };
    }
    default:
      throw new ConfigError(`type ${type.value} is not supported`);
  }
}

function namedFamily(config: Any | undefined): 0 | 4 | 6 {
  const { clusterImplementationSpecifier: by } = unpack('dynamicCluster', config);
  if (by.case !== 'dnsCacheConfig') throw new ConfigError('dynamic_forward_proxy: dns_cache_config is needed');
  return by.value.dnsLookupFamily === 1 ? 4 : by.value.dnsLookupFamily === 2 ? 6 : 0;
}

function compilePolicy(message: Cluster): BalancerPolicy {
  const { lbConfig } = message;
  const byHostname = message.commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing ?? false;
  switch (message.lbPolicy as number) {
    case 0:
      return { kind: 'round-robin', slowStart: lbConfig.case === 'roundRobinLbConfig' ? compileSlowStart(lbConfig.value.slowStartConfig) : undefined };
    case 1: {
      const config = lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value : undefined;
      return { kind: 'least-request', choices: config?.choiceCount ?? 2, bias: config?.activeRequestBias?.defaultValue ?? 1, slowStart: compileSlowStart(config?.slowStartConfig) };
    }
    case 2: {
      const ring = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
      return { kind: 'ring-hash', minimumSize: Number(ring?.minimumRingSize ?? 1024n), maximumSize: Number(ring?.maximumRingSize ?? 8_388_608n), byHostname };
    }
    case 3:
      return { kind: 'random' };
    case 5:
      return { kind: 'maglev', tableSize: Number((lbConfig.case === 'maglevLbConfig' ? lbConfig.value.tableSize : undefined) ?? 65_537n), byHostname };
    case 6:
      return { kind: 'round-robin' };
    case 7:
      return extensionPolicy(message);
    default:
      throw new ConfigError(`lb_policy ${message.lbPolicy} is not supported`);
  }
}

function compileSlowStart(message: Cluster_SlowStartConfig | undefined): SlowStart | undefined {
  const windowMs = durationMs(message?.slowStartWindow) ?? 0;
  if (windowMs <= 0) return undefined;
  const aggression = message?.aggression?.defaultValue ?? 1;
  return { windowMs, aggression: aggression > 0 ? aggression : 1, minimum: (message?.minWeightPercent?.value ?? 10) / 100 };
}

const EXTENSION_POLICIES: Readonly<Record<string, BalancerPolicy>> = {
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': { kind: 'round-robin' },
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': { kind: 'least-request', choices: 2, bias: 1 },
  'envoy.extensions.load_balancing_policies.random.v3.Random': { kind: 'random' },
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': { kind: 'maglev', tableSize: 65_537, byHostname: false },
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': { kind: 'ring-hash', minimumSize: 1024, maximumSize: 8_388_608, byHostname: false },
};

/** The first policy that is known, as Envoy chooses; their own settings keep the defaults. */
function extensionPolicy(message: Cluster): BalancerPolicy {
  for (const { typedExtensionConfig } of message.loadBalancingPolicy?.policies ?? []) {
    const known = typedExtensionConfig?.typedConfig && EXTENSION_POLICIES[messageType(typedExtensionConfig.typedConfig)];
    if (known) return known;
  }
  throw new ConfigError('load_balancing_policy: none of the policies is supported');
}

function compileKeepalive(message: Cluster): TcpKeepalive | undefined {
  const settings = message.upstreamConnectionOptions?.tcpKeepalive;
  return settings && { probes: settings.keepaliveProbes, timeS: settings.keepaliveTime, intervalS: settings.keepaliveInterval };
}

function compileLimits(message: Cluster): BreakerLimits {
  const thresholds = message.circuitBreakers?.thresholds.find((entry) => (entry.priority as number) === 0);
  const budget = thresholds?.retryBudget;
  return {
    maxConnections: thresholds?.maxConnections ?? DEFAULT_LIMITS.maxConnections,
    maxPending: thresholds?.maxPendingRequests ?? DEFAULT_LIMITS.maxPending,
    maxRequests: thresholds?.maxRequests ?? DEFAULT_LIMITS.maxRequests,
    maxRetries: thresholds?.maxRetries ?? DEFAULT_LIMITS.maxRetries,
    retryBudget: budget && { share: (budget.budgetPercent?.value ?? 20) / 100, minimum: budget.minRetryConcurrency ?? 3 },
  };
}

/** Envoy's defaults where a field is absent. */
function compileOutlier(message: OutlierDetection): OutlierSettings {
  const share = (percent: number | undefined, absent: number) => (percent ?? absent) / 100;
  const minimumHosts = message.successRateMinimumHosts ?? 5;
  const enforcingRate = share(message.enforcingSuccessRate, 100);
  const enforcingFailure = share(message.enforcingFailurePercentage, 0);
  return {
    consecutive5xx: message.consecutive5xx ?? 5,
    enforcing5xx: share(message.enforcingConsecutive5xx, 100),
    consecutiveGateway: message.consecutiveGatewayFailure ?? 5,
    enforcingGateway: share(message.enforcingConsecutiveGatewayFailure, 0),
    splitLocal: message.splitExternalLocalOriginErrors,
    consecutiveLocal: message.consecutiveLocalOriginFailure ?? 5,
    enforcingLocal: share(message.enforcingConsecutiveLocalOriginFailure, 100),
    intervalMs: durationMs(message.interval) ?? 10_000,
    baseEjectionMs: durationMs(message.baseEjectionTime) ?? 30_000,
    maxEjectionMs: durationMs(message.maxEjectionTime) ?? 300_000,
    maxEjectionPercent: message.maxEjectionPercent ?? 10,
    alwaysEjectOne: message.alwaysEjectOneHost ?? false,
    monitors: message.monitors.map(({ typedConfig }) => compileMonitor(typedConfig)),
    successRate: enforcingRate > 0 ? { minimumHosts, requestVolume: message.successRateRequestVolume ?? 100, stdevFactor: message.successRateStdevFactor ?? 1900, enforcing: enforcingRate } : undefined,
    failurePercentage:
      enforcingFailure > 0
        ? { threshold: message.failurePercentageThreshold ?? 85, minimumHosts: message.failurePercentageMinimumHosts ?? 5, requestVolume: message.failurePercentageRequestVolume ?? 50, enforcing: enforcingFailure }
        : undefined,
  };
}

function compileMonitor(any: Any | undefined): CodeMonitor {
  const { threshold, enforcing, errorBuckets } = unpack('consecutiveErrors', any);
  return { threshold: threshold ?? 3, enforcing: (enforcing ?? 100) / 100, ranges: (errorBuckets?.httpErrors ?? []).map(({ range }) => [range?.start ?? 0, range?.end ?? 0] as const) };
}

type HttpFields = Pick<ClusterSettings, 'protocol' | 'lifetime' | 'serverName'>;

function compileHttpOptions(message: Cluster): HttpFields {
  const any = message.typedExtensionProtocolOptions[HTTP_OPTIONS];
  const options = any && unpack('httpProtocolOptions', any);
  const common = options?.commonHttpProtocolOptions ?? message.commonHttpProtocolOptions;
  const choice = options?.upstreamProtocolOptions;
  let protocol: ClusterSettings['protocol'] = message.http2ProtocolOptions ? 'http2' : 'http1';
  let http2 = message.http2ProtocolOptions;
  let http1 = message.httpProtocolOptions;
  if (choice?.case === 'explicitHttpConfig') {
    const config = choice.value.protocolConfig;
    if (config.case === 'http3ProtocolOptions') throw new ConfigError('http3_protocol_options is not supported');
    protocol = config.case === 'http2ProtocolOptions' ? 'http2' : 'http1';
    if (config.case === 'http2ProtocolOptions') http2 = config.value;
    if (config.case === 'httpProtocolOptions') http1 = config.value;
  } else if (choice?.case === 'useDownstreamProtocolConfig') {
    protocol = 'downstream';
    http2 = choice.value.http2ProtocolOptions;
    http1 = choice.value.httpProtocolOptions;
  } else if (choice?.case === 'autoConfig') {
    protocol = 'alpn';
    http2 = choice.value.http2ProtocolOptions;
    http1 = choice.value.httpProtocolOptions;
  } else if ((message.protocolSelection as number) === 1) {
    protocol = 'downstream';
  }
  const names = options?.upstreamHttpProtocolOptions ?? message.upstreamHttpProtocolOptions;
  const pingMs = durationMs(http2?.connectionKeepalive?.interval) ?? 0;
  const limits = compileHttp2Options(http2);
  return {
    protocol,
    serverName: names?.autoSni ? { verify: names.autoSanValidation } : undefined,
    lifetime: {
      maxRequests: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
      idleTimeoutMs: durationMs(common?.idleTimeout) ?? DEFAULT_IDLE_MS,
      maxAgeMs: durationMs(common?.maxConnectionDuration) ?? 0,
      trailers: http1?.enableTrailers ?? false,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      http2Limits: limits.limits,
      maxHeaders: common?.maxHeadersCount,
      ping: pingMs > 0 ? { intervalMs: pingMs, timeoutMs: durationMs(http2?.connectionKeepalive?.timeout) ?? 0 } : undefined,
    },
  };
}

function compileTransport(socket: TransportSocket | undefined): TransportSettings {
  if (socket === undefined || socket.configType.case === undefined) {
    if (socket && !socket.name.endsWith('raw_buffer')) throw new ConfigError(`transport_socket ${socket.name} has no typed_config`);
    return {};
  }
  const any = socket.configType.value;
  switch (messageType(any)) {
    case 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer':
      return {};
    case 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': {
      const tls = unpack('upstreamTls', any);
      return { tls: { ...compileTls(tls.commonTlsContext), sni: tls.sni } };
    }
    case 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': {
      const outer = unpack('upstreamProxyProtocol', any);
      return { ...compileTransport(outer.transportSocket), announce: (outer.config?.version as number | undefined) === 1 ? 'V2' : 'V1' };
    }
    default:
      throw new ConfigError(`transport_socket ${socket.name} (${messageType(any)}) is not supported`);
  }
}

/** Istio: cluster metadata `istio.services[0]`. */
function compileDestination(message: Cluster): Destination {
  const services = message.metadata?.filterMetadata['istio']?.['services'];
  const service = Array.isArray(services) ? services[0] : undefined;
  const field = (name: string): string | undefined => {
    const value = typeof service === 'object' && service !== null && !Array.isArray(service) ? service[name] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return { cluster: message.name, serviceHost: field('host'), serviceName: field('name'), serviceNamespace: field('namespace'), metadata: message.metadata?.filterMetadata };
}

/** `HealthStatus` of EDS → ours. */
const HEALTH: readonly HostConfig['health'][] = ['HEALTHY', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'UNHEALTHY', 'DEGRADED'];

export interface CompiledEndpoints {
  readonly service: string;
  readonly hosts: readonly HostConfig[];
  /** Percent. */
  readonly overprovisioning?: number;
}

export function compileEndpoints(message: ClusterLoadAssignment): CompiledEndpoints {
  const hosts: HostConfig[] = [];
  for (const group of message.endpoints) {
    if (group.lbConfig.case === 'ledsClusterLocalityConfig') throw new ConfigError(`${message.clusterName}: LEDS is not supported`);
    const endpoints = group.lbConfig.case === 'loadBalancerEndpoints' ? group.lbConfig.value.lbEndpoints : group.lbEndpoints;
    const locality = group.locality ? { region: group.locality.region, zone: group.locality.zone, subZone: group.locality.subZone } : NO_LOCALITY;
    for (const endpoint of endpoints) {
      if (endpoint.hostIdentifier.case !== 'endpoint') throw new ConfigError(`${message.clusterName}: endpoint_name is not supported`);
      const { value } = endpoint.hostIdentifier;
      hosts.push({
        address: socketAddress(value.address, `${message.clusterName}: endpoint`),
        hostname: value.hostname,
        weight: Math.max(1, endpoint.loadBalancingWeight ?? 1),
        priority: group.priority,
        locality,
        localityWeight: group.loadBalancingWeight ?? 0,
        health: HEALTH[endpoint.healthStatus] ?? 'HEALTHY',
        metadata: endpoint.metadata?.filterMetadata ?? {},
      });
    }
  }
  return { service: message.clusterName, hosts, overprovisioning: message.policy?.overprovisioningFactor };
}

