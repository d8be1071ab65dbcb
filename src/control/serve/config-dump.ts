/** What the control plane would send a proxy now, in the shape of Envoy's `/config_dump`, so that the same tools read it. */
import { createRegistry, fromBinary, toJson, type DescMessage, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RBACSchema as RbacPolicySchema } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { OpenTelemetryConfigSchema } from '../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { ZipkinConfigSchema } from '../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ExpressionFilterSchema } from '../../xds/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { CorsPolicySchema, CorsSchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { ExtAuthzSchema } from '../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { JwtAuthenticationSchema } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { ConfigSchema as SetFilterStateSchema } from '../../xds/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { HttpInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '../../xds/generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { TlsInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { UriTemplateMatchConfigSchema } from '../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { PreviousHostsPredicateSchema } from '../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { RawBufferSchema } from '../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { HeaderMutationPerRouteSchema, HeaderMutationSchema } from '../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { ConfigSchema as HeaderToMetadataSchema } from '../../xds/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { UpstreamCodecSchema } from '../../xds/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import { ConsecutiveErrorsSchema } from '../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { TypedStructSchema } from '../../xds/generated/xds/type/v3/typed_struct_pb.js';
import { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import type { Proxy } from '../translate/proxy.ts';
import type { Generator } from '../generate/generator.ts';

/** Messages that stand inside `Any` in what we produce. Made for each dump: nobody else needs it. */
const anyTypes = (): Registry => createRegistry(
  ClusterSchema, ClusterLoadAssignmentSchema, ListenerSchema, RouteConfigurationSchema, RbacPolicySchema, OpenTelemetryConfigSchema, ZipkinConfigSchema, FileAccessLogSchema,
  ExpressionFilterSchema, CorsPolicySchema, CorsSchema, ExtAuthzSchema, HTTPFaultSchema, JwtAuthenticationSchema, RBACSchema, RouterSchema, HttpInspectorSchema, OriginalDstSchema,
  TlsInspectorSchema, HttpConnectionManagerSchema, NetworkRbacSchema, TcpProxySchema, UriTemplateMatchConfigSchema, PreviousHostsPredicateSchema, PreviousPrioritiesConfigSchema,
  RawBufferSchema, DownstreamTlsContextSchema, UpstreamTlsContextSchema, HttpProtocolOptionsSchema, TypedStructSchema,
  HeaderMutationPerRouteSchema, HeaderMutationSchema, HeaderToMetadataSchema, SetFilterStateSchema, UpstreamCodecSchema, ConsecutiveErrorsSchema, ProxyProtocolUpstreamTransportSchema,
);

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;
const ADMIN = 'type.googleapis.com/envoy.admin.v3';

export function configDump(proxy: Proxy, generator: Generator): { configs: Record<string, unknown>[] } {
  const registry = anyTypes();
  const render = (schema: DescMessage, resource: EncodedResource) => toPlain(schema, resource, registry);
  const clusters = [...generator.resources(proxy, TypeUrl.Cluster, 'all').values()];
  const listeners = [...generator.resources(proxy, TypeUrl.Listener, 'all').values()];
  const endpointNames = new Set(clusters.flatMap((c) => c.needsEndpoints ?? []));
  const endpoints = [...generator.resources(proxy, TypeUrl.Endpoints, endpointNames).values()];
  const shown = listeners.map((r) => ({ r, json: render(ListenerSchema, r) }));
  const hosts = [...generator.resources(proxy, TypeUrl.VirtualHost, 'all').values()];
  const routes = [...generator.resources(proxy, TypeUrl.Route, routeNames(shown.map((s) => s.json))).values()].map((r) => withHosts(r, hosts));
  const version = generator.snapshot.version;
  return {
    configs: [
      { '@type': `${ADMIN}.ClustersConfigDump`, version_info: version, dynamic_active_clusters: clusters.map((r) => ({ version_info: r.version, cluster: tagged(TypeUrl.Cluster, render(ClusterSchema, r)) })) },
      { '@type': `${ADMIN}.ListenersConfigDump`, version_info: version, dynamic_listeners: shown.map(({ r, json }) => ({ name: r.name, active_state: { version_info: r.version, listener: tagged(TypeUrl.Listener, json) } })) },
      { '@type': `${ADMIN}.RoutesConfigDump`, dynamic_route_configs: routes.map((r) => ({ version_info: r.version, route_config: tagged(TypeUrl.Route, render(RouteConfigurationSchema, r)) })) },
      { '@type': `${ADMIN}.EndpointsConfigDump`, dynamic_endpoint_configs: endpoints.map((r) => ({ version_info: r.version, endpoint_config: tagged(TypeUrl.Endpoints, render(ClusterLoadAssignmentSchema, r)) })) },
    ],
  };
}

/** Virtual hosts that the proxy gets one by one are shown where they belong. */
function withHosts(routes: EncodedResource, hosts: readonly EncodedResource[]): EncodedResource {
  const own = hosts.filter((host) => host.name.startsWith(`${routes.name}/`));
  return own.length === 0 ? routes : new EncodedResource(routes.typeUrl, routes.name, concat([routes.value, ...own.flatMap((host) => bytesField(VIRTUAL_HOSTS, host.value))]));
}

const tagged = (typeUrl: string, json: JsonValue): JsonValue => ({ '@type': typeUrl, ...(typeof json === 'object' && !Array.isArray(json) ? json : {}) });

/** Proto field names, as Envoy's admin interface writes them. */
function toPlain(schema: DescMessage, resource: EncodedResource, registry: Registry): JsonValue {
  return toJson(schema, fromBinary(schema, resource.value), { registry, useProtoFieldName: true });
}

/** Every `route_config_name` in the listeners. */
function routeNames(listeners: readonly JsonValue[]): Set<string> {
  const names = new Set<string>();
  const visit = (value: JsonValue | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null) {
      const name = value['route_config_name'];
      if (typeof name === 'string') names.add(name);
      Object.values(value).forEach(visit);
    }
  };
  listeners.forEach(visit);
  return names;
}
