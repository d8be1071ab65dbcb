import type { ExtensionProvider } from '../../api/mesh-config.ts';
import type { Tracing } from '../../api/telemetry.ts';
import type { HttpConnectionManager_TracingSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { OpenTelemetryConfigSchema } from '../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { ZipkinConfigSchema, ZipkinConfig_CollectorEndpointVersion } from '../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import { proxyDefaults, type Context } from './context.ts';
import { canonicalName, canonicalRevision } from './endpoints.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';
import { outboundCluster } from './names.ts';

export type TracingInit = Init<typeof HttpConnectionManager_TracingSchema>;
type ProviderInit = NonNullable<TracingInit['provider']>;

/** Spans for one side of the calls; undefined when no provider is set or its service is not in sight.
 * @param rules of the Telemetry objects in force, the narrowest last: each field is taken from the last that sets it */
export function buildTracing(rules: readonly Tracing[], context: Context): TracingInit | undefined {
  const { config } = context.settings;
  const own = proxyDefaults(context).tracing;
  if (!config.enableTracing) return undefined;
  const last = <K extends keyof Tracing>(field: K): Tracing[K] | undefined => rules.findLast((r) => r[field] !== undefined && r[field] !== null)?.[field];
  const [name] = last('providers')?.map((p) => p.name) ?? config.defaultProviders.tracing;
  const provider = name === undefined ? legacyZipkin(context) : config.extensionProviders.find((p) => p.name === name);
  if (!provider || last('disableSpanReporting') === true) return undefined;
  const built = buildProvider(provider, context);
  if (!built) return undefined;
  const sampling = last('randomSamplingPercentage') ?? own.sampling;
  return {
    clientSampling: { value: 100 },
    randomSampling: { value: sampling },
    overallSampling: { value: 100 },
    maxPathTagLength: own.maxPathTagLength ?? 256,
    customTags: [...((last('enableIstioTags') ?? own.enableIstioTags) === false ? [] : istioTags(context)), ...customTags({ ...own.customTags, ...last('customTags') })],
    provider: built,
  };
}

function legacyZipkin(context: Context): ExtensionProvider | undefined {
  const address = proxyDefaults(context).tracing.zipkin?.address;
  if (!address) return undefined;
  const colon = address.lastIndexOf(':');
  return { name: 'zipkin', zipkin: { service: colon < 0 ? address : address.slice(0, colon), port: colon < 0 ? 9411 : Number(address.slice(colon + 1)) } };
}

function buildProvider(provider: ExtensionProvider, context: Context): ProviderInit | undefined {
  const { opentelemetry, zipkin } = provider;
  if (zipkin) return zipkinProvider(zipkin, context);
  if (!opentelemetry) return undefined;
  const at = findCluster(opentelemetry, context);
  if (!at) return undefined;
  const { http } = opentelemetry;
  const own = canonicalName(context.labels, context.proxy.workloadName || context.proxy.name);
  const serviceName = `${own}.${context.proxy.namespace}`;
  const timeout = durationOf(http?.timeout) ?? durationMs(10_000);
  const config = http
    ? pack(OpenTelemetryConfigSchema, {
        serviceName,
        httpService: {
          httpUri: { uri: `http://${at.host}:${opentelemetry.port}${http.path.startsWith('/') ? '' : '/'}${http.path}`, httpUpstreamType: { case: 'cluster', value: at.cluster }, timeout },
          requestHeadersToAdd: (http.headers ?? []).filter((h) => h.value !== undefined).map((h) => ({ header: { key: h.name ?? '', value: h.value ?? '' } })),
        },
      })
    : pack(OpenTelemetryConfigSchema, { serviceName, grpcService: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: at.cluster, authority: at.host } }, timeout } });
  return { name: 'envoy.tracers.opentelemetry', configType: { case: 'typedConfig', value: config } };
}

function zipkinProvider(zipkin: NonNullable<ExtensionProvider['zipkin']>, context: Context): ProviderInit | undefined {
  const at = findCluster(zipkin, context);
  if (!at) return undefined;
  const config = pack(ZipkinConfigSchema, {
    collectorCluster: at.cluster,
    collectorEndpoint: zipkin.path ?? '/api/v2/spans',
    collectorHostname: `${at.host}:${zipkin.port}`,
    collectorEndpointVersion: ZipkinConfig_CollectorEndpointVersion.HTTP_JSON,
    traceId128bit: zipkin.enable64bitTraceId !== true,
    sharedSpanContext: false,
  });
  return { name: 'envoy.tracers.zipkin', configType: { case: 'typedConfig', value: config } };
}

/** The cluster of a provider's service: `host`, `namespace/host`, or a short Kubernetes name such as `jaeger.tracing`. */
function findCluster(at: { service: string; port: number }, context: Context): { cluster: string; host: string } | undefined {
  const text = at.service.slice(at.service.indexOf('/') + 1);
  const { clusterDomain } = context.settings;
  const candidates = [text, `${text}.${clusterDomain}`, `${text}.svc.${clusterDomain}`];
  const service = candidates.map((host) => context.scope.byHost.get(host)).find((s) => s !== undefined);
  if (!service || !service.ports.some((p) => p.port === at.port)) return undefined;
  return { cluster: outboundCluster({ port: at.port, host: service.host }), host: service.host };
}

function istioTags(context: Context): NonNullable<TracingInit['customTags']> {
  const { labels, proxy, settings } = context;
  const literal = (tag: string, value: string) => ({ tag, type: { case: 'literal' as const, value: { value } } });
  return [
    literal('istio.canonical_revision', canonicalRevision(labels)),
    literal('istio.canonical_service', canonicalName(labels, proxy.workloadName || proxy.name)),
    literal('istio.cluster_id', proxy.clusterId),
    literal('istio.mesh_id', settings.config.trustDomain),
    literal('istio.namespace', proxy.namespace),
  ];
}

interface TagSource {
  literal?: { value?: string };
  environment?: { name?: string; defaultValue?: string };
  header?: { name?: string; defaultValue?: string };
}

function customTags(tags: Readonly<Record<string, TagSource>>): NonNullable<TracingInit['customTags']> {
  return Object.entries(tags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([tag, source]) => ({ tag, type: tagType(source) }))
    .filter(({ type }) => type !== undefined);
}

function tagType({ literal, environment, header }: TagSource): NonNullable<TracingInit['customTags']>[number]['type'] {
  if (literal?.value) return { case: 'literal', value: { value: literal.value } };
  if (environment?.name) return { case: 'environment', value: { name: environment.name, defaultValue: environment.defaultValue ?? '' } };
  return header?.name ? { case: 'requestHeader', value: { name: header.name, defaultValue: header.defaultValue ?? '' } } : undefined;
}
