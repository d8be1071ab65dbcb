/** Installation profiles: what each sets over the defaults. Names are Istio's; differences are told where they are. */
import { mergeTrees, type Tree } from './tree.ts';
import { InstallError } from './errors.ts';

/** What is installed when nothing is said: base, control plane and ingress gateway. */
const DEFAULT: Tree = {
  namespace: 'istio-system',
  hub: 'lateen',
  meshConfig: {
    defaultConfig: { tracing: {}, proxyMetadata: {} },
    enablePrometheusMerge: true,
    rootNamespace: 'istio-system',
    trustDomain: 'cluster.local',
    defaultProviders: { metrics: ['prometheus'] },
  },
  components: {
    base: { enabled: true },
    pilot: { enabled: true },
    ingressGateways: [{ name: 'istio-ingressgateway', enabled: true }],
    egressGateways: [{ name: 'istio-egressgateway', enabled: false }],
    observe: { enabled: false },
    console: { enabled: false },
  },
  values: {
    global: { proxy: { resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } } } },
    pilot: { resources: { requests: { cpu: '500m', memory: '2048Mi' } } },
  },
};

const NO_GATEWAY: Tree = { components: { ingressGateways: [{ name: 'istio-ingressgateway', enabled: false }] } };

/** Traces go by OTLP over HTTP to the collector's service. */
const collector = (name: string) => ({ name, opentelemetry: { service: 'jaeger-collector.istio-system.svc.cluster.local', port: 4318, http: { path: '/v1/traces', timeout: '10s' } } });

/** Everything on, small requests, all requests traced and logged. Differs from Istio: observability store and console
 * are installed too, and the `jaeger` provider is the default one, so that traces are there without a Telemetry object. */
const DEMO: Tree = {
  meshConfig: {
    accessLogFile: '/dev/stdout',
    extensionProviders: [collector('otel-tracing'), collector('jaeger')],
    defaultProviders: { metrics: ['prometheus'], tracing: ['jaeger'] },
    defaultConfig: { tracing: { sampling: 100 } },
  },
  components: {
    ingressGateways: [
      {
        name: 'istio-ingressgateway',
        enabled: true,
        k8s: {
          resources: { requests: { cpu: '10m', memory: '40Mi' } },
          service: {
            ports: [
              { name: 'status-port', port: 15021, targetPort: 15021 },
              { name: 'http2', port: 80, targetPort: 8080 },
              { name: 'https', port: 443, targetPort: 8443 },
              { name: 'tcp', port: 31400, targetPort: 31400 },
              { name: 'tls', port: 15443, targetPort: 15443 },
            ],
          },
        },
      },
    ],
    egressGateways: [{ name: 'istio-egressgateway', enabled: true, k8s: { resources: { requests: { cpu: '10m', memory: '40Mi' } } } }],
    observe: { enabled: true },
    console: { enabled: true },
  },
  values: {
    global: { proxy: { resources: { requests: { cpu: '10m', memory: '40Mi' } } } },
    pilot: { traceSampling: 100, resources: { requests: { cpu: '10m', memory: '100Mi' } } },
  },
};

const PREVIEW: Tree = { meshConfig: { defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' } } } };

const EMPTY: Tree = { components: { base: { enabled: false }, pilot: { enabled: false }, ...(NO_GATEWAY['components'] as Tree) } };

const OVERLAYS: Readonly<Record<string, Tree>> = {
  default: {},
  demo: DEMO,
  empty: EMPTY,
  minimal: NO_GATEWAY,
  preview: PREVIEW,
  remote: { components: { pilot: { enabled: false }, remote: { enabled: true }, ...(NO_GATEWAY['components'] as Tree) } },
  stable: {},
};

/** Profiles that Istio has and this mesh has not, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  ambient: 'the data plane here is the sidecar; there is no ztunnel',
};

export const PROFILE_NAMES: readonly string[] = Object.keys(OVERLAYS).sort();

/** The options that a profile stands for.
 * @throws InstallError that lists the profiles when there is none of that name */
export function profileTree(name: string): Tree {
  const overlay = Object.hasOwn(OVERLAYS, name) ? OVERLAYS[name] : undefined;
  if (overlay) return mergeTrees(DEFAULT, overlay);
  const reason = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
  const why = reason === undefined ? 'does not exist' : `is not supported: ${reason}`;
  throw new InstallError('INSTALL_OPTIONS', `profile ${JSON.stringify(name)} ${why}. The profiles are: ${PROFILE_NAMES.join(', ')}`);
}
