/** The fields of the mesh configuration. Istio: mesh.v1alpha1 MeshConfig and ProxyConfig. */
import { LocalityLb } from './common/load-balancer.ts';
import { ClientTls } from './common/traffic-policy.ts';
import { anything, boolean, int32, list, map, nullable, number, object, oneOfWords, required, string, uint32, type Infer } from './schema/schema.ts';
import { HttpRetry } from './virtual-service.ts';

const Selector = object({ matchLabels: map(string()), matchExpressions: list(object({ key: required(string()), operator: required(string()), values: list(string()) })) });
const headerOptions = list(object({ name: string(), value: string(), envName: string() }));

const Tracing = object({
  sampling: number({ minimum: 0, maximum: 100 }),
  zipkin: object({ address: string() }),
  customTags: map(
    object({
      literal: object({ value: string() }),
      environment: object({ name: string(), defaultValue: string() }),
      header: object({ name: string(), defaultValue: string() }),
    }),
  ),
  maxPathTagLength: uint32(),
  enableIstioTags: nullable(boolean()),
});

const disabled = object({ disabled: nullable(boolean()) });
const ProxyHeaders = object({
  forwardedClientCert: oneOfWords('UNDEFINED', 'SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'),
  requestId: disabled,
  server: object({ disabled: nullable(boolean()), value: string() }),
  attemptCount: disabled,
  envoyDebugHeaders: disabled,
  metadataExchangeHeaders: object({ mode: oneOfWords('UNDEFINED', 'IN_MESH') }),
  setCurrentClientCertDetails: object({ subject: nullable(boolean()), cert: nullable(boolean()), chain: nullable(boolean()), dns: nullable(boolean()), uri: nullable(boolean()) }),
  preserveHttp1HeaderCase: nullable(boolean()),
  xForwardedHost: object({ enabled: nullable(boolean()) }),
  xForwardedPort: object({ enabled: nullable(boolean()) }),
});

export const ProxyDefaultsSchema = object({
  discoveryAddress: string(),
  proxyAdminPort: int32(),
  statusPort: int32(),
  concurrency: nullable(int32({ minimum: 0 })),
  terminationDrainDuration: string(),
  drainDuration: string(),
  parentShutdownDuration: string(),
  holdApplicationUntilProxyStarts: nullable(boolean()),
  proxyMetadata: map(string()),
  statNameLength: int32(),
  tracing: Tracing,
  proxyStatsMatcher: object({ inclusionPrefixes: list(string()), inclusionSuffixes: list(string()), inclusionRegexps: list(string()) }),
  gatewayTopology: object({
    numTrustedProxies: uint32(),
    forwardClientCertDetails: oneOfWords('UNDEFINED', 'SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'),
    proxyProtocol: object({}),
  }),
  proxyHeaders: ProxyHeaders,
  image: object({ imageType: string() }),
  readinessProbe: anything(),
  runtimeValues: map(string()),
  caCertificatesPem: list(string()),
  interceptionMode: oneOfWords('REDIRECT', 'TPROXY', 'NONE'),
  serviceCluster: string(),
  binaryPath: string(),
  configPath: string(),
  controlPlaneAuthPolicy: oneOfWords('NONE', 'MUTUAL_TLS', 'INHERIT'),
  privateKeyProvider: anything(),
  statsCompression: nullable(boolean()),
  fileFlushInterval: string(),
  fileFlushMinSizeKb: uint32(),
  connectionSettings: anything(),
});

const LogLabels = anything();

const OpenTelemetry = object({
  service: required(string()),
  port: required(uint32()),
  maxTagLength: nullable(uint32()),
  http: object({ path: required(string()), timeout: string(), headers: headerOptions }),
  grpc: anything(),
  resourceDetectors: anything(),
  dynatraceSampler: anything(),
});

const ExtAuthzHttp = object({
  service: required(string()),
  port: required(uint32()),
  timeout: string(),
  pathPrefix: string(),
  failOpen: boolean(),
  clearRouteCache: boolean(),
  statusOnError: string(),
  includeHeadersInCheck: list(string()),
  includeRequestHeadersInCheck: list(string()),
  includeAdditionalHeadersInCheck: map(string()),
  includeRequestBodyInCheck: object({ maxRequestBytes: uint32(), allowPartialMessage: boolean(), packAsBytes: boolean() }),
  headersToUpstreamOnAllow: list(string()),
  headersToDownstreamOnDeny: list(string()),
  headersToDownstreamOnAllow: list(string()),
});

