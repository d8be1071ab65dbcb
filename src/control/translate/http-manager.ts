import { create } from '@bufbuild/protobuf';
import type { MeshConfig } from '../../api/mesh-config.ts';
import type { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import {
  HttpConnectionManager_ForwardClientCertDetails as Xfcc,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  HttpConnectionManagerSchema,
} from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { proxyDefaults, type Context } from './context.ts';
import { headerCase } from './header-case.ts';
import { deliveryReplies } from './delivery.ts';
import { httpFilters, type NetworkFilterInit, type Position } from './http-filters.ts';
import { durationOf, pack, ZERO_DURATION, type Init } from './message.ts';
import type { Security } from './security.ts';
import type { TelemetryPlan } from './telemetry.ts';
import { adsSource } from './tls.ts';

type ManagerInit = Init<typeof HttpConnectionManagerSchema>;
type Defaults = MeshConfig['defaultConfig'];

export interface HttpManagerOptions {
  readonly position: Position;
  /** `outbound_0.0.0.0_9080` */
  readonly statPrefix: string;
  /** Name of a RouteConfiguration that is fetched, or the configuration itself. */
  readonly routes: string | Init<typeof RouteConfigurationSchema>;
  readonly telemetry: TelemetryPlan;
  /** Authentication and authorization. */
  readonly security?: Pick<Security, 'authn' | 'authz'>;
  /** That clients ask for; undefined: it is not known. */
  readonly port?: number;
  /** The port speaks gRPC-Web; default false. */
  readonly forBrowsers?: boolean;
  /** Hosts of requests may have to be looked up; default false. */
  readonly resolvesHosts?: boolean;
}

const NO_SECURITY: NonNullable<HttpManagerOptions['security']> = { authn: [], authz: [] };

/** The filter that speaks HTTP on a connection. */
export function httpManager(options: HttpManagerOptions, context: Context): NetworkFilterInit {
  const { position, statPrefix, routes, telemetry, security = NO_SECURITY, port, forBrowsers, resolvesHosts } = options;
  const { config } = context.settings;
  const defaults = proxyDefaults(context);
  const manager: ManagerInit = {
    statPrefix,
    routeSpecifier: typeof routes === 'string' ? { case: 'rds', value: { configSource: adsSource(), routeConfigName: routes } } : { case: 'routeConfig', value: routes },
    httpFilters: httpFilters(context, { position, security, plugins: telemetry.plugins, port, forBrowsers, resolvesHosts }),
    accessLog: [...telemetry.accessLog, ...telemetry.outcomes],
    tracing: telemetry.tracing,
    ...normalization(config),
    streamIdleTimeout: durationOf(defaults.proxyMetadata['ISTIO_META_HTTP_STREAM_IDLE_TIMEOUT']) ?? ZERO_DURATION,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    ...ownHeaders(defaults),
    httpProtocolOptions: { acceptHttp10: defaults.proxyMetadata['ISTIO_META_HTTP10'] === '1', headerKeyFormat: headerCase(context) },
    // WebSockets of HTTP/2 clients, and of sidecars that upgrade (RFC 8441).
    http2ProtocolOptions: { allowConnect: true },
    proxy100Continue: true,
    ...(position === 'inbound' ? { localReplyConfig: deliveryReplies() } : {}),
    ...edge(position, defaults),
  };
  return { name: 'envoy.filters.network.http_connection_manager', configType: { case: 'typedConfig', value: pack(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, manager)) } };
}

/** Whose word counts about where a request came from. A sidecar believes its peers; a gateway believes the connection, and
 * as many proxies in front of it as the mesh configuration says. */
function edge(position: Position, defaults: Defaults): ManagerInit {
  const { gatewayTopology, proxyHeaders } = defaults;
  const asked = proxyHeaders?.forwardedClientCert ?? (position === 'gateway' ? gatewayTopology?.forwardClientCertDetails : undefined);
  const details = { subject: true, uri: true, dns: true };
  if (position === 'outbound') return { useRemoteAddress: false };
  if (position === 'inbound') {
    return { useRemoteAddress: false, forwardClientCertDetails: xfcc(asked) ?? Xfcc.APPEND_FORWARD, setCurrentClientCertDetails: certificateDetails(defaults, details) };
  }
  const hops = gatewayTopology?.numTrustedProxies ?? 0;
  return {
    useRemoteAddress: true,
    xffNumTrustedHops: hops,
    appendXForwardedPort: proxyHeaders?.xForwardedPort?.enabled === true,
    forwardClientCertDetails: xfcc(asked) ?? Xfcc.SANITIZE_SET,
    setCurrentClientCertDetails: certificateDetails(defaults, { ...details, cert: true }),
  };
}

/** What the proxy adds to messages by itself. Istio: ProxyConfig.proxyHeaders. */
function ownHeaders(defaults: Defaults): ManagerInit {
  const { server, requestId } = defaults.proxyHeaders ?? {};
  return {
    serverName: server?.value || 'istio-envoy',
    ...(server?.disabled === true ? { serverHeaderTransformation: ServerHeader.PASS_THROUGH } : {}),
    ...(requestId?.disabled === true ? { generateRequestId: false } : {}),
  };
}

/** Which parts of the client's certificate are told to the server. */
function certificateDetails(defaults: Defaults, own: NonNullable<ManagerInit['setCurrentClientCertDetails']>): NonNullable<ManagerInit['setCurrentClientCertDetails']> {
  const asked = defaults.proxyHeaders?.setCurrentClientCertDetails;
  if (!asked) return own;
  return { subject: asked.subject ?? false, cert: asked.cert ?? false, chain: asked.chain ?? false, dns: asked.dns ?? false, uri: asked.uri ?? false };
}

const FORWARD: Readonly<Record<string, Xfcc>> = {
  SANITIZE: Xfcc.SANITIZE, FORWARD_ONLY: Xfcc.FORWARD_ONLY, APPEND_FORWARD: Xfcc.APPEND_FORWARD,
  SANITIZE_SET: Xfcc.SANITIZE_SET, ALWAYS_FORWARD_ONLY: Xfcc.ALWAYS_FORWARD_ONLY,
};
const xfcc = (text: string | undefined): Xfcc | undefined => (text === undefined ? undefined : FORWARD[text]);

function normalization(config: MeshConfig): ManagerInit {
  switch (config.pathNormalization?.normalization) {
    case 'NONE':
      return { normalizePath: false };
    case 'MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true };
    case 'DECODE_AND_MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD };
    default:
      return { normalizePath: true, pathWithEscapedSlashesAction: EscapedSlashes.KEEP_UNCHANGED };
  }
}
