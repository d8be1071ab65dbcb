/** The hop as Envoy resources, in their JSON form: the same for Envoy and for Lateen's proxy. */
import { readFileSync } from 'node:fs';
import type { Plan, Side } from './chain.ts';

type Json = Record<string, unknown>;

const typed = (type: string, fields: Json = {}): Json => ({ '@type': `type.googleapis.com/${type}`, ...fields });
const ASIDE = 'aside';
const HTTP_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export const listenersOf = (plan: Plan, side: Side): Json[] => plan.tables?.map(({ listenPort, routes }) => ({ ...listenerOf(plan, { ...side, listenPort }, routes), name: `hop_${listenPort}` })) ?? [listenerOf(plan, side)];

export function listenerOf(plan: Plan, side: Side, routes = 1): Json {
  const tls = side.listenTls ? { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', { require_client_certificate: true, common_tls_context: { ...tlsContext(plan, side), ...(plan.protocol === 'http2' ? { alpn_protocols: ['h2'] } : {}) } }) } } : {};
  return {
    name: `hop_${side.role}`,
    address: { socket_address: { address: '127.0.0.1', port_value: side.listenPort } },
    filter_chains: [{ ...tls, filters: [plan.protocol === 'tcp' ? tcpFilter() : httpFilter(plan, routes)] }],
  };
}

const tcpFilter = (): Json => ({ name: 'envoy.filters.network.tcp_proxy', typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'hop', cluster: 'target' }) });

function httpFilter(plan: Plan, routes: number): Json {
  const aside = plan.asidePort === undefined ? [] : [{ name: 'aside', match: { prefix: '/large' }, route: { cluster: ASIDE, timeout: '0s' } }];
  const others = Array.from({ length: routes - 1 }, (_, i) => ({ name: `other-${i}`, match: { prefix: `/other/${i}/` }, direct_response: { status: 404 } }));
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed(HTTP_MANAGER, {
      stat_prefix: 'hop',
      ...(plan.isFull ? observation(plan) : {}),
      route_config: { name: 'hop', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [...aside, ...others, { name: 'default', match: { prefix: '/' }, route: { cluster: 'target', timeout: '0s' } }] }] },
      http_filters: [...(plan.isFull ? [authorization()] : []), { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }],
    }),
  };
}

/** Istio's default access log, and Zipkin spans of one request in a hundred to a collector that nobody answers for. */
function observation(plan: Plan): Json {
  return {
    access_log: [{ name: 'envoy.access_loggers.file', typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: `${plan.directory}/access.log`, log_format: { text_format_source: { inline_string: ACCESS_LINE } } }) }],
    tracing: { random_sampling: { value: 1 }, provider: { name: 'envoy.tracers.zipkin', typed_config: typed('envoy.config.trace.v3.ZipkinConfig', { collector_cluster: 'target', collector_endpoint: '/api/v2/spans', collector_endpoint_version: 'HTTP_JSON' }) } },
  };
}

const ACCESS_LINE =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %ROUTE_NAME%\n';

/** One policy that allows what is sent. */
function authorization(): Json {
  const rules = { action: 'ALLOW', policies: { bench: { permissions: [{ and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }, { url_path: { path: { prefix: '/body' } } }] } }], principals: [{ any: true }] } } };
  return { name: 'envoy.filters.http.rbac', typed_config: typed('envoy.extensions.filters.http.rbac.v3.RBAC', { rules }) };
}

/** With `/large` on an upstream of its own, if there is one. */
export const clustersOf = (plan: Plan, side: Side): Json[] => [clusterOf(plan, side), ...(plan.asidePort === undefined ? [] : [{ ...clusterOf(plan, { ...side, targetPort: plan.asidePort }), name: ASIDE }])];

export function clusterOf(plan: Plan, side: Side): Json {
  const alpn = plan.protocol === 'http2' && side.targetTls ? { alpn_protocols: ['h2'] } : {};
  const tls = side.targetTls ? { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'bench.local', common_tls_context: { ...tlsContext(plan, side), ...alpn } }) } } : {};
  const http2 = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } }) } };
  return {
    name: 'target',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [{ max_connections: 8192, max_pending_requests: 8192, max_requests: 8192 }] },
    load_assignment: { cluster_name: 'target', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: side.targetPort } } } }] }] },
    ...(plan.protocol === 'http2' ? http2 : {}),
    ...tls,
  };
}

/** Certificates inline, so that both proxies get them in the same way. */
function tlsContext(plan: Plan, side: Side): Json {
  const own = plan.certificates?.[side.role];
  const inline = (path: string | undefined) => ({ inline_string: path === undefined ? '' : readFileSync(path, 'utf8') });
  return {
    // Envoy’s own highest version for clients is 1.2.
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: inline(own?.certificate), private_key: inline(own?.key) }],
    validation_context: { trusted_ca: inline(plan.certificates?.ca), match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }] },
  };
}
