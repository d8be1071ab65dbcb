/** The message types that may stand in an `Any` of the resources that tests and measurements use. */
import { createRegistry } from '@bufbuild/protobuf';
import { CorsSchema, CorsPolicySchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { LocalRateLimitSchema } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { OpenTelemetryConfigSchema } from '../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { ZipkinConfigSchema } from '../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import { RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { ConsecutiveErrorsSchema } from '../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { PreviousHostsPredicateSchema } from '../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';

export const registry = createRegistry(
  CorsSchema, CorsPolicySchema, HTTPFaultSchema, LocalRateLimitSchema, RBACSchema, RouterSchema, HttpConnectionManagerSchema, TcpProxySchema,
  DownstreamTlsContextSchema, UpstreamTlsContextSchema, HttpProtocolOptionsSchema, PreviousHostsPredicateSchema, FileAccessLogSchema, OpenTelemetryConfigSchema, ZipkinConfigSchema,
  ProxyProtocolUpstreamTransportSchema, RawBufferSchema, ConsecutiveErrorsSchema,
);
