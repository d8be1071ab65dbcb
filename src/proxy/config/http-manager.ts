/** Envoy `HttpConnectionManager` → settings. */
import type { Percent } from '../../xds/generated/envoy/type/v3/percent_pb.js';
import type { AccessLog } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import type { HttpConnectionManager } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { CustomTag as CustomTagMessage } from '../../xds/generated/envoy/type/tracing/v3/custom_tag_pb.js';
import { errorText } from '../../base/errors.ts';
import { ConfigError } from '../errors.ts';
import { compilePerRoute, createHttpFilter, type FilterDeps } from '../filters/registry.ts';
import type { HttpFilter } from '../http/filter.ts';
import type { ForwardCert, ManagerSettings, RouteSource } from '../http/manager-settings.ts';
import { DEFAULT_DRAIN_MS } from '../../codec/http2/server-session.ts';
import { DEFAULT_CLOSE_DELAY_MS } from '../../codec/socket/ending.ts';
import type { AccessLogSettings } from '../outcome.ts';
import { durationMs } from '../route/numbers.ts';
import type { EscapedSlashes } from '../route/path.ts';
import type { CustomTag, TracingSettings } from '../tracing.ts';
import { cidrOf } from './address.ts';
import { messageType, sourceBytes, unpack } from './decode.ts';
import { compileHttp2Options } from './http2-options.ts';
import { compileLocalReplies } from './local-replies.ts';
import { compileRoutes, type RouteCompiler, type RouteTable } from './routes.ts';

export interface ManagerContext {
  readonly filters: FilterDeps;
  /** The accepted RDS resource of that name. */
  routes(name: string): RouteTable | undefined;
  /** True when the listener receives what comes into the workload or the cluster. */
  readonly server: boolean;
}

const FORWARD_CERT: readonly ForwardCert[] = ['sanitize', 'forward-only', 'append-forward', 'sanitize-set', 'always-forward-only'];
const ESCAPED: readonly EscapedSlashes[] = ['keep', 'keep', 'reject', 'redirect', 'forward'];
const CODECS: readonly ManagerSettings['codec'][] = ['auto', 'http1', 'http2'];
const HOUR_MS = 3_600_000;

export function compileHttpManager(message: HttpConnectionManager, context: ManagerContext): ManagerSettings {
  const codec = CODECS[message.codecType];
  if (codec === undefined) throw new ConfigError('codec_type HTTP3 is not supported');
  const common = message.commonHttpProtocolOptions;
  const cert = message.setCurrentClientCertDetails;
  return {
    statPrefix: message.statPrefix,
    codec,
    routes: compileRouteSource(message, context),
    filters: compileFilters(message, context.filters),
    serverName: message.serverName === '' ? 'envoy' : message.serverName,
    serverHeader: (['overwrite', 'append', 'pass'] as const)[message.serverHeaderTransformation] ?? 'overwrite',
    useRemoteAddress: message.useRemoteAddress ?? false,
    trustedHops: message.xffNumTrustedHops,
    internalRanges: (message.internalAddressConfig?.cidrRanges ?? []).map(cidrOf),
    skipXffAppend: message.skipXffAppend,
    tellsPort: message.appendXForwardedPort,
    tellsRouting: !suppressesEnvoyHeaders(message),
    forwardCert: FORWARD_CERT[message.forwardClientCertDetails] ?? 'sanitize',
    certDetails: { subject: cert?.subject ?? false, cert: cert?.cert ?? false, dns: cert?.dns ?? false, uri: cert?.uri ?? false },
    generateRequestId: message.generateRequestId ?? true,
    preserveRequestId: message.preserveExternalRequestId,
    requestIdInResponse: message.alwaysSetRequestIdInResponse,
    paths: { normalize: message.normalizePath ?? false, mergeSlashes: message.mergeSlashes, escapedSlashes: ESCAPED[message.pathWithEscapedSlashesAction] ?? 'keep' },
    stripPort: message.stripPortMode.case === 'stripAnyHostPort' && message.stripPortMode.value ? 'any' : message.stripMatchingHostPort ? 'matching' : 'none',
    upgrades: new Set(message.upgradeConfigs.filter((upgrade) => upgrade.enabled ?? true).map((upgrade) => upgrade.upgradeType.toLowerCase())),
    acceptHttp10: message.httpProtocolOptions?.acceptHttp10 ?? false,
    http1Trailers: message.httpProtocolOptions?.enableTrailers ?? false,
    proxiesInterim: message.proxy100Continue,
    allowConnect: message.http2ProtocolOptions?.allowConnect ?? false,
    maxHeadBytes: (message.maxRequestHeadersKb ?? 60) * 1024,
    maxHeaders: common?.maxHeadersCount ?? 100,
    streamIdleMs: durationMs(message.streamIdleTimeout) ?? 300_000,
    requestTimeoutMs: durationMs(message.requestTimeout) ?? 0,
    headTimeoutMs: durationMs(message.requestHeadersTimeout) ?? 0,
    maxStreamMs: durationMs(common?.maxStreamDuration) ?? 0,
    connectionIdleMs: durationMs(common?.idleTimeout) ?? HOUR_MS,
    maxConnectionMs: durationMs(common?.maxConnectionDuration) ?? 0,
    closeDelayMs: durationMs(message.delayedCloseTimeout) ?? DEFAULT_CLOSE_DELAY_MS,
    via: message.via,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    drainMs: durationMs(message.drainTimeout) ?? DEFAULT_DRAIN_MS,
    http2: compileHttp2Options(message.http2ProtocolOptions),
    tracing: message.tracing && compileTracing(message.tracing, context.server),
    accessLogs: compileAccessLogs(message.accessLog),
    replyMappers: compileLocalReplies(message.localReplyConfig),
    underscores: (['allow', 'reject', 'drop'] as const)[common?.headersWithUnderscoresAction ?? 0] ?? 'allow',
  };
}

