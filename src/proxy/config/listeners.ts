/** Envoy `Listener` → settings: addresses, what to look at, filter chains. */
import type { Filter, FilterChain, FilterChainMatch } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { TcpProxy } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { errorText } from '../../base/errors.ts';
import { ConfigError } from '../errors.ts';
import { type AccessRules, compileAccessRules } from '../filters/rbac.ts';
import type { ManagerSettings } from '../http/manager-settings.ts';
import type { ChainMatch } from '../net/chain-match.ts';
import type { TcpProxySettings } from '../net/tcp-proxy.ts';
import type { DownstreamTlsSettings } from '../net/tls-server.ts';
import { compileTls } from '../net/tls-settings.ts';
import type { AccessLogSettings, ConfigMetadata, Reporter } from '../outcome.ts';
import { durationMs } from '../route/numbers.ts';
import type { SocketAddress } from '../runtime-contract.ts';
import { cidrSetOf, socketAddress } from './address.ts';
import { looseConfig, messageType, sourceBytes, unpack } from './decode.ts';
import { compileAccessLogs, compileHttpManager, type ManagerContext } from './http-manager.ts';

export interface ChainSettings {
  readonly name: string;
  readonly match: ChainMatch;
  readonly metadata?: ConfigMetadata;
  readonly tls?: DownstreamTlsSettings;
  /** Checked when a connection begins; all must allow it. */
  readonly access: readonly AccessRules[];
  readonly terminal: { readonly kind: 'http'; readonly manager: ManagerSettings } | { readonly kind: 'tcp'; readonly proxy: TcpProxySettings };
  /** Encoded: the same for equal chains, so that an update keeps what did not change. */
  readonly source: Uint8Array;
}

export interface ListenerSettings {
  readonly name: string;
  readonly address: SocketAddress;
  /** False: only receives connections that another listener hands over. */
  readonly bind: boolean;
  /** Hands a connection to the listener of its original destination. */
  readonly handsOver: boolean;
  readonly restoresDestination: boolean;
  /** Connections begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  readonly inspectTls: boolean;
  readonly inspectHttp: boolean;
  /** How long to wait for first bytes; 0: as long as it takes. */
  readonly inspectTimeoutMs: number;
  readonly continueOnTimeout: boolean;
  readonly chains: readonly ChainSettings[];
  readonly defaultChain?: ChainSettings;
  readonly reporter: Reporter;
  readonly accessLogs: readonly AccessLogSettings[];
}

export interface ListenerContext extends Omit<ManagerContext, 'server'> {
  /** Routers (gateways) trace as servers. */
  readonly gateway: boolean;
}

const DEFAULT_INSPECT_MS = 15_000;
/** Envoy's is none; Istio says 15 s at gateways. */
const DEFAULT_HANDSHAKE_MS = 15_000;

export function compileListener(message: Listener, context: ListenerContext): ListenerSettings {
  if (message.filterChainMatcher) throw new ConfigError('filter_chain_matcher is not supported');
  const inbound = (message.trafficDirection as number) === 1;
  const manager: ManagerContext = { ...context, server: inbound || context.gateway };
  const features = listenerFilters(message);
  const chain = (chain: FilterChain) => compileChain(chain, manager);
  const chains = message.filterChains.map(chain);
  return {
    name: message.name,
    address: socketAddress(message.address, `listener ${message.name}`),
    bind: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
    handsOver: message.useOriginalDst ?? false,
    restoresDestination: features.has('original_dst') || (message.useOriginalDst ?? false),
    proxyProtocol: features.has('proxy_protocol'),
    inspectTls: features.has('tls_inspector') || chains.some(({ match }) => match.serverNames.length > 0),
    inspectHttp: features.has('http_inspector'),
    inspectTimeoutMs: durationMs(message.listenerFiltersTimeout) ?? DEFAULT_INSPECT_MS,
    continueOnTimeout: message.continueOnListenerFiltersTimeout,
    chains,
    defaultChain: message.defaultFilterChain && chain(message.defaultFilterChain),
    reporter: inbound ? 'destination' : 'source',
    accessLogs: compileAccessLogs(message.accessLog),
  };
}

const KNOWN_LISTENER_FILTERS: Readonly<Record<string, string>> = {
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'original_dst',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': 'proxy_protocol',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': 'tls_inspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'http_inspector',
};

function listenerFilters(message: Listener): Set<string> {
  const found = new Set<string>();
  for (const filter of message.listenerFilters) {
    const known = filter.configType.case === 'typedConfig' ? KNOWN_LISTENER_FILTERS[messageType(filter.configType.value)] : filter.name.replace(/^envoy\.filters\.listener\./, '');
    if (known === undefined || !Object.values(KNOWN_LISTENER_FILTERS).includes(known)) throw new ConfigError(`listener filter ${filter.name} is not supported`);
    found.add(known);
  }
  return found;
}

