/** Envoy's bootstrap. Pure. Names of clusters, tags and the admin port are Istio's. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { OUTCOMES_METADATA, RUNTIME_LAYER, RUNTIME_METADATA } from '../xds/agent-contract.ts';
import type { ProxySettings } from '../proxy/bootstrap/settings.ts';
import { statsConfig } from './stats-config.ts';

export interface BootstrapPaths {
  /** Unix socket on which the agent serves ADS and SDS. */
  readonly socket: string;
  /** Pipe for the lines of outcomes. */
  readonly outcomes: string;
}

export function envoyBootstrap(settings: ProxySettings, paths: BootstrapPaths): JsonObject {
  const { nodeId, nodeCluster, metadata, ports } = settings;
  return {
    // Metadata was made from JSON values only.
    node: { id: nodeId, cluster: nodeCluster, metadata: { ...(metadata as JsonObject), [OUTCOMES_METADATA]: paths.outcomes, [RUNTIME_METADATA]: RUNTIME_LAYER } },
    admin: { address: socketAddress('127.0.0.1', ports.admin), profile_path: '/dev/null' },
    ...statsConfig(settings),
    layered_runtime: { layers: [{ name: 'istio', static_layer: RUNTIME }, { name: RUNTIME_LAYER, rtds_layer: { name: RUNTIME_LAYER, rtds_config: { ...viaAds(), initial_fetch_timeout: RUNTIME_PATIENCE } } }, { name: 'admin', admin_layer: {} }] },
    overload_manager: { resource_monitors: [{ name: 'envoy.resource_monitors.global_downstream_max_connections', typed_config: { '@type': `${TYPE}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`, max_active_downstream_connections: settings.maxConnections } }] },
    dynamic_resources: { ads_config: adsConfig(), cds_config: viaAds(), lds_config: viaAds() },
    static_resources: { clusters: [agentCluster('xds-grpc', paths.socket), agentCluster('sds-grpc', paths.socket)] },
  };
}

/** Istio's: without it Envoy refuses regular expressions of more than a hundred instructions. */
const RUNTIME: JsonObject = { 're2.max_program_size.error_level': 32_768 };
/** A control plane that is older than this agent does not answer. */
const RUNTIME_PATIENCE = '2s';

/** As protobuf merges messages: lists grow, messages are merged field by field, what else is said replaces. */
export function mergedBootstrap(base: JsonObject, over: JsonObject | undefined): JsonObject {
  if (!over) return base;
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : isObject(before) && isObject(value) ? mergedBootstrap(before, value) : value;
  }
  return merged;
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPE = 'type.googleapis.com/envoy.extensions';

const socketAddress = (address: string, port: number): JsonObject => ({ socket_address: { address, port_value: port } });

/** No time-out: configuration that is late is waited for. */
const viaAds = (): JsonObject => ({ ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' });

/** The agent is a socket away and knows how to wait, so Envoy comes back to it at once. */
const adsConfig = (): JsonObject => ({
  api_type: 'DELTA_GRPC',
  transport_api_version: 'V3',
  set_node_on_first_message_only: true,
  grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc', retry_policy: { retry_back_off: { base_interval: '0.05s', max_interval: '1s' } } } }],
});

const agentCluster = (name: string, path: string): JsonObject => ({
  name,
  type: 'STATIC',
  connect_timeout: '1s',
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`, explicit_http_config: { http2_protocol_options: {} } },
  },
  circuit_breakers: { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] },
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] },
});
