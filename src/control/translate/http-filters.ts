import type { JsonObject } from '@bufbuild/protobuf';
import { CorsSchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '../../xds/generated/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RouterSchema } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import type { HttpFilterSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { FilterSchema } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { FilterStateValue_SharedWithUpstream } from '../../xds/generated/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js';
import { ConfigSchema as SetFilterStateSchema } from '../../xds/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { peerFilter } from './agent.ts';
import { proxyDefaults, type Context } from './context.ts';
import { resolveHostFilter } from './dynamic-hosts.ts';
import { pack, packStruct, type Init } from './message.ts';
import type { Proxy } from './proxy.ts';
import type { Security } from './security.ts';
import { DETECTED, OFFER } from './tls.ts';
import { pluginsAt, type Plugin } from './wasm.ts';

export type HttpFilterInit = Init<typeof HttpFilterSchema>;
export type NetworkFilterInit = Init<typeof FilterSchema>;

/** Where in the mesh a listener stands. */
export type Position = 'outbound' | 'inbound' | 'gateway';

export const FAULT_FILTER = 'envoy.filters.http.fault';
export const CORS_FILTER = 'envoy.filters.http.cors';
const STATS_FILTER = 'istio.stats';
const PEER_FILTER = 'envoy.filters.http.peer_metadata';
const ALPN_FILTER = 'istio.alpn';

interface FilterNeeds {
  readonly position: Position;
  readonly security: Pick<Security, 'authn' | 'authz'>;
  readonly plugins: readonly Plugin[];
  /** That clients of the listener ask for; undefined: it is not known. */
  readonly port: number | undefined;
  /** gRPC-Web is spoken. */
  readonly forBrowsers?: boolean;
  readonly resolvesHosts?: boolean;
}

/** The chain of HTTP filters, in the order of Istio's: who is calling, may they, plugins, faults, CORS, statistics, routing.
 * Filters that stock Envoy does not have are put in for proxies that announce them. */
export function httpFilters(context: Context, { position, security, plugins, port, forBrowsers = false, resolvesHosts = false }: FilterNeeds): HttpFilterInit[] {
  const { proxy } = context;
  const suppressEnvoyHeaders = proxyDefaults(context).proxyHeaders?.envoyDebugHeaders?.disabled === true;
  return [
    // Before any that holds a request back, since it translates the body.
    ...(forBrowsers ? [{ name: 'envoy.filters.http.grpc_web', configType: { case: 'typedConfig' as const, value: pack(GrpcWebSchema) } }] : []),
    ...announced(proxy, PEER_FILTER, 'io.istio.http.peer_metadata.Config', peerMetadata(position)),
    ...(proxy.outcomes === undefined ? [] : [peerFilter(position === 'inbound' ? 'request' : 'response')]),
    ...pluginsAt(plugins, 'AUTHN', port),
    ...security.authn,
    ...pluginsAt(plugins, 'AUTHZ', port),
    ...security.authz,
    ...pluginsAt(plugins, 'STATS', port),
    ...pluginsAt(plugins, 'UNSPECIFIED_PHASE', port),
    ...(position === 'inbound' ? [] : [payloadFilter(proxy)]),
    { name: FAULT_FILTER, configType: { case: 'typedConfig', value: pack(HTTPFaultSchema) } },
    { name: CORS_FILTER, configType: { case: 'typedConfig', value: pack(CorsSchema) } },
    ...announced(proxy, STATS_FILTER, 'stats.PluginConfig', position === 'inbound' ? { disable_host_header_fallback: true } : {}),
    ...(resolvesHosts ? [resolveHostFilter()] : []),
    { name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: pack(RouterSchema, { suppressEnvoyHeaders }) } },
  ];
}

/** Statistics of TCP connections, in front of the proxying itself. */
export function tcpStats(proxy: Proxy): NetworkFilterInit[] {
  if (!proxy.extensions.has(STATS_FILTER)) return [];
  return [{ name: STATS_FILTER, configType: { case: 'typedConfig', value: packStruct('stats.PluginConfig', {}) } }];
}

function announced(proxy: Proxy, name: string, typeUrl: string, config: JsonObject): HttpFilterInit[] {
  if (!proxy.extensions.has(name)) return [];
  return [{ name, configType: { case: 'typedConfig', value: packStruct(typeUrl, config) } }];
}

/** Servers learn of clients and tell of themselves in headers; clients the other way round, only with hosts of the mesh. */
function peerMetadata(position: Position): JsonObject {
  if (position === 'inbound') return { downstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }], downstream_propagation: [{ istio_headers: {} }] };
  return { upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }], upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }] };
}

/** Lets a connection to a port of undeclared protocol say that HTTP is inside, so that the receiving side applies its HTTP
 * policies. Stock Envoy does what Istio's filter does by a value that the upstream's TLS takes its ALPN from. */
function payloadFilter(proxy: Proxy): HttpFilterInit {
  const [own] = announced(proxy, ALPN_FILTER, 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', ALPN_CONFIG);
  if (own) return own;
  const [http1, http2] = [OFFER.http1.join(), OFFER.http2.join()];
  const offer = `%CEL(xds.cluster_metadata.filter_metadata.istio.payload != '${DETECTED}' ? '' : request.protocol == 'HTTP/2' ? '${http2}' : '${http1}')%`;
  const value: Init<typeof SetFilterStateSchema> = {
    onRequestHeaders: [
      {
        key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
        value: { case: 'formatString', value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: offer } } }, omitEmptyValues: true } },
        sharedWithUpstream: FilterStateValue_SharedWithUpstream.ONCE,
        skipIfEmpty: true,
      },
    ],
  };
  return { name: 'envoy.filters.http.set_filter_state', configType: { case: 'typedConfig', value: pack(SetFilterStateSchema, value) } };
}

const ALPN_CONFIG: JsonObject = {
  alpn_override: [
    { upstream_protocol: 'HTTP10', alpn_override: ['istio-http/1.0', 'istio', 'http/1.0'] },
    { upstream_protocol: 'HTTP11', alpn_override: [...OFFER.http1] },
    { upstream_protocol: 'HTTP2', alpn_override: [...OFFER.http2] },
  ],
};
