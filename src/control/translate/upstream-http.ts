/** Limits and lifetimes of the connections of a cluster, and the HTTP version on them. */
import type { ConnectionPool } from '../../api/common/connection-pool.ts';
import type { ClientTls, TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { parseDuration } from '../../base/duration.ts';
import type { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { UpstreamCodecSchema } from '../../xds/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { isDetected, isHttp, isHttp2, type ServicePort } from '../registry/model.ts';
import type { HeaderCase } from './header-case.ts';
import type { HttpFilterInit } from './http-filters.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';

type ClusterInit = Init<typeof ClusterSchema>;
type OptionsInit = Init<typeof HttpProtocolOptionsSchema>;

const UNLIMITED = 4_294_967_295;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Which HTTP version goes upstream; `same` follows the downstream request. */
export type UpstreamHttp = 'http1' | 'http2' | 'same' | 'none';

/** The port's protocol decides, unless a policy upgrades. A mesh-wide upgrade is for declared HTTP only: an application whose
 * protocol was detected has not said that it understands HTTP/2. Istio: shouldH2Upgrade. */
export function upstreamHttp(port: Pick<ServicePort, 'protocol'>, pool: ConnectionPool | undefined, mesh: MeshConfig): UpstreamHttp {
  const { protocol } = port;
  const declared = isHttp2(protocol) ? 'http2' : isHttp(protocol) ? 'http1' : isDetected(protocol) ? 'same' : 'none';
  const asked = pool?.http?.h2UpgradePolicy;
  if (declared === 'none') return 'none';
  if (asked === 'UPGRADE') return 'http2';
  if (pool?.http?.useClientProtocol === true) return 'same';
  return declared === 'http1' && asked !== 'DO_NOT_UPGRADE' && mesh.h2UpgradePolicy === 'UPGRADE' ? 'http2' : declared;
}

export function thresholds(pool: ConnectionPool | undefined, budget?: TrafficPolicy['retryBudget']): ClusterInit {
  return {
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: positive(pool?.tcp?.maxConnections) ?? UNLIMITED,
          maxPendingRequests: positive(pool?.http?.http1MaxPendingRequests) ?? UNLIMITED,
          maxRequests: positive(pool?.http?.http2MaxRequests) ?? UNLIMITED,
          maxRetries: positive(pool?.http?.maxRetries) ?? UNLIMITED,
          trackRemaining: true,
          ...(budget ? { retryBudget: { budgetPercent: { value: budget.percent ?? 20 }, minRetryConcurrency: budget.minRetryConcurrency ?? 3 } } : {}),
        },
      ],
    },
  };
}

const positive = (value: number | undefined): number | undefined => (value !== undefined && value > 0 ? value : undefined);

/** Field by field: the policy's, else the mesh's. Below a second the kernel knows nothing. */
export function keepalive(pool: ConnectionPool | undefined, mesh: MeshConfig): ClusterInit {
  const own = pool?.tcp?.tcpKeepalive;
  if (!own && !mesh.tcpKeepalive) return {};
  const { probes, time, interval } = { ...mesh.tcpKeepalive, ...own };
  const seconds = (text: string | undefined) => (text === undefined ? undefined : Math.max(1, Math.round((parseDuration(text) ?? 0) / 1000)));
  return { upstreamConnectionOptions: { tcpKeepalive: { keepaliveProbes: positive(probes), keepaliveTime: seconds(time), keepaliveInterval: seconds(interval) } } };
}

export interface HttpOptions {
  readonly http: UpstreamHttp;
  readonly pool?: ConnectionPool;
  /** TLS that the policy asks for, but not mutual TLS of the mesh. */
  readonly originated?: ClientTls;
  readonly filters: readonly HttpFilterInit[];
  readonly headerCase?: HeaderCase;
}

export function httpOptions({ http, pool, originated, filters, headerCase }: HttpOptions): ClusterInit {
  const commonHttpProtocolOptions = {
    idleTimeout: durationOf(pool?.http?.idleTimeout) ?? durationOf(pool?.tcp?.idleTimeout),
    maxRequestsPerConnection: positive(pool?.http?.maxRequestsPerConnection),
    maxConnectionDuration: durationOf(pool?.tcp?.maxConnectionDuration),
  };
  const upstreamHttpProtocolOptions = http === 'none' ? undefined : serverName(originated);
  const isPlain = filters.length === 0 && headerCase === undefined && Object.values(commonHttpProtocolOptions).every((value) => value === undefined) && !upstreamHttpProtocolOptions;
  if ((http === 'http1' || http === 'none') && isPlain) return {};
  const httpFilters = filters.length === 0 ? [] : [...filters, codec()];
  const options: OptionsInit = { commonHttpProtocolOptions, upstreamHttpProtocolOptions, httpFilters, upstreamProtocolOptions: version(http, pool, headerCase) };
  return { typedExtensionProtocolOptions: { [HTTP_OPTIONS]: pack(HttpProtocolOptionsSchema, options) } };
}

/** Stands at the end of a cluster's filters. */
const codec = (): HttpFilterInit => ({ name: 'envoy.filters.http.upstream_codec', configType: { case: 'typedConfig', value: pack(UpstreamCodecSchema) } });

/** Without a name in the policy, the server is asked for by the host of the request, and has to prove that name. */
function serverName(tls: ClientTls | undefined): OptionsInit['upstreamHttpProtocolOptions'] {
  if (!tls || tls.sni) return undefined;
  return { autoSni: true, autoSanValidation: !tls.subjectAltNames?.length && tls.insecureSkipVerify !== true };
}

/** WebSockets go over HTTP/2 too (RFC 8441). */
export const OVER_HTTP2 = { allowConnect: true } as const;

function version(http: UpstreamHttp, pool: ConnectionPool | undefined, headerKeyFormat: HeaderCase | undefined): OptionsInit['upstreamProtocolOptions'] {
  const ping = pool?.http?.http2KeepAlive;
  const http2ProtocolOptions = {
    ...OVER_HTTP2,
    maxConcurrentStreams: positive(pool?.http?.maxConcurrentStreams),
    ...(ping ? { connectionKeepalive: { interval: durationOf(ping.interval), timeout: durationOf(ping.timeout) ?? durationMs(20_000) } } : {}),
  };
  if (http === 'same') return { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: { headerKeyFormat }, http2ProtocolOptions } };
  return { case: 'explicitHttpConfig', value: { protocolConfig: http === 'http2' ? { case: 'http2ProtocolOptions', value: http2ProtocolOptions } : { case: 'httpProtocolOptions', value: { headerKeyFormat } } } };
}
