/** The messages that the data path decodes. Loads the descriptors of Envoy's API: only the build and tests import values from here. */
import type { DescMessage } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { AccessLogFilterSchema } from '../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { ClusterSchema } from '../../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../../xds/generated/envoy/config/route/v3/route_pb.js';
import { FilterConfigSchema, VirtualHostSchema } from '../../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { OpenTelemetryConfigSchema } from '../../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { ZipkinConfigSchema } from '../../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import { FileAccessLogSchema } from '../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '../../../xds/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { CorsSchema, CorsPolicySchema } from '../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { ExtAuthzSchema } from '../../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { CheckResponseSchema } from '../../../xds/generated/envoy/service/auth/v3/external_auth_pb.js';
import { HTTPFaultSchema } from '../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { JwtAuthenticationSchema, PerRouteConfigSchema } from '../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { LocalRateLimitSchema } from '../../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { ClusterConfigSchema as DynamicClusterSchema } from '../../../xds/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import { FilterConfigSchema as SniNameSchema } from '../../../xds/generated/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js';
import { RouterSchema } from '../../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { WasmSchema } from '../../../xds/generated/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import { RBACSchema as HttpRbacSchema, RBACPerRouteSchema } from '../../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { ConfigSchema as SetFilterStateSchema } from '../../../xds/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { HttpConnectionManagerSchema } from '../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { ConsecutiveErrorsSchema } from '../../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { UriTemplateMatchConfigSchema } from '../../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { SecretSchema } from '../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '../../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema as UdpaTypedStructSchema } from '../../../xds/generated/udpa/type/v1/typed_struct_pb.js';
import { TypedStructSchema } from '../../../xds/generated/xds/type/v3/typed_struct_pb.js';

export const SCHEMAS = {
  listener: ListenerSchema,
  routes: RouteConfigurationSchema,
  virtualHost: VirtualHostSchema,
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secret: SecretSchema,
  httpConnectionManager: HttpConnectionManagerSchema,
  tcpProxy: TcpProxySchema,
  networkRbac: NetworkRbacSchema,
  httpRbac: HttpRbacSchema,
  dynamicCluster: DynamicClusterSchema,
  sniName: SniNameSchema,
  router: RouterSchema,
  rbacPerRoute: RBACPerRouteSchema,
  fault: HTTPFaultSchema,
  extAuthz: ExtAuthzSchema,
  checkResponse: CheckResponseSchema,
  cors: CorsSchema,
  corsPolicy: CorsPolicySchema,
  jwt: JwtAuthenticationSchema,
  jwtPerRoute: PerRouteConfigSchema,
  localRateLimit: LocalRateLimitSchema,
  setFilterState: SetFilterStateSchema,
  downstreamTls: DownstreamTlsContextSchema,
  upstreamTls: UpstreamTlsContextSchema,
  consecutiveErrors: ConsecutiveErrorsSchema,
  upstreamProxyProtocol: ProxyProtocolUpstreamTransportSchema,
  httpProtocolOptions: HttpProtocolOptionsSchema,
  filterConfig: FilterConfigSchema,
  uriTemplateMatch: UriTemplateMatchConfigSchema,
  accessLogFilter: AccessLogFilterSchema,
  fileAccessLog: FileAccessLogSchema,
  stdoutAccessLog: StdoutAccessLogSchema,
  stderrAccessLog: StderrAccessLogSchema,
  openTelemetry: OpenTelemetryConfigSchema,
  zipkin: ZipkinConfigSchema,
  typedStruct: TypedStructSchema,
  udpaTypedStruct: UdpaTypedStructSchema,
  wasm: WasmSchema,
  stringValue: StringValueSchema,
} as const satisfies Record<string, DescMessage>;
