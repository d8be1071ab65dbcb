/** A data path in the test's process, fed with resources built by hand. */
import type { TestContext } from 'node:test';
import { fromJson, toBinary, createRegistry, type JsonValue } from '@bufbuild/protobuf';
import { systemClock, type Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { FilterConfigSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { CorsPolicySchema, CorsSchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { ExtAuthzSchema } from '../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '../../xds/generated/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { JwtAuthenticationSchema } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { LocalRateLimitSchema } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { RBACPerRouteSchema, RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { HttpInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { TlsInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { UriTemplateMatchConfigSchema } from '../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { SecretSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema } from '../../xds/generated/xds/type/v3/typed_struct_pb.js';
import { WasmSchema } from '../../xds/generated/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { ResourceType } from '../config/decode.ts';
import type { HttpOutcome, Outcome, OutcomeSink, TcpOutcome } from '../outcome.ts';
import { createRuntime, type DataPath, type Rejected, type RuntimeDeps } from '../runtime.ts';

const registry = createRegistry(
  HttpConnectionManagerSchema, RouterSchema, TcpProxySchema, HTTPFaultSchema, GrpcWebSchema, ExtAuthzSchema, CorsSchema, CorsPolicySchema, RBACSchema, RBACPerRouteSchema, NetworkRbacSchema, JwtAuthenticationSchema, LocalRateLimitSchema,
  DownstreamTlsContextSchema, UpstreamTlsContextSchema, HttpProtocolOptionsSchema, TypedStructSchema, FilterConfigSchema, WasmSchema, StringValueSchema, HttpInspectorSchema, TlsInspectorSchema, UriTemplateMatchConfigSchema,
);

const SCHEMAS = {
  [ResourceType.Listener]: ListenerSchema,
  [ResourceType.Route]: RouteConfigurationSchema,
  [ResourceType.Cluster]: ClusterSchema,
  [ResourceType.Endpoints]: ClusterLoadAssignmentSchema,
  [ResourceType.Secret]: SecretSchema,
};

type Json = { readonly [key: string]: unknown };

/** Resources in Envoy's JSON form (`@type` in Any fields). */
export interface Resources {
  readonly clusters?: readonly Json[];
  readonly endpoints?: readonly Json[];
  readonly listeners?: readonly Json[];
  readonly routes?: readonly Json[];
  readonly secrets?: readonly Json[];
}

export interface TestProxy {
  readonly runtime: DataPath;
  readonly outcomes: readonly Outcome[];
  readonly http: readonly HttpOutcome[];
  readonly tcp: readonly TcpOutcome[];
  apply(resources: Resources): Rejected[];
  remove(typeUrl: string, ...names: string[]): void;
  /** Port where a listener is bound. */
  port(listener?: string): Promise<number>;
}

export function startProxy(t: TestContext, resources: Resources, overrides: Partial<RuntimeDeps> & { clock?: Clock } = {}): TestProxy {
  const outcomes: Outcome[] = [];
  const sink: OutcomeSink = { record: (outcome) => void outcomes.push(outcome), opened() {} };
  const runtime = createRuntime({
    outcomes: sink,
    secrets: { get: () => undefined, onChange: () => () => {} },
    peer: { ownId: 'self', ownValue: 'c2VsZg==', decode: (value) => (value === undefined ? undefined : { workload: Buffer.from(value, 'base64').toString() }) },
    clock: systemClock,
    log: silentLog,
    bind: {},
    node: { id: 'sidecar~127.0.0.1~test.default~default.svc.cluster.local', cluster: 'test' },
    ...overrides,
  });
  t.after(() => runtime.close());
  let version = 0;
  const apply = (next: Resources): Rejected[] => {
    version++;
    const send = (typeUrl: keyof typeof SCHEMAS, list: readonly Json[] | undefined, key: string): Rejected[] => {
      if (!list) return [];
      const upserted = list.map((json) => ({ name: String(json[key]), version: String(version), value: encode(typeUrl, json) }));
      return runtime.apply({ typeUrl, upserted, removed: [] });
    };
    return [
      ...send(ResourceType.Secret, next.secrets, 'name'),
      ...send(ResourceType.Cluster, next.clusters, 'name'),
      ...send(ResourceType.Endpoints, next.endpoints, 'cluster_name'),
      ...send(ResourceType.Listener, next.listeners, 'name'),
      ...send(ResourceType.Route, next.routes, 'name'),
    ];
  };
  const rejected = apply(resources);
  if (rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(rejected)}`);
  return {
    runtime,
    outcomes,
    get http() {
      return outcomes.filter((outcome) => outcome.kind === 'http');
    },
    get tcp() {
      return outcomes.filter((outcome) => outcome.kind === 'tcp');
    },
    apply,
    remove: (typeUrl, ...names) => void runtime.apply({ typeUrl, upserted: [], removed: names }),
    async port(listener) {
      for (;;) {
        const states = runtime.snapshot().listeners;
        const found = listener === undefined ? states[0] : states.find((state) => state.name === listener);
        if (found?.bound) return found.bound.port;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

export function encode(typeUrl: keyof typeof SCHEMAS, json: Json): Uint8Array {
  const schema = SCHEMAS[typeUrl];
  // The table pairs type URLs with schemas; the JSON is checked by fromJson itself.
  return toBinary(schema, fromJson(schema, json as JsonValue, { registry }));
}

export const address = (port: number, host = '127.0.0.1') => ({ socket_address: { address: host, port_value: port } });
export const ANY = 'type.googleapis.com/';

export const endpoint = (port: number, extra: Json = {}, host = '127.0.0.1') => ({ endpoint: { address: address(port, host) }, ...extra });

export const assignment = (name: string, ports: readonly number[]) => ({ cluster_name: name, endpoints: [{ lb_endpoints: ports.map((port) => endpoint(port)) }] });

export const staticCluster = (name: string, ports: readonly number[], extra: Json = {}) => ({ name, type: 'STATIC', connect_timeout: '1s', load_assignment: assignment(name, ports), ...extra });

export const http2Options = { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': `${ANY}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`, explicit_http_config: { http2_protocol_options: {} } } };

export const ROUTER = { name: 'envoy.filters.http.router', typed_config: { '@type': `${ANY}envoy.extensions.filters.http.router.v3.Router` } };

export const typed = (name: string, type: string, config: Json = {}) => ({ name, typed_config: { '@type': ANY + type, ...config } });

export const hcm = (routes: Json, extra: Json = {}, filters: readonly Json[] = []) =>
  typed('envoy.filters.network.http_connection_manager', 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'test', ...routes, http_filters: [...filters, ROUTER], ...extra,
  });

export const tcpProxy = (cluster: string, extra: Json = {}) => typed('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'tcp', cluster, ...extra });

export const inlineRoutes = (routes: readonly Json[], extra: Json = {}) => ({ route_config: { name: 'inline', virtual_hosts: [{ name: 'all', domains: ['*'], routes, ...extra }] } });

export const routeTo = (cluster: string, action: Json = {}, extra: Json = {}) => ({ match: { prefix: '/' }, route: { cluster, timeout: '0s', ...action }, ...extra });

export const listener = (filters: readonly Json[], extra: Json = {}) => ({ name: 'test', address: address(0), filter_chains: [{ filters }], ...extra });
