/** Envoy `RouteConfiguration` → compiled routes. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { DataSource } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import type { Route as RouteMessage, RouteAction as RouteActionMessage, RouteMatch, VirtualHost as VirtualHostMessage, WeightedCluster_ClusterWeight } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { errorText } from '../../base/errors.ts';
import { ConfigError } from '../errors.ts';
import { decode, sourceBytes } from './decode.ts';
import { readHostNames } from './host-names.ts';
import { compileHashPolicy } from '../route/hash-policy.ts';
import { compileHeaderEdits, type HeaderEdits } from '../route/header-edits.ts';
import { durationMs, fraction } from '../route/numbers.ts';
import { compileRouteMatch } from '../route/path-match.ts';
import { compileRateLimits, type RateLimitRule } from '../route/rate-limits.ts';
import { compileRedirect } from '../route/redirect.ts';
import { compileSubstitution } from '../route/regex.ts';
import { pathOnly } from '../route/request-view.ts';
import { compileRetryPolicy } from '../route/retry-policy.ts';
import type { ForwardAction, HostRewrite, PerFilter, Route, RouteAction, VirtualHost, WeightedDestination } from '../route/route.ts';
import { indexRoutes, pathShape } from '../route/route-index.ts';
import { indexVirtualHosts, type NamedHost, type VirtualHostIndex } from '../route/virtual-hosts.ts';

export interface RouteTable extends VirtualHostIndex {
  readonly name: string;
  readonly virtualHosts: readonly NamedHost[];
}

export interface RouteCompiler {
  /** Compiles one entry of `typed_per_filter_config`. */
  perFilter(name: string, config: Any): unknown;
  /** For a part that is compiled as a whole: see BucketMaker. Absent: no filter needs it. */
  within?(name: string, bytes?: Uint8Array): RouteCompiler;
  readonly random: () => number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const NOT_FOUND_CODES: readonly number[] = [503, 404, 500];

export function compileRoutes(message: RouteConfiguration, compiler: RouteCompiler): RouteTable {
  const table = edits(message);
  const own = compiler.within?.(message.name) ?? compiler;
  const virtualHosts = message.virtualHosts.map((host) => new LazyHost(sourceBytes(host), table, own));
  const index = indexVirtualHosts(virtualHosts, message.ignorePortInHostMatching);
  return { name: message.name, virtualHosts, find: index.find };
}

interface EditFields {
  readonly requestHeadersToAdd: VirtualHostMessage['requestHeadersToAdd'];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: VirtualHostMessage['responseHeadersToAdd'];
  readonly responseHeadersToRemove: string[];
}

export interface Edits {
  readonly request: HeaderEdits | undefined;
  readonly response: HeaderEdits | undefined;
}

export function edits(fields: EditFields): Edits {
  return {
    request: compileHeaderEdits({ add: fields.requestHeadersToAdd, remove: fields.requestHeadersToRemove }),
    response: compileHeaderEdits({ add: fields.responseHeadersToAdd, remove: fields.responseHeadersToRemove }),
  };
}

/** A virtual host that is checked when it comes and made when it is first asked for: of the hosts that a sidecar knows it calls
 * few, and in its encoded form each costs a fraction. */
export class LazyHost implements NamedHost {
  /** Where its bytes are: a view for each would cost as much as they do. */
  readonly #buffer: ArrayBufferLike;
  readonly #start: number;
  readonly #length: number;
  readonly #table: Edits;
  readonly #compiler: RouteCompiler;
  #made: VirtualHost | undefined;

  /** @param table what the route table adds to every host
   * @throws ConfigError */
  constructor(bytes: Uint8Array, table: Edits, compiler: RouteCompiler) {
    this.#buffer = bytes.buffer;
    this.#start = bytes.byteOffset;
    this.#length = bytes.length;
    this.#table = table;
    this.#compiler = compiler;
    this.#compile();
  }

  get name(): string {
    return this.#made?.name ?? readHostNames(this.#bytes()).name;
  }

  get domains(): readonly string[] {
    return this.#made?.domains ?? readHostNames(this.#bytes()).domains;
  }

