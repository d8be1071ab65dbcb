/** WasmPlugins as HTTP filters. A proxy fetches the module itself, by a cluster that is made for it, and verifies its digest. */
import { create } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { WasmPlugin } from '../../api/wasm-plugin.ts';
import { parseAddress } from '../../base/cidr.ts';
import type { Stored } from '../../kube/object.ts';
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { AsyncDataSourceSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { WasmSchema } from '../../xds/generated/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import type { VmConfigSchema } from '../../xds/generated/envoy/extensions/wasm/v3/wasm_pb.js';
import { moduleKey, moduleSource } from '../registry/wasm-modules.ts';
import { wasmPluginsFor } from '../registry/wasm-plugins.ts';
import { connectTimeout } from './builtin-clusters.ts';
import type { Context } from './context.ts';
import type { HttpFilterInit } from './http-filters.ts';
import { durationMs, pack, type Init } from './message.ts';
import { socketAddress } from './listener-parts.ts';
import type { Side } from './telemetry.ts';
import { originatedSocket } from './tls.ts';

export type Phase = 'AUTHN' | 'AUTHZ' | 'STATS' | 'UNSPECIFIED_PHASE';

/** A filter, and where it stands. */
export interface Plugin {
  readonly phase: Phase;
  readonly filter: HttpFilterInit;
  /** Undefined: on every port. */
  readonly ports: ReadonlySet<number> | undefined;
}

const FETCH_MS = 10_000;

export const selectedPlugins = ({ snapshot, proxy, labels, settings }: Context): Stored<WasmPlugin>[] =>
  wasmPluginsFor(snapshot.wasmPlugins, { namespace: proxy.namespace, labels }, settings.config.rootNamespace);

/** Those of a proxy on one side of its calls, in their order. A gateway's side is the client's, as in Istio. */
export function pluginPlan(context: Context, side: Side): Plugin[] {
  return selectedPlugins(context).flatMap((object): Plugin[] => {
    const ports = portsOn(side, object);
    const filter = ports === 'none' ? undefined : pluginFilter(object, context);
    return filter && ports !== 'none' ? [{ phase: object.spec.phase ?? 'UNSPECIFIED_PHASE', filter, ports }] : [];
  });
}

/** The filters of a phase. @param port that clients of the listener ask for; undefined: it is not known */
export const pluginsAt = (plugins: readonly Plugin[], phase: Phase, port: number | undefined): HttpFilterInit[] =>
  plugins.filter((plugin) => plugin.phase === phase && (plugin.ports === undefined || (port !== undefined && plugin.ports.has(port)))).map(({ filter }) => filter);

function portsOn(side: Side, { spec }: Stored<WasmPlugin>): ReadonlySet<number> | undefined | 'none' {
  if (!spec.match || spec.match.length === 0) return undefined;
  const meant = spec.match.filter(({ mode = 'UNDEFINED' }) => mode === side || mode === 'UNDEFINED' || mode === 'CLIENT_AND_SERVER');
  if (meant.length === 0) return 'none';
  if (meant.some(({ ports }) => !ports || ports.length === 0)) return undefined;
  return new Set(meant.flatMap(({ ports }) => (ports ?? []).map(({ number }) => number)));
}

function pluginFilter(object: Stored<WasmPlugin>, { snapshot }: Context): HttpFilterInit | undefined {
  const { metadata, spec } = object;
  if (spec.type === 'NETWORK') return undefined;
  const code = moduleCode(object, snapshot.modules.get(moduleKey(object)));
  if (code === undefined) return undefined;
  const name = `extenstions.istio.io/wasmplugin/${metadata.namespace}.${metadata.name}`;
  if (code === 'unavailable') return spec.failStrategy === 'FAIL_OPEN' ? undefined : { name, configType: { case: 'typedConfig', value: UNAVAILABLE } };
  const config = spec.pluginConfig;
  const value = pack(WasmSchema, {
    config: {
      name: `${metadata.namespace}.${metadata.name}`,
      rootId: spec.pluginName ?? '',
      failOpen: spec.failStrategy === 'FAIL_OPEN',
      vm: { case: 'vmConfig', value: { runtime: 'envoy.wasm.runtime.v8', code, environmentVariables: environment(spec) } },
      ...(hasFields(config) ? { configuration: anyPack(StringValueSchema, create(StringValueSchema, { value: JSON.stringify(config) })) } : {}),
    },
  });
  return { name, configType: { case: 'typedConfig', value } };
}

const hasFields = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** Nobody could verify what it runs. */
const UNAVAILABLE = pack(HTTPFaultSchema, { abort: { errorType: { case: 'httpStatus', value: 503 }, percentage: { numerator: 100 } } });

/** @returns undefined while it is not known what the module is, or for one that nobody can fetch */
function moduleCode({ spec }: Stored<WasmPlugin>, found: { sha256: string } | { problem: string } | undefined): Init<typeof AsyncDataSourceSchema> | 'unavailable' | undefined {
  const source = moduleSource(spec.url);
  if (source.kind === 'none') return undefined;
  if (source.kind === 'file') return { specifier: { case: 'local', value: { specifier: { case: 'filename', value: source.path } } } };
  const sha256 = spec.sha256 || (found && 'sha256' in found ? found.sha256 : '');
  if (sha256 === '') return found && 'unavailable';
  return { specifier: { case: 'remote', value: { sha256, httpUri: { uri: source.url.href, httpUpstreamType: { case: 'cluster', value: clusterName(source.url) }, timeout: durationMs(FETCH_MS) } } } };
}

function environment({ vmConfig }: WasmPlugin['spec']): Init<typeof VmConfigSchema>['environmentVariables'] {
  const env = vmConfig?.env ?? [];
  if (env.length === 0) return undefined;
  const isHost = ({ valueFrom }: (typeof env)[number]) => valueFrom === 'HOST';
  return { hostEnvKeys: env.filter(isHost).map(({ name }) => name), keyValues: Object.fromEntries(env.filter((e) => !isHost(e)).map(({ name, value }) => [name, value ?? ''])) };
}

const portOf = ({ port, protocol }: URL): number => (port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port));

const clusterName = (url: URL): string => `wasm|${portOf(url)}|${url.protocol === 'https:' ? 'tls' : ''}|${url.hostname}`;

/** By which the modules of a proxy's plugins are fetched. */
export function pluginClusters(context: Context): Cluster[] {
  const urls = selectedPlugins(context).flatMap(({ spec }) => {
    const source = moduleSource(spec.url);
    return source.kind === 'http' ? [source.url] : [];
  });
  return [...new Map(urls.map((url) => [clusterName(url), url])).values()].map((url) => moduleCluster(url, context));
}

function moduleCluster(url: URL, context: Context): Cluster {
  const name = clusterName(url);
  const { config } = context.settings;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isAddress = parseAddress(host) !== undefined;
  return create(ClusterSchema, {
    name,
    connectTimeout: connectTimeout(config),
    clusterDiscoveryType: { case: 'type', value: isAddress ? Cluster_DiscoveryType.STATIC : Cluster_DiscoveryType.STRICT_DNS },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
    respectDnsTtl: !isAddress,
    loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: socketAddress(host, portOf(url)) } } }] }] },
    ...(url.protocol === 'https:' ? { transportSocket: originatedSocket({ mode: 'SIMPLE' }, { host, isHttp2: false, subjectAltNames: [host], defaults: config.tlsDefaults }) } : {}),
  });
}
