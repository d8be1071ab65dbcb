/** Encoded Envoy messages → messages. The only file of the data path that loads the message descriptors. */
import { fromBinary, toBinary, type DescMessage, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { errorText } from '../../base/errors.ts';
import { type AccessLogFilter, AccessLogFilterSchema } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { FilterConfigSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { CorsSchema, CorsPolicySchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { JwtAuthenticationSchema, PerRouteConfigSchema } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { LocalRateLimitSchema } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { RBACSchema as HttpRbacSchema, RBACPerRouteSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { UriTemplateMatchConfigSchema } from '../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { SecretSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema as UdpaTypedStructSchema } from '../../xds/generated/udpa/type/v1/typed_struct_pb.js';
import { TypedStructSchema } from '../../xds/generated/xds/type/v3/typed_struct_pb.js';
import { FilterChainSchema, type FilterChain } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { ConfigError } from '../errors.ts';

export const TYPE_PREFIX = 'type.googleapis.com/';

/** Resource types that the data path takes from xDS. */
export const ResourceType = {
  Listener: `${TYPE_PREFIX}envoy.config.listener.v3.Listener`,
  Route: `${TYPE_PREFIX}envoy.config.route.v3.RouteConfiguration`,
  Cluster: `${TYPE_PREFIX}envoy.config.cluster.v3.Cluster`,
  Endpoints: `${TYPE_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  Secret: `${TYPE_PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
} as const;

const SCHEMAS = {
  listener: ListenerSchema,
  routes: RouteConfigurationSchema,
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secret: SecretSchema,
  httpConnectionManager: HttpConnectionManagerSchema,
  tcpProxy: TcpProxySchema,
  networkRbac: NetworkRbacSchema,
  httpRbac: HttpRbacSchema,
  rbacPerRoute: RBACPerRouteSchema,
  fault: HTTPFaultSchema,
  cors: CorsSchema,
  corsPolicy: CorsPolicySchema,
  jwt: JwtAuthenticationSchema,
  jwtPerRoute: PerRouteConfigSchema,
  localRateLimit: LocalRateLimitSchema,
  downstreamTls: DownstreamTlsContextSchema,
  upstreamTls: UpstreamTlsContextSchema,
  httpProtocolOptions: HttpProtocolOptionsSchema,
  filterConfig: FilterConfigSchema,
  uriTemplateMatch: UriTemplateMatchConfigSchema,
} as const satisfies Record<string, DescMessage>;

export type MessageName = keyof typeof SCHEMAS;
export type MessageOf<Name extends MessageName> = MessageShape<(typeof SCHEMAS)[Name]>;

/** @throws ConfigError when the bytes are not that message */
export function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): MessageOf<Name> {
  const schema: DescMessage = SCHEMAS[name];
  try {
    // The table pairs each name with its message type; TypeScript cannot follow the index.
    return fromBinary(schema, bytes) as MessageOf<Name>;
  } catch (cause) {
    throw new ConfigError(`cannot decode ${schema.typeName}: ${errorText(cause)}`, { cause });
  }
}

/** Decodes an Any that must hold this message. */
export function unpack<Name extends MessageName>(name: Name, any: Any | undefined): MessageOf<Name> {
  const want = SCHEMAS[name].typeName;
  if (any === undefined) throw new ConfigError(`typed_config with ${want} is missing`);
  if (messageType(any) !== want) throw new ConfigError(`typed_config holds ${messageType(any)}, expected ${want}`);
  return decode(name, any.value);
}

/** `type.googleapis.com/a.b.C` → `a.b.C` */
export function messageType(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}

/** A configuration whose message type we do not have, written as a Struct. */
export interface LooseConfig {
  /** Message type, without prefix. */
  readonly type: string;
  readonly value: JsonObject;
}

/** The content of a `TypedStruct`, or undefined when the Any is something else. */
export function looseConfig(any: Any): LooseConfig | undefined {
  const type = messageType(any);
  if (type !== TypedStructSchema.typeName && type !== UdpaTypedStructSchema.typeName) return undefined;
  const struct = fromBinary(type === TypedStructSchema.typeName ? TypedStructSchema : UdpaTypedStructSchema, any.value);
  return { type: struct.typeUrl.slice(struct.typeUrl.lastIndexOf('/') + 1), value: struct.value ?? {} };
}

/** Equal chains have equal fingerprints. */
export function chainFingerprint(chain: FilterChain): string {
  return Buffer.from(toBinary(FilterChainSchema, chain)).toString('latin1');
}

export function encodeFilter(filter: AccessLogFilter): Uint8Array {
  return toBinary(AccessLogFilterSchema, filter);
}