  get(): VirtualHost {
    return (this.#made ??= this.#compile());
  }

  #compile(): VirtualHost {
    const bytes = this.#bytes();
    return compileHost(decode('virtualHost', bytes), this.#table, this.#compiler.within?.('host', bytes) ?? this.#compiler);
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.#buffer, this.#start, this.#length);
  }
}

function compileHost(message: VirtualHostMessage, table: Edits, compiler: RouteCompiler): VirtualHost {
  const own = edits(message);
  const routes: Route[] = [];
  let find: VirtualHost['find'] = () => undefined;
  const host: VirtualHost = {
    name: message.name,
    metadata: message.metadata?.filterMetadata,
    domains: message.domains,
    requireTls: message.requireTls === 2 ? 'all' : message.requireTls === 1 ? 'external' : 'none',
    attemptCountInRequest: message.includeRequestAttemptCount,
    attemptCountInResponse: message.includeAttemptCountInResponse,
    timeoutRetryInRequest: message.includeIsTimeoutRetryHeader,
    routes,
    find: (request) => find(request),
  };
  if (message.domains.length === 0) throw new ConfigError(`virtual host ${message.name}: no domains`);
  const perFilter = compilePerFilter(message.typedPerFilterConfig, compiler);
  const hostRateLimits = compileRateLimits(message.rateLimits);
  for (const [i, route] of message.routes.entries()) {
    try {
      routes.push(compileRoute(route, { host, message, perFilter, hostRateLimits, outer: [own, table] }, compiler));
    } catch (error) {
      throw new ConfigError(`virtual host ${message.name}: route ${route.name === '' ? i : route.name}: ${errorText(error)}`);
    }
  }
  find = indexRoutes(routes);
  return host;
}

interface HostContext {
  readonly host: VirtualHost;
  readonly message: VirtualHostMessage;
  readonly perFilter: PerFilter;
  readonly outer: readonly Edits[];
  readonly hostRateLimits: readonly RateLimitRule[];
}

function compileRoute(message: RouteMessage, context: HostContext, compiler: RouteCompiler): Route {
  // Envoy: from the most specific level to the least.
  const levels = [edits(message), ...context.outer];
  return {
    name: message.name,
    metadata: message.metadata?.filterMetadata,
    shape: message.match ? pathShape(message.match) : { kind: 'any' },
    matches: compileRouteMatch(message.match, compiler.random),
    action: compileAction(message, context, compiler),
    requestEdits: levels.flatMap((level) => level.request ?? []),
    responseEdits: levels.flatMap((level) => level.response ?? []),
    perFilter: mergePerFilter(context.perFilter, compilePerFilter(message.typedPerFilterConfig, compiler)),
    // As it stands: paths of rules are in it, with percent signs.
    decorator: message.decorator?.operation || undefined,
    rateLimits: routeRateLimits(message, context.hostRateLimits),
    virtualHost: context.host,
  };
}

function routeRateLimits({ action }: RouteMessage, host: readonly RateLimitRule[]): Route['rateLimits'] {
  if (action.case !== 'route' || host.length + action.value.rateLimits.length === 0) return undefined;
  return { own: compileRateLimits(action.value.rateLimits), host, includesHost: action.value.includeVhRateLimits ?? false };
}

export function mergePerFilter(outer: PerFilter, inner: PerFilter): PerFilter {
  return inner.size === 0 ? outer : new Map([...outer, ...inner]);
}

function compilePerFilter(configs: Readonly<Record<string, Any>>, compiler: RouteCompiler): PerFilter {
  const compiled = new Map<string, unknown>();
  for (const [name, config] of Object.entries(configs)) {
    const value = compiler.perFilter(name, config);
    if (value !== undefined) compiled.set(name, value);
  }
  return compiled;
}

function compileAction(message: RouteMessage, context: HostContext, compiler: RouteCompiler): RouteAction {
  const { action } = message;
  switch (action.case) {
    case 'route':
      return compileForward(action.value, message.match, context, compiler);
    case 'redirect':
      return compileRedirect(action.value, matchedPrefix(message.match));
    case 'directResponse': {
      const { status } = action.value;
      if (status < 200 || status > 599) throw new ConfigError(`direct_response.status ${status} is out of range`);
      return { kind: 'direct', status, body: inlineData(action.value.body) };
    }
    default:
      throw new ConfigError(`action ${action.case ?? '(none)'} is not supported`);
  }
}

/** Bytes of a DataSource that carries them itself. */
export function inlineData(source: DataSource | undefined): Buffer {
  switch (source?.specifier.case) {
    case undefined:
      return Buffer.alloc(0);
    case 'inlineString':
      return Buffer.from(source?.specifier.value ?? '', 'utf8');
    case 'inlineBytes':
      return Buffer.from(source?.specifier.value ?? []);
    default:
      throw new ConfigError(`data source: ${source?.specifier.case ?? ''} is not supported, only inline data`);
  }
}

function matchedPrefix(match: RouteMatch | undefined): string | undefined {
  const specifier = match?.pathSpecifier;
  return specifier?.case === 'prefix' || specifier?.case === 'path' || specifier?.case === 'pathSeparatedPrefix' ? specifier.value : undefined;
}

function compileForward(message: RouteActionMessage, match: RouteMatch | undefined, context: HostContext, compiler: RouteCompiler): ForwardAction {
  const duration = message.maxStreamDuration;
  const mirrors = message.requestMirrorPolicies.length > 0 ? message.requestMirrorPolicies : context.message.requestMirrorPolicies;
  return {
    kind: 'forward',
    target: compileTarget(message, compiler),
    clusterNotFoundCode: NOT_FOUND_CODES[message.clusterNotFoundResponseCode] ?? 503,
    rewritePath: compileRewrite(message, match),
    hostRewrite: compileHostRewrite(message),
    appendForwardedHost: message.appendXForwardedHost,
    // Envoy: with the newer limit the older ones mean nothing.
    timeoutMs: duration ? 0 : (durationMs(message.timeout) ?? DEFAULT_TIMEOUT_MS),
    idleTimeoutMs: durationMs(message.idleTimeout),
    grpcTimeoutMaxMs: duration ? undefined : durationMs(message.maxGrpcTimeout),
    duration: duration && { maxMs: durationMs(duration.maxStreamDuration) ?? 0, grpcMaxMs: durationMs(duration.grpcTimeoutHeaderMax) },
    retry: compileRetryPolicy(message.retryPolicy ?? context.message.retryPolicy),
    mirrors: mirrors.map((mirror) => ({ cluster: mirror.cluster, fraction: fraction(mirror.runtimeFraction?.defaultValue, 1), appendShadow: !mirror.disableShadowHostSuffixAppend })),
    hash: compileHashPolicy(message.hashPolicy),
    upgrades: new Map(message.upgradeConfigs.map((upgrade) => [upgrade.upgradeType.toLowerCase(), upgrade.enabled ?? true])),
    highPriority: message.priority === 1,
  };
}

function compileTarget(message: RouteActionMessage, compiler: RouteCompiler): ForwardAction['target'] {
  const specifier = message.clusterSpecifier;
  switch (specifier.case) {
    case 'cluster':
      return { cluster: { cluster: specifier.value, weight: 1, perFilter: new Map() } };
    case 'clusterHeader':
      return { header: specifier.value.toLowerCase() };
    case 'weightedClusters': {
      const weighted = specifier.value.clusters.map((cluster) => compileWeighted(cluster, compiler));
      const total = weighted.reduce((sum, cluster) => sum + cluster.weight, 0);
      if (total === 0) throw new ConfigError('weighted_clusters: the weights add up to 0');
      return { weighted, total };
    }
    default:
      throw new ConfigError(`cluster specifier ${specifier.case ?? '(none)'} is not supported`);
  }
}

function compileWeighted(message: WeightedCluster_ClusterWeight, compiler: RouteCompiler): WeightedDestination {
  const own = edits(message);
  return {
    cluster: message.name,
    weight: message.weight ?? 0,
    hostRewrite: message.hostRewriteSpecifier.case === 'hostRewriteLiteral' ? message.hostRewriteSpecifier.value : undefined,
    requestEdits: own.request,
    responseEdits: own.response,
    perFilter: compilePerFilter(message.typedPerFilterConfig, compiler),
  };
}

function compileRewrite(message: RouteActionMessage, match: RouteMatch | undefined): ((path: string) => string) | undefined {
  if (message.pathRewritePolicy) throw new ConfigError('path_rewrite_policy is not supported');
  if (message.regexRewrite) {
    const edit = compileSubstitution(message.regexRewrite.pattern?.regex ?? '', message.regexRewrite.substitution);
    return (path) => {
      const plain = pathOnly(path);
      return edit(plain) + path.slice(plain.length);
    };
  }
  if (message.prefixRewrite === '') return undefined;
  const prefix = matchedPrefix(match);
  if (prefix === undefined) {
    // Envoy: with a regex match the whole path is replaced.
    return (path) => message.prefixRewrite + path.slice(pathOnly(path).length);
  }
  return (path) => message.prefixRewrite + path.slice(prefix.length);
}

function compileHostRewrite(message: RouteActionMessage): HostRewrite | undefined {
  const specifier = message.hostRewriteSpecifier;
  switch (specifier.case) {
    case 'hostRewriteLiteral':
      return { by: 'literal', host: specifier.value };
    case 'autoHostRewrite':
      return specifier.value.value ? { by: 'auto' } : undefined;
    case 'hostRewriteHeader':
      return { by: 'header', name: specifier.value.toLowerCase() };
    case 'hostRewritePathRegex': {
      const edit = compileSubstitution(specifier.value.pattern?.regex ?? '', specifier.value.substitution);
      return { by: 'path', rewrite: (path) => edit(pathOnly(path)) };
    }
    case undefined:
      return undefined;
  }
}
