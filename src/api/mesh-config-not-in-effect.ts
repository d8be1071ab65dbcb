/** Fields of the mesh configuration and of the proxies' defaults that are taken and change nothing, with the reason: whoever sets one
 * is warned when the mesh is installed, and the control plane logs it. Who implements a field takes it out here. */
import type { Issue } from './issue.ts';
import { placesOf, type Ineffective } from './not-in-effect.ts';

const NO_INGRESS = 'Kubernetes Ingress is not served: use Gateways and VirtualServices';
const PROVIDER = 'proxies have no such exporter; those that there are: opentelemetry, zipkin, envoyFileAccessLog, envoyExtAuthzHttp, envoyExtAuthzGrpc, prometheus';
const BY_INSTALLER = 'the installer and the injector’s values say how the proxy is started';

const PROVIDERS = ['datadog', 'skywalking', 'lightstep', 'opencensus', 'stackdriver', 'sds', 'envoyHttpAls', 'envoyTcpAls', 'envoyOtelAls'];

/** The runtime flags that proxies heed. The first is Envoy's name for the most connections of clients, the second is of our own proxy. */
const HEEDED = ['overload.global_downstream_max_connections', 'lateen.max_downstream_tls_handshakes'];

/** Under `defaultConfig`, and in a pod's annotation `proxy.istio.io/config`. */
export const PROXY_NOT_IN_EFFECT: readonly Ineffective[] = [
  { field: 'binaryPath', why: BY_INSTALLER },
  { field: 'configPath', why: BY_INSTALLER },
  { field: 'serviceCluster', why: 'the workload’s labels name it' },
  { field: 'parentShutdownDuration', why: 'a proxy is never replaced by another one within its pod' },
  { field: 'drainDuration', why: 'our own proxy’s listeners keep their connections when they change; Envoy, as the proxy, heeds it' },
  { field: 'statNameLength', why: 'names of statistics are never cut' },
  { field: 'statsCompression', why: 'statistics are sent as they are' },
  { field: 'image', why: 'there is one image of the proxy; the annotation sidecar.istio.io/proxyImage sets another one for a pod' },
  { field: 'readinessProbe', why: 'pods have probes of their own, and a machine gets the one of its WorkloadGroup' },
  { field: 'caCertificatesPem', why: 'proxies trust the root that istiod distributes' },
  { field: 'privateKeyProvider', why: 'keys are in the proxy’s memory, not in other hardware' },
  { field: 'proxyHeaders.metadataExchangeHeaders', why: 'workloads of the mesh always tell each other who they are' },
  { field: 'fileFlushInterval', why: 'the access log is written as it comes' },
  { field: 'fileFlushMinSizeKb', why: 'the access log is written as it comes' },
  { field: 'connectionSettings', why: 'DestinationRules set the limits of connections' },
  { field: 'proxyHeaders.setCurrentClientCertDetails.chain', why: 'our own proxy tells of the certificate only; Envoy, as the proxy, heeds it' },
];

export const MESH_NOT_IN_EFFECT: readonly Ineffective[] = [
  ...PROXY_NOT_IN_EFFECT.map(({ field, why }) => ({ field: `defaultConfig.${field}`, why })),
  ...PROVIDERS.map((kind) => ({ field: `extensionProviders[].${kind}`, why: PROVIDER })),
  ...['resourceDetectors', 'dynatraceSampler', 'maxTagLength'].map((name) => ({ field: `extensionProviders[].opentelemetry.${name}`, why: 'spans have the attributes of the mesh, and are sampled by percentage' })),
  { field: 'extensionProviders[].zipkin.maxTagLength', why: 'defaultConfig.tracing.maxPathTagLength limits the path' },
  ...['ingressService', 'ingressSelector', 'ingressClass', 'ingressControllerMode'].map((field) => ({ field, why: NO_INGRESS })),
  { field: 'enableEnvoyAccessLogService', why: 'access logs go to files: set accessLogFile' },
  { field: 'disableEnvoyListenerLog', why: 'listeners write no log of their own' },
  { field: 'verifyCertificateAtClient', why: 'servers outside of the mesh are always verified' },
  { field: 'meshMTLS.ecdhCurves', why: 'mutual TLS uses the curves of the proxy, in Istio too' },
  { field: 'meshMTLS.cipherSuites', why: 'mutual TLS uses the ciphers of the proxy' },
  { field: 'tlsDefaults.minProtocolVersion', why: 'servers of a Gateway set theirs; outgoing TLS is 1.2 or 1.3' },
  { field: 'outboundTrafficPolicy.tls.credentialName', why: 'sidecars read no secrets: name files of the proxy, or use a ServiceEntry and a DestinationRule with a workloadSelector' },
  { field: 'serviceSettings', why: 'there is one cluster: every service is local to it' },
  { field: 'caCertificates', why: 'proxies trust the root that istiod distributes' },
  { field: 'ca', why: 'istiod signs, or a Secret cacerts is plugged in' },
  { field: 'certificates', why: 'no certificates are made for others' },
  { field: 'serviceScopeConfigs', why: 'there is one cluster: every service is of it' },
  { field: 'zoneAwareLbSetting', why: 'proxies do not know how their own zone is staffed; localityLbSetting prefers near endpoints' },
  { field: 'defaultTrafficPolicy', why: 'a DestinationRule of the root namespace for *.local holds for all' },
  { field: 'serviceEntryVisibility', why: 'exportTo and defaultServiceExportTo say who sees an entry' },
  { field: 'configSources', why: 'the Kubernetes API is the only source of objects' },
];

/** A warning for each field that a mesh configuration sets in vain. */
export const meshConfigInVain = (config: unknown): Issue[] => [...inVain(MESH_NOT_IN_EFFECT, config, ''), ...runtimeInVain(config, ['defaultConfig', 'runtimeValues{}'], '')];

/** The same of `proxy.istio.io/config`. @param path of the annotation */
export const proxyConfigInVain = (config: unknown, path: string): Issue[] => [...inVain(PROXY_NOT_IN_EFFECT, config, path), ...runtimeInVain(config, ['runtimeValues{}'], path)];

/** Keys of a map are foreign: the table cannot name them. */
const runtimeInVain = (value: unknown, steps: readonly string[], path: string): Issue[] =>
  placesOf(value, steps, path)
    .filter((at) => !HEEDED.some((flag) => at.endsWith(`[${flag}]`)))
    .map((at) => ({ severity: 'warning', path: at, message: `has no effect: of runtime flags proxies heed ${HEEDED.join(' and ')} only` }));

const inVain = (table: readonly Ineffective[], value: unknown, path: string): Issue[] =>
  table.flatMap(({ field, why }) => placesOf(value, field.split('.'), '').map((at) => ({ severity: 'warning' as const, path: path === '' ? at : `${path}.${at}`, message: `has no effect: ${why}` })));
