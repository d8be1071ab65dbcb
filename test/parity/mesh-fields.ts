/** What shows the effect of each field of the mesh configuration, annotation and label. Rows are named as FEATURES.md names them. */

type Told = readonly [row: string, config: object, beside?: object];

const log = { accessLogFile: '/dev/stdout' };
const zipkin = { extensionProviders: [{ name: 'z', zipkin: { service: 'zipkin.default.svc.cluster.local', port: 9411 } }], defaultProviders: { tracing: ['z'] } };
const tracing = (fields: object) => ({ defaultConfig: { tracing: fields } });
const headers = (fields: object) => ({ defaultConfig: { proxyHeaders: fields } });
const authz = { extensionProviders: [{ name: 'authz', envoyExtAuthzHttp: { service: 'b.default.svc.cluster.local', port: 80 } }] };

/** Under this configuration proxies are told something else than without it. */
export const TOLD: readonly Told[] = [
  ['accessLogFile', log],
  ['accessLogFormat, accessLogEncoding', { accessLogFormat: '%PROTOCOL%\n' }, log],
  ['accessLogFormat, accessLogEncoding', { accessLogEncoding: 'JSON' }, log],
  ['enableTracing', { enableTracing: false }, zipkin],
  ['defaultConfig.tracing.sampling / PILOT_TRACE_SAMPLING', tracing({ sampling: 7 }), zipkin],
  ['defaultConfig.tracing.{zipkin.address,customTags,maxPathTagLength,tlsSettings,enableIstioTags}', tracing({ zipkin: { address: 'zipkin.default.svc.cluster.local:9411' } })],
  ['defaultConfig.tracing.{zipkin.address,customTags,maxPathTagLength,tlsSettings,enableIstioTags}', tracing({ customTags: { a: { literal: { value: 'b' } } } }), zipkin],
  ['defaultConfig.tracing.{zipkin.address,customTags,maxPathTagLength,tlsSettings,enableIstioTags}', tracing({ maxPathTagLength: 7 }), zipkin],
  ['defaultConfig.tracing.{zipkin.address,customTags,maxPathTagLength,tlsSettings,enableIstioTags}', tracing({ enableIstioTags: false }), zipkin],
  ['extensionProviders[]', authz],
  ['defaultProviders.{tracing,metrics,accessLogging}', { defaultProviders: { tracing: ['z'] } }, { extensionProviders: zipkin.extensionProviders }],
  ['defaultProviders.{tracing,metrics,accessLogging}', { defaultProviders: { accessLogging: ['envoy'] } }],
  ['enableAutoMtls', { enableAutoMtls: false }],
  ['outboundTrafficPolicy.mode', { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }],
  ['outboundTrafficPolicy.mode', { outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } }],
  ['inboundTrafficPolicy.mode', { inboundTrafficPolicy: { mode: 'LOCALHOST' } }],
  ['trustDomain, trustDomainAliases', { trustDomain: 'other.test' }],
  ['trustDomain, trustDomainAliases', { trustDomainAliases: ['other.test'] }],
  ['rootNamespace', { rootNamespace: 'other-root' }],
  ['meshMTLS, tlsDefaults', { meshMTLS: { minProtocolVersion: 'TLSV1_3' } }],
  ['meshMTLS, tlsDefaults', { tlsDefaults: { ecdhCurves: ['P-256'] } }],
  ['meshMTLS, tlsDefaults', { tlsDefaults: { cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256'] } }],
  ['discoverySelectors', { discoverySelectors: [{ matchLabels: { in: 'mesh' } }] }],
  ['defaultServiceExportTo, defaultVirtualServiceExportTo, defaultDestinationRuleExportTo', { defaultServiceExportTo: ['.'] }],
  ['defaultServiceExportTo, defaultVirtualServiceExportTo, defaultDestinationRuleExportTo', { defaultVirtualServiceExportTo: ['far'] }],
  ['defaultServiceExportTo, defaultVirtualServiceExportTo, defaultDestinationRuleExportTo', { defaultDestinationRuleExportTo: ['far'] }],
  ['localityLbSetting', { localityLbSetting: { enabled: false } }],
  ['defaultHttpRetryPolicy', { defaultHttpRetryPolicy: { attempts: 7 } }],
  ['connectTimeout', { connectTimeout: '7s' }],
  ['protocolDetectionTimeout', { protocolDetectionTimeout: '7s' }],
  ['tcpKeepalive', { tcpKeepalive: { time: '7s' } }],
  ['h2UpgradePolicy', { h2UpgradePolicy: 'UPGRADE' }],
  ['dnsRefreshRate', { dnsRefreshRate: '7s' }],
  ['proxyListenPort, proxyInboundListenPort, proxyHttpPort', { proxyListenPort: 16001 }],
  ['proxyListenPort, proxyInboundListenPort, proxyHttpPort', { proxyInboundListenPort: 16006 }],
  ['proxyListenPort, proxyInboundListenPort, proxyHttpPort', { proxyHttpPort: 16007 }],
  ['pathNormalization.normalization', { pathNormalization: { normalization: 'MERGE_SLASHES' } }],
  ['defaultConfig.gatewayTopology.{numTrustedProxies,forwardClientCertDetails,proxyProtocol}', { defaultConfig: { gatewayTopology: { numTrustedProxies: 2 } } }],
  ['defaultConfig.gatewayTopology.{numTrustedProxies,forwardClientCertDetails,proxyProtocol}', { defaultConfig: { gatewayTopology: { forwardClientCertDetails: 'SANITIZE' } } }],
  ['defaultConfig.gatewayTopology.{numTrustedProxies,forwardClientCertDetails,proxyProtocol}', { defaultConfig: { gatewayTopology: { proxyProtocol: {} } } }],
  ...[
    { forwardedClientCert: 'SANITIZE' }, { requestId: { disabled: true } }, { server: { disabled: true } }, { server: { value: 'x' } }, { attemptCount: { disabled: true } }, { envoyDebugHeaders: { disabled: true } },
    { setCurrentClientCertDetails: { subject: true } }, { preserveHttp1HeaderCase: true }, { xForwardedHost: { enabled: true } }, { xForwardedPort: { enabled: true } },
  ].map((fields): Told => ['defaultConfig.proxyHeaders.*', headers(fields)]),
  ['defaultConfig.proxyMetadata', { defaultConfig: { proxyMetadata: { ISTIO_META_HTTP10: '1' } } }],
  ['defaultConfig.proxyMetadata', { defaultConfig: { proxyMetadata: { ISTIO_META_HTTP_STREAM_IDLE_TIMEOUT: '7s' } } }],
];

/** Under this configuration an injected pod is another one. */
export const INJECTED: readonly (readonly [row: string, config: object])[] = [
  ['enablePrometheusMerge', { enablePrometheusMerge: false }],
  ['defaultConfig.holdApplicationUntilProxyStarts', { defaultConfig: { holdApplicationUntilProxyStarts: true } }],
  ['defaultConfig.proxyMetadata', { defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' } } }],
  ['defaultConfig.discoveryAddress', { defaultConfig: { discoveryAddress: 'elsewhere:15012' } }],
  ['defaultConfig.{proxyAdminPort,statusPort,statNameLength}', { defaultConfig: { proxyAdminPort: 16000 } }],
  ['defaultConfig.{proxyAdminPort,statusPort,statNameLength}', { defaultConfig: { statusPort: 16020 } }],
];

/** The annotation by itself, or beside others, makes an injected pod another one. */
export const ANNOTATED: readonly (readonly [key: string, value: string, beside?: Record<string, string>])[] = [
  ['prometheus.istio.io/merge-metrics', 'false'],
  ['sidecar.istio.io/rewriteAppHTTPProbers', 'false'],
  ['sidecar.istio.io/proxyImage', 'x'],
  ['sidecar.istio.io/proxyCPU', '7m'],
  ['sidecar.istio.io/proxyCPULimit', '7m'],
  ['sidecar.istio.io/proxyMemory', '7Mi'],
  ['sidecar.istio.io/proxyMemoryLimit', '7Mi'],
  ['sidecar.istio.io/interceptionMode', 'NONE'],
  ['sidecar.istio.io/userVolume', '{"v": {"emptyDir": {}}}'],
  ['sidecar.istio.io/userVolumeMount', '{"v": {"mountPath": "/v"}}'],
  ['status.sidecar.istio.io/port', '0'],
  ['sidecar.istio.io/logLevel', 'debug'],
  ['sidecar.istio.io/componentLogLevel', 'http:debug'],
  ['sidecar.istio.io/agentLogLevel', 'default:debug'],
  ['sidecar.istio.io/nativeSidecar', 'false'],
  ['readiness.status.sidecar.istio.io/initialDelaySeconds', '7'],
  ['readiness.status.sidecar.istio.io/periodSeconds', '7'],
  ['readiness.status.sidecar.istio.io/failureThreshold', '7'],
  ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.7.0.0/16'],
  ['traffic.sidecar.istio.io/excludeOutboundIPRanges', '10.7.0.0/16'],
  ['traffic.sidecar.istio.io/includeInboundPorts', '7'],
  ['traffic.sidecar.istio.io/excludeInboundPorts', '7'],
  ['traffic.sidecar.istio.io/excludeInterfaces', 'eth7'],
  ['traffic.sidecar.istio.io/includeOutboundPorts', '7'],
  ['traffic.sidecar.istio.io/excludeOutboundPorts', '7'],
  ['traffic.sidecar.istio.io/kubevirtInterfaces', 'net7'],
  ['istio.io/reroute-virtual-interfaces', 'net7'],
  ['proxy.istio.io/config', 'concurrency: 7'],
  ['inject.istio.io/templates', 'gateway'],
];

export const LABELLED: readonly (readonly [key: string, value: string])[] = [['service.istio.io/workload-name', 'other']];

/** Whoever sets it is warned. */
export const VAIN: readonly (readonly [row: string, config: object])[] = [
  ['zoneAwareLbSetting, defaultTrafficPolicy, serviceEntryVisibility', { zoneAwareLbSetting: {}, defaultTrafficPolicy: {}, serviceEntryVisibility: {} }],
  ['ingressService, ingressSelector, ingressClass, ingressControllerMode', { ingressService: 'x', ingressSelector: 'x', ingressClass: 'x', ingressControllerMode: 'OFF' }],
  ['disableEnvoyListenerLog', { disableEnvoyListenerLog: true }],
  ['serviceSettings[].settings.clusterLocal, serviceScopeConfigs', { serviceSettings: [], serviceScopeConfigs: [] }],
  ['caCertificates[], ca, certificates', { caCertificates: [], ca: {}, certificates: [] }],
  ['configSources[]', { configSources: [] }],
  ['defaultConfig.image.imageType, privateKeyProvider, readinessProbe, runtimeValues, caCertificatesPem, statsCompression, fileFlush*, connectionSettings.*', { defaultConfig: { image: {}, privateKeyProvider: {}, readinessProbe: {}, runtimeValues: { a: 'b' }, caCertificatesPem: [], statsCompression: true, fileFlushInterval: '1s', connectionSettings: {} } }],
];

/** Shown by a test of its own: file, and words of its name. */
export const ELSEWHERE: Readonly<Record<string, readonly [file: string, name: string]>> = {
  'defaultConfig.proxyStatsMatcher.inclusion{Prefixes,Suffixes,Regexps}': ['src/agent/envoy-bootstrap.test.ts', 'a pod’s annotations, else ProxyConfig, widen what is kept'],
  'defaultConfig.concurrency': ['src/control/inject/concurrency.integration.test.ts', 'as many as the mesh says'],
  'defaultConfig.terminationDrainDuration, drainDuration': ['src/proxy/bootstrap/bootstrap.test.ts', 'terminationDrainDuration'],
  'Env feature flags of istiod': ['src/install/render.test.ts', 'variables that istiod does not read are warned of'],
  'networking.istio.io/exportTo': ['src/control/translate/hidden-services.test.ts', 'exportTo'],
  'sidecar.istio.io/inject': ['src/control/inject/inject-pod.test.ts', 'injected`'],
  'sidecar.istio.io/status': ['src/control/inject/injection-suite.test.ts', 'injection gives what Istio gives for'],
  'sidecar.istio.io/statsInclusionPrefixes': ['src/agent/envoy-bootstrap.test.ts', 'a pod’s annotations, else ProxyConfig, widen what is kept'],
  'sidecar.istio.io/statsInclusionSuffixes': ['src/agent/envoy-bootstrap.test.ts', 'a pod’s annotations, else ProxyConfig, widen what is kept'],
  'sidecar.istio.io/statsInclusionRegexps': ['src/agent/envoy-bootstrap.test.ts', 'a pod’s annotations, else ProxyConfig, widen what is kept'],
  'sidecar.istio.io/statsHistogramBuckets': ['src/proxy/telemetry/metrics.test.ts', 'an annotation of the pod sets the bounds of histograms'],
  'istio.io/dry-run': ['src/control/translate/authorization.test.ts', 'dry-run'],
  'istio.io/rev': ['src/control/inject/registration.test.ts', 'istio.io/rev'],
  'proxy.istio.io/overrides': ['src/control/inject/injection-suite.test.ts', 'injection gives what Istio gives for'],
  'networking.istio.io/traffic-distribution': ['src/control/translate/locality.test.ts', 'a service that prefers the near is called there first'],
  'security.istio.io/tlsMode': ['src/control/translate/clusters.test.ts', 'tlsMode'],
  'service.istio.io/canonical-name': ['src/proxy/bootstrap/bootstrap.test.ts', 'labels give the canonical names'],
  'service.istio.io/canonical-revision': ['src/proxy/bootstrap/bootstrap.test.ts', 'labels give the canonical names'],
  'topology.istio.io/subzone': ['src/control/translate/locality.test.ts', 'topology.istio.io/subzone'],
  'topology.istio.io/locality': ['src/control/registry/registry.test.ts', 'a label of the pod says where it is'],
  'istio.io/autoRegistrationGroup': ['src/control/machines/entry.test.ts', 'an entry is its group’s template at the address of the machine, and the group’s own'],
  'istio.io/workloadController': ['src/control/machines/machines.test.ts', 'entries of another control plane that is there are left to it'],
  'istio.io/connectedAt': ['src/control/machines/machines.test.ts', 'entries whose machines went while the control plane was away are cleaned up, those that come back stay'],
  'istio.io/disconnectedAt': ['src/control/machines/machines.test.ts', 'a machine that goes leaves its entry for the grace period, and takes it up again when it comes back in time'],
  'networking.istio.io/enable-autoallocate-ip': ['src/control/registry/address-plan.test.ts', 'networking.istio.io/enable-autoallocate-ip'],
};

const GATEWAY_API = 'on objects of the Kubernetes Gateway API, of which nothing is made (docs/limits.md)';
const WRITTEN = 'written by control planes and installers to know their own objects, not by people';

/** On objects that the mesh does not read, or not for it to read. */
export const FOREIGN: Readonly<Record<string, string>> = {
  'kubernetes.io/ingress.class': 'on Ingresses, of which nothing is made (docs/limits.md)',
  'galley.istio.io/analyze-suppress': 'for a command that is not there: istioctl analyze',
  ...Object.fromEntries(['gateway.istio.io/controller-version', 'gateway.istio.io/service-account', 'gateway.istio.io/name-override', 'networking.istio.io/service-type', 'ambient.istio.io/waypoint-inbound-binding', 'istio.io/waypoint-for', 'gateway.istio.io/managed', 'gateway.networking.k8s.io/gateway-name', 'gateway.networking.k8s.io/gateway-class-name'].map((key) => [key, GATEWAY_API])),
  ...Object.fromEntries(['istio.io/tag', 'operator.istio.io/component', 'operator.istio.io/managed', 'operator.istio.io/version'].map((key) => [key, WRITTEN])),
};
