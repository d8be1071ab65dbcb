/** The message types that may stand inside an `Any` of our configuration: needed to print it as JSON. Loaded on the first
 * config_dump, not at start. */
import { createRegistry } from '@bufbuild/protobuf';
import type { Registry } from '@bufbuild/protobuf';
import { file_google_protobuf_struct, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { file_envoy_config_accesslog_v3_accesslog } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { file_envoy_config_cluster_v3_cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { file_envoy_config_core_v3_extension } from '../../xds/generated/envoy/config/core/v3/extension_pb.js';
import { file_envoy_config_endpoint_v3_endpoint } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { file_envoy_config_listener_v3_listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { file_envoy_config_route_v3_route } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { file_envoy_config_route_v3_route_components } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { file_envoy_config_trace_v3_opentelemetry } from '../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { file_envoy_config_trace_v3_zipkin } from '../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import { file_envoy_extensions_access_loggers_file_v3_file } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { file_envoy_extensions_access_loggers_filters_cel_v3_cel } from '../../xds/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { file_envoy_extensions_access_loggers_stream_v3_stream } from '../../xds/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { file_envoy_extensions_filters_http_cors_v3_cors } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { file_envoy_extensions_filters_http_fault_v3_fault } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { file_envoy_extensions_filters_http_jwt_authn_v3_config } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { file_envoy_extensions_filters_http_rbac_v3_rbac } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { file_envoy_extensions_filters_http_ext_authz_v3_ext_authz } from '../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config } from '../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { file_envoy_extensions_filters_http_header_mutation_v3_header_mutation } from '../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata } from '../../xds/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state } from '../../xds/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { file_envoy_extensions_filters_http_upstream_codec_v3_upstream_codec } from '../../xds/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import { file_envoy_extensions_outlier_detection_monitors_consecutive_errors_v3_consecutive_errors } from '../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol } from '../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { file_envoy_extensions_filters_http_router_v3_router } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector } from '../../xds/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { file_envoy_extensions_filters_listener_original_dst_v3_original_dst } from '../../xds/generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector } from '../../xds/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { file_envoy_extensions_filters_network_rbac_v3_rbac } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { file_envoy_extensions_path_match_uri_template_v3_uri_template_match } from '../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts } from '../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer } from '../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_common } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_secret } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { file_udpa_type_v1_typed_struct } from '../../xds/generated/udpa/type/v1/typed_struct_pb.js';
import { file_xds_type_v3_typed_struct } from '../../xds/generated/xds/type/v3/typed_struct_pb.js';

export const configTypes: () => Registry = () =>
  createRegistry(
    file_google_protobuf_struct,
    file_google_protobuf_wrappers,
    file_envoy_config_accesslog_v3_accesslog,
    file_envoy_config_cluster_v3_cluster,
    file_envoy_config_core_v3_extension,
    file_envoy_config_endpoint_v3_endpoint,
    file_envoy_config_listener_v3_listener,
    file_envoy_config_route_v3_route,
    file_envoy_config_route_v3_route_components,
    file_envoy_config_trace_v3_opentelemetry,
    file_envoy_config_trace_v3_zipkin,
    file_envoy_extensions_access_loggers_file_v3_file,
    file_envoy_extensions_access_loggers_filters_cel_v3_cel,
    file_envoy_extensions_access_loggers_stream_v3_stream,
    file_envoy_extensions_filters_http_cors_v3_cors,
    file_envoy_extensions_filters_http_fault_v3_fault,
    file_envoy_extensions_filters_http_jwt_authn_v3_config,
    file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit,
    file_envoy_extensions_filters_http_rbac_v3_rbac,
    file_envoy_extensions_filters_http_router_v3_router,
    file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector,
    file_envoy_extensions_filters_listener_original_dst_v3_original_dst,
    file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector,
    file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
    file_envoy_extensions_filters_network_rbac_v3_rbac,
    file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy,
    file_envoy_extensions_path_match_uri_template_v3_uri_template_match,
    file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts,
    file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer,
    file_envoy_extensions_transport_sockets_tls_v3_common,
    file_envoy_extensions_transport_sockets_tls_v3_secret,
    file_envoy_extensions_transport_sockets_tls_v3_tls,
    file_envoy_extensions_upstreams_http_v3_http_protocol_options,
    file_envoy_extensions_filters_http_ext_authz_v3_ext_authz,
    file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config,
    file_envoy_extensions_filters_http_header_mutation_v3_header_mutation,
    file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata,
    file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state,
    file_envoy_extensions_filters_http_upstream_codec_v3_upstream_codec,
    file_envoy_extensions_outlier_detection_monitors_consecutive_errors_v3_consecutive_errors,
    file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol,
    file_udpa_type_v1_typed_struct,
    file_xds_type_v3_typed_struct,
  );