/** What the router does is compiled here: it is no filter of its own. */
function suppressesEnvoyHeaders(message: HttpConnectionManager): boolean {
  const router = message.httpFilters.find(({ configType }) => configType.case === 'typedConfig' && messageType(configType.value) === 'envoy.extensions.filters.http.router.v3.Router');
  return router?.configType.case === 'typedConfig' && unpack('router', router.configType.value).suppressEnvoyHeaders;
}

function compileRouteSource(message: HttpConnectionManager, context: ManagerContext): RouteSource {
  const specifier = message.routeSpecifier;
  if (specifier.case === 'rds') {
    const name = specifier.value.routeConfigName;
    return { name, current: () => context.routes(name) };
  }
  if (specifier.case === 'routeConfig') {
    const table = compileRoutes(specifier.value, routeCompiler(context.filters));
    return { name: undefined, current: () => table };
  }
  throw new ConfigError(`route_specifier ${specifier.case ?? '(none)'} is not supported`);
}

export function routeCompiler(filters: FilterDeps): RouteCompiler {
  const compiler: RouteCompiler = {
    perFilter: (name, config) => compilePerRoute(name, config, filters),
    within(name, bytes) {
      const buckets = filters.buckets.within(name, bytes);
      return buckets === filters.buckets ? compiler : routeCompiler({ ...filters, buckets });
    },
    random: filters.random,
  };
  return compiler;
}

function compileFilters(message: HttpConnectionManager, deps: FilterDeps): HttpFilter[] {
  const filters: HttpFilter[] = [];
  for (const filter of message.httpFilters) {
    if (filter.disabled) continue;
    if (filter.configType.case === 'configDiscovery') throw new ConfigError(`HTTP filter ${filter.name}: config_discovery is not supported`);
    try {
      const made = createHttpFilter(filter.name, filter.configType.value, deps);
      if (made) filters.push(made);
    } catch (error) {
      if (!filter.isOptional) throw new ConfigError(`HTTP filter ${filter.name}: ${errorText(error)}`);
    }
  }
  return filters;
}

function compileTracing(message: NonNullable<HttpConnectionManager['tracing']>, server: boolean): TracingSettings {
  const percent = (value: Percent | undefined) => value?.value ?? 100;
  const provider = message.provider;
  return {
    clientSampling: percent(message.clientSampling),
    randomSampling: percent(message.randomSampling),
    overallSampling: percent(message.overallSampling),
    customTags: message.customTags.flatMap((tag) => compileTag(tag) ?? []),
    maxPathTagLength: message.maxPathTagLength ?? 256,
    provider: provider?.configType.case === 'typedConfig' ? { name: provider.name, typeUrl: provider.configType.value.typeUrl, value: provider.configType.value.value } : undefined,
    server,
  };
}

function compileTag(message: CustomTagMessage): CustomTag | undefined {
  const { tag, type } = message;
  switch (type.case) {
    case 'literal':
      return { tag, from: 'literal', value: type.value.value };
    case 'environment':
      return { tag, from: 'environment', name: type.value.name, defaultValue: type.value.defaultValue };
    case 'requestHeader':
      return { tag, from: 'header', name: type.value.name.toLowerCase(), defaultValue: type.value.defaultValue };
    default:
      // Tags from metadata have no source here; a span without the tag is better than no configuration.
      return undefined;
  }
}

export function compileAccessLogs(messages: readonly AccessLog[]): AccessLogSettings[] {
  return messages.flatMap((log) => {
    if (log.configType.case !== 'typedConfig') return [];
    return [{ name: log.name, typeUrl: log.configType.value.typeUrl, value: log.configType.value.value, filter: log.filter && sourceBytes(log.filter) }];
  });
}
