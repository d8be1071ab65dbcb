/** The hop as Envoy resources, in their JSON form: the same for Envoy and for Lateen's proxy. */
import { readFileSync } from 'node:fs';
import type { Plan, Side } from './chain.ts';

type Json = Record<string, unknown>;

const typed = (type: string, fields: Json = {}): Json => ({ '@type': `type.googleapis.com/${type}`, ...fields });
const HTTP_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export function listenerOf(plan: Plan, side: Side): Json {
  const tls = side.listenTls ? { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', { require_client_certificate: true, common_tls_context: tlsContext(plan, side) }) } } : {};
  return {
    name: `hop_${side.role}`,
    address: { socket_address: { address: '127.0.0.1', port_value: side.listenPort } },
    filter_chains: [{
      ...tls,
      filters: [{
        name: 'envoy.filters.network.http_connection_manager',
        typed_config: typed(HTTP_MANAGER, {
          stat_prefix: 'hop',
          route_config: { name: 'hop', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: 'target', timeout: '0s' } }] }] },
          http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }],
        }),
      }],
    }],
  };
}

export function clusterOf(plan: Plan, side: Side): Json {
  const tls = side.targetTls ? { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'bench.local', common_tls_context: tlsContext(plan, side) }) } } : {};
  return {
    name: 'target',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [{ max_connections: 8192, max_pending_requests: 8192, max_requests: 8192 }] },
    load_assignment: { cluster_name: 'target', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: side.targetPort } } } }] }] },
    ...tls,
  };
}

/** Certificates inline, so that both proxies get them in the same way. */
function tlsContext(plan: Plan, side: Side): Json {
  const own = plan.certificates?.[side.role];
  const inline = (path: string | undefined) => ({ inline_string: path === undefined ? '' : readFileSync(path, 'utf8') });
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: inline(own?.certificate), private_key: inline(own?.key) }],
    validation_context: { trusted_ca: inline(plan.certificates?.ca), match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }] },
  };
}