const ExtAuthzGrpc = object({
  service: required(string()),
  port: required(uint32()),
  timeout: string(),
  failOpen: boolean(),
  clearRouteCache: boolean(),
  statusOnError: string(),
  includeRequestBodyInCheck: object({ maxRequestBytes: uint32(), allowPartialMessage: boolean(), packAsBytes: boolean() }),
});

const ExtensionProviderSchema = object(
  {
    name: required(string()),
    envoyExtAuthzHttp: ExtAuthzHttp,
    envoyExtAuthzGrpc: ExtAuthzGrpc,
    zipkin: object({ service: required(string()), port: required(uint32()), maxTagLength: nullable(uint32()), enable64bitTraceId: boolean(), path: string() }),
    opentelemetry: OpenTelemetry,
    prometheus: anything(),
    envoyFileAccessLog: object({ path: string(), logFormat: object({ text: string(), labels: LogLabels }), omitEmptyValues: boolean() }),
    envoyHttpAls: anything(),
    envoyTcpAls: anything(),
    envoyOtelAls: object({ service: required(string()), port: required(uint32()), logName: string(), logFormat: object({ text: string(), labels: LogLabels }) }),
    datadog: anything(),
    skywalking: anything(),
    lightstep: anything(),
    opencensus: anything(),
    stackdriver: anything(),
    sds: anything(),
  },
  {
    oneOf: [
      [
        'envoyExtAuthzHttp',
        'envoyExtAuthzGrpc',
        'zipkin',
        'opentelemetry',
        'prometheus',
        'envoyFileAccessLog',
        'envoyHttpAls',
        'envoyTcpAls',
        'envoyOtelAls',
        'datadog',
        'skywalking',
        'lightstep',
        'opencensus',
        'stackdriver',
        'sds',
      ],
    ],
  },
);

const tlsVersion = () => oneOfWords('TLS_AUTO', 'TLSV1_2', 'TLSV1_3');
const TlsConfig = object({ minProtocolVersion: tlsVersion(), ecdhCurves: list(string()), cipherSuites: list(string()) });

export const MeshConfigSchema = object({
  accessLogFile: string(),
  accessLogFormat: string(),
  accessLogEncoding: oneOfWords('TEXT', 'JSON'),
  enableTracing: boolean(),
  defaultConfig: ProxyDefaultsSchema,
  extensionProviders: list(ExtensionProviderSchema),
  defaultProviders: object({ tracing: list(string()), metrics: list(string()), accessLogging: list(string()) }),
  enableAutoMtls: nullable(boolean()),
  outboundTrafficPolicy: object({ mode: oneOfWords('ALLOW_ANY', 'REGISTRY_ONLY', 'ALLOW_ANY_DYNAMIC_DNS'), tls: ClientTls }),
  inboundTrafficPolicy: object({ mode: oneOfWords('PASSTHROUGH', 'LOCALHOST') }),
  trustDomain: string(),
  trustDomainAliases: list(string()),
  rootNamespace: string(),
  meshMTLS: TlsConfig,
  tlsDefaults: TlsConfig,
  discoverySelectors: list(Selector),
  defaultServiceExportTo: list(string()),
  defaultVirtualServiceExportTo: list(string()),
  defaultDestinationRuleExportTo: list(string()),
  localityLbSetting: LocalityLb,
  defaultHttpRetryPolicy: HttpRetry,
  connectTimeout: string(),
  protocolDetectionTimeout: string(),
  tcpKeepalive: object({ probes: uint32(), time: string(), interval: string() }),
  h2UpgradePolicy: oneOfWords('DO_NOT_UPGRADE', 'UPGRADE'),
  dnsRefreshRate: string(),
  proxyListenPort: int32(),
  proxyInboundListenPort: int32(),
  proxyHttpPort: int32(),
  ingressService: string(),
  ingressSelector: string(),
  ingressClass: string(),
  ingressControllerMode: oneOfWords('UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'),
  enablePrometheusMerge: nullable(boolean()),
  enableEnvoyAccessLogService: boolean(),
  disableEnvoyListenerLog: boolean(),
  pathNormalization: object({ normalization: oneOfWords('DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES') }),
  verifyCertificateAtClient: nullable(boolean()),
  serviceSettings: list(object({ settings: object({ clusterLocal: boolean() }), hosts: list(string()) })),
  caCertificates: list(anything()),
  ca: anything(),
  certificates: list(anything()),
  configSources: list(anything()),
  serviceScopeConfigs: list(anything()),
  zoneAwareLbSetting: anything(),
  defaultTrafficPolicy: anything(),
  serviceEntryVisibility: anything(),
});
export type MeshConfigInput = Infer<typeof MeshConfigSchema>;