function compileChain(message: FilterChain, context: ManagerContext): ChainSettings {
  try {
    return { name: message.name, metadata: message.metadata?.filterMetadata, match: compileMatch(message.filterChainMatch), tls: compileDownstreamTls(message), ...compileFilters(message.filters, context), source: sourceBytes(message) };
  } catch (error) {
    throw new ConfigError(`filter chain ${message.name === '' ? '(unnamed)' : message.name}: ${errorText(error)}`);
  }
}

function compileMatch(message: FilterChainMatch | undefined): ChainMatch {
  return {
    destinationPort: message?.destinationPort,
    destinations: cidrSetOf(message?.prefixRanges),
    serverNames: (message?.serverNames ?? []).map((name) => name.toLowerCase()),
    transport: message?.transportProtocol ?? '',
    applications: message?.applicationProtocols ?? [],
    directSources: cidrSetOf(message?.directSourcePrefixRanges),
    sourceType: (['any', 'local', 'external'] as const)[message?.sourceType ?? 0] ?? 'any',
    sources: cidrSetOf(message?.sourcePrefixRanges),
    sourcePorts: message?.sourcePorts ?? [],
  };
}

function compileDownstreamTls({ transportSocket: socket, transportSocketConnectTimeout }: FilterChain): DownstreamTlsSettings | undefined {
  if (socket === undefined || socket.configType.case === undefined) return undefined;
  const any = socket.configType.value;
  const type = messageType(any);
  if (type === 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') return undefined;
  if (type !== 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext') throw new ConfigError(`transport_socket ${socket.name} (${type}) is not supported`);
  const tls = unpack('downstreamTls', any);
  return { ...compileTls(tls.commonTlsContext), requireClientCertificate: tls.requireClientCertificate ?? false, requireSni: tls.requireSni ?? false, handshakeMs: durationMs(transportSocketConnectTimeout) ?? DEFAULT_HANDSHAKE_MS };
}

/** Network filters whose work other parts do, or that only exist for Envoy's statistics. */
const SILENT: ReadonlySet<string> = new Set(['stats.PluginConfig', 'envoy.tcp.metadataexchange.config.MetadataExchange', 'io.istio.network.peer_metadata.Config']);

function compileFilters(filters: readonly Filter[], context: ManagerContext): Pick<ChainSettings, 'access' | 'terminal'> {
  const access: AccessRules[] = [];
  let bySni = false;
  let namePort: number | undefined;
  for (const filter of filters) {
    if (filter.configType.case !== 'typedConfig') throw new ConfigError(`network filter ${filter.name} has no typed_config`);
    const any = filter.configType.value;
    const type = looseConfig(any)?.type ?? messageType(any);
    switch (type) {
      case 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
        return { access, terminal: { kind: 'http', manager: compileHttpManager(unpack('httpConnectionManager', any), context) } };
      case 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy':
        return { access, terminal: { kind: 'tcp', proxy: { ...compileTcpProxy(unpack('tcpProxy', any), bySni), namePort } } };
      case 'envoy.extensions.filters.network.rbac.v3.RBAC': {
        const rbac = unpack('networkRbac', any);
        if (rbac.matcher) throw new ConfigError('rbac: matcher trees are not supported, only rules');
        if (rbac.rules) access.push(compileAccessRules(rbac.rules));
        break;
      }
      case 'envoy.extensions.filters.network.sni_cluster.v3.SniCluster':
        bySni = true;
        break;
      case 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig': {
        const { portSpecifier } = unpack('sniName', any);
        namePort = portSpecifier.case === 'portValue' ? portSpecifier.value : 443;
        break;
      }
      default:
        if (!SILENT.has(type)) throw new ConfigError(`network filter ${filter.name} (${type}) is not supported`);
    }
  }
  throw new ConfigError('no terminal network filter: http_connection_manager or tcp_proxy is needed');
}

function compileTcpProxy(message: TcpProxy, bySni: boolean): TcpProxySettings {
  const tunnel = message.tunnelingConfig;
  if (tunnel?.hostname.includes('%')) throw new ConfigError('tcp_proxy: tunneling_config.hostname with operators is not supported');
  const specifier = message.clusterSpecifier;
  const clusters = specifier.case === 'cluster' ? [{ name: specifier.value, weight: 1 }] : specifier.case === 'weightedClusters' ? specifier.value.clusters.map(({ name, weight }) => ({ name, weight })) : [];
  const total = clusters.reduce((sum, cluster) => sum + cluster.weight, 0);
  if (!bySni && total === 0) throw new ConfigError('tcp_proxy: no cluster');
  return {
    statPrefix: message.statPrefix,
    target: bySni ? 'sni' : { clusters, total },
    idleTimeoutMs: durationMs(message.idleTimeout) ?? 3_600_000,
    maxConnectAttempts: message.maxConnectAttempts ?? 1,
    hashSource: message.hashPolicy.some((policy) => policy.policySpecifier.case === 'sourceIp'),
    tunnel: tunnel && { target: tunnel.hostname, usePost: tunnel.usePost },
    accessLogs: compileAccessLogs(message.accessLog),
  };
}
