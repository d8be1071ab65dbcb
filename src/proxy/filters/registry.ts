/** Which HTTP filters there are, and how their configurations become filters. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Clock } from '../../base/clock.ts';
import { looseConfig, type MessageOf, messageType, unpack } from '../config/decode.ts';
import { ConfigError } from '../errors.ts';
import type { HttpFilter } from '../http/filter.ts';
import type { ClusterLookup } from '../http/services.ts';
import type { PeerMetadataCodec } from '../peer-metadata.ts';
import { compileCorsPolicy, createCorsFilter } from './cors.ts';
import { compileFault, createFaultFilter } from './fault.ts';
import { createResolveHostFilter } from './resolve-host.ts';
import { createGrpcWebFilter } from './grpc-web.ts';
import { createExternalAuthorizer } from './external-authorizer.ts';
import { createJwtFilter, compileJwtPerRoute } from './jwt.ts';
import { compileLocalRateLimit, createLocalRateLimitFilter } from './local-rate-limit.ts';
import { createPeerMetadataFilter } from './peer-metadata.ts';
import { createHttpRbacFilter, compileRbacPerRoute } from './rbac-http.ts';
import type { BucketMaker } from './bucket-maker.ts';
import type { WasmPlugins } from './wasm.ts';

export interface FilterDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly peer: PeerMetadataCodec;
  readonly clusters: ClusterLookup;
  readonly plugins: WasmPlugins;
  readonly buckets: BucketMaker;
}

type Create = (config: Any, deps: FilterDeps, name: string) => HttpFilter | undefined;

/** By message type of the configuration. */
const FILTERS: Readonly<Record<string, Create>> = {
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': (config, deps, name) => createExternalAuthorizer(name, unpack('extAuthz', config), deps),
  'envoy.extensions.filters.http.fault.v3.HTTPFault': (config, _deps, name) => createFaultFilter(name, compileFault(unpack('fault', config))),
  'envoy.extensions.filters.http.cors.v3.Cors': (_config, _deps, name) => createCorsFilter(name),
  'envoy.extensions.filters.http.rbac.v3.RBAC': (config, _deps, name) => createHttpRbacFilter(name, unpack('httpRbac', config)),
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication': (config, deps, name) => createJwtFilter(name, unpack('jwt', config), deps),
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': (config, deps, name) => createLocalRateLimitFilter(name, compileLocalRateLimit(unpack('localRateLimit', config), deps.buckets)),
  'envoy.extensions.filters.http.set_filter_state.v3.Config': (config, _deps, name) => acceptFilterState(name, unpack('setFilterState', config)),
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb': (_config, _deps, name) => createGrpcWebFilter(name),
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig': (_config, deps, name) => createResolveHostFilter(name, deps),
  'envoy.extensions.filters.http.wasm.v3.Wasm': (config, deps, name) => deps.plugins.filter(name, config),
  'io.istio.http.peer_metadata.Config': (config, deps, name) => createPeerMetadataFilter(name, looseConfig(config)?.value ?? {}, deps.peer),
};

/** Filters whose work other parts of this proxy do: statistics come from outcomes, ALPN from the clusters, routing is no filter here. */
const BUILT_IN: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.http.router.v3.Router',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  'stats.PluginConfig',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  'istio.envoy.config.filter.http.alpn.v2alpha1.Config',
]);

const PER_ROUTE: Readonly<Record<string, (config: Any, deps: FilterDeps) => unknown>> = {
  'envoy.extensions.filters.http.fault.v3.HTTPFault': (config) => compileFault(unpack('fault', config)),
  'envoy.extensions.filters.http.cors.v3.CorsPolicy': (config) => compileCorsPolicy(unpack('corsPolicy', config)),
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': (config) => compileRbacPerRoute(unpack('rbacPerRoute', config)),
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig': (config) => compileJwtPerRoute(unpack('jwtPerRoute', config)),
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': (config, deps) => compileLocalRateLimit(unpack('localRateLimit', config), deps.buckets),
};

/** Message types of all configurations that are read here: `src/control/patch/own-proxy.ts` names them to the control plane. */
export const FILTER_TYPES: readonly string[] = [...Object.keys(FILTERS), ...BUILT_IN, ...Object.keys(PER_ROUTE)];

/** @returns undefined for filters that need no work of their own
 * @throws ConfigError naming a filter that is not there */
export function createHttpFilter(name: string, config: Any | undefined, deps: FilterDeps): HttpFilter | undefined {
  const type = config === undefined ? '' : (looseConfig(config)?.type ?? messageType(config));
  if (BUILT_IN.has(type) || (config === undefined && name === 'envoy.filters.http.router')) return undefined;
  const create = FILTERS[type];
  if (!create || !config) throw new ConfigError(`HTTP filter ${name} (${type === '' ? 'no typed_config' : type}) is not supported`);
  return create(config, deps, name);
}

/** Which ALPN goes upstream is the clusters' affair here: a filter that only sets it says what happens anyway. */
function acceptFilterState(name: string, config: MessageOf<'setFilterState'>): undefined {
  const other = config.onRequestHeaders.find(({ key }) => key.case !== 'objectKey' || key.value !== 'envoy.network.application_protocols');
  if (other) throw new ConfigError(`HTTP filter ${name}: filter state ${other.key.value ?? '(none)'} is not supported`);
}

/** Turned off for a route. */
export const DISABLED = null;

/** One entry of `typed_per_filter_config`. @returns undefined when it changes nothing */
export function compilePerRoute(name: string, config: Any, deps: FilterDeps): unknown {
  if (messageType(config) === 'envoy.config.route.v3.FilterConfig') {
    const wrapper = unpack('filterConfig', config);
    if (wrapper.disabled) return DISABLED;
    return wrapper.config && compilePerRoute(name, wrapper.config, deps);
  }
  const type = looseConfig(config)?.type ?? messageType(config);
  if (BUILT_IN.has(type)) return undefined;
  const compile = PER_ROUTE[type];
  if (!compile) throw new ConfigError(`typed_per_filter_config ${name} (${type}) is not supported`);
  return compile(config, deps);
}
