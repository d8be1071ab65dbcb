/** What the installer sets about injected containers: the `values` of ConfigMap `istio-sidecar-injector`, in the layout
 * of Istio's Helm values, decoded into one flat record. */
import type { ResourceRequirements } from 'kubernetes-types/core/v1.d.ts';

export interface InjectorValues {
  /** Full image of istio-proxy, e.g. `lateen/proxy:0.1.0`. */
  readonly proxyImage: string;
  /** Full image of istio-init; default: the proxy's. */
  readonly initImage: string;
  readonly imagePullPolicy?: string;
  readonly imagePullSecrets: readonly string[];
  readonly caAddress: string;
  readonly clusterId: string;
  readonly meshId: string;
  readonly network: string;
  readonly clusterDomain: string;
  readonly resources: ResourceRequirements;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  /** Scopes of the proxy's own log, `scope:level,…`. */
  readonly agentLogLevel: string;
  readonly logAsJson: boolean;
  /** Port of health and merged metrics; 0 turns readiness and probe rewriting off. */
  readonly statusPort: number;
  readonly readiness: { readonly initialDelaySeconds: number; readonly periodSeconds: number; readonly failureThreshold: number };
  readonly startup: { readonly enabled: boolean; readonly failureThreshold: number };
  readonly privileged: boolean;
  readonly includeIPRanges: string;
  readonly excludeIPRanges: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly holdApplicationUntilProxyStarts: boolean;
  /** The application is told of its end only when its proxy is asked for nothing more. */
  readonly holdApplicationUntilQuiet: boolean;
  readonly rewriteAppHttpProbe: boolean;
  /** The proxy is an init container that keeps running, so that it starts before and stops after the application. */
  readonly nativeSidecars: boolean;
  /** How the proxy's program is called for its small commands, such as `wait`. */
  readonly agentCommand: readonly string[];
  /** Run in a native sidecar as soon as the pod is to end; `$(STATUS_PORT)` is replaced. Default: `request POST drain`, by which
   * the proxy tells its clients to go, while it serves on in both directions until the application has ended. */
  readonly drainCommand: readonly string[];
}

/** @param values parsed JSON of the Helm values; what is missing takes Istio's defaults */
export function decodeInjectorValues(values: unknown): InjectorValues {
  const global = new Reader(values).at('global');
  const proxy = global.at('proxy');
  const pilot = new Reader(values).at('pilot');
  const webhook = new Reader(values).at('sidecarInjectorWebhook');
  const namespace = global.text('istioNamespace', 'istio-system');
  const imageOf = (image: string) => (image.includes('/') ? image : `${global.text('hub', 'lateen')}/${image}:${global.text('tag', 'latest')}`);
  const proxyImage = imageOf(proxy.text('image', 'proxy'));
  const initImage = global.at('proxy_init').text('image', '');
  const drainCommand = proxy.texts('drainCommand');
  const agentCommand = proxy.texts('agentCommand').length > 0 ? proxy.texts('agentCommand') : DEFAULT_AGENT;
  return {
    proxyImage,
    initImage: initImage === '' ? proxyImage : imageOf(initImage),
    ...(global.text('imagePullPolicy', '') === '' ? {} : { imagePullPolicy: global.text('imagePullPolicy', '') }),
    imagePullSecrets: global.texts('imagePullSecrets'),
    caAddress: global.text('caAddress', '') || `istiod.${namespace}.svc:15012`,
    clusterId: global.at('multiCluster').text('clusterName', '') || 'Kubernetes',
    meshId: global.text('meshID', ''),
    network: global.text('network', ''),
    clusterDomain: proxy.text('clusterDomain', 'cluster.local'),
    resources: proxy.resources('resources', DEFAULT_RESOURCES),
    logLevel: proxy.text('logLevel', 'warning'),
    componentLogLevel: proxy.text('componentLogLevel', 'misc:error'),
    agentLogLevel: global.at('logging').text('level', 'default:info'),
    logAsJson: global.flag('logAsJson', false),
    statusPort: proxy.count('statusPort', 15020),
    readiness: {
      initialDelaySeconds: proxy.count('readinessInitialDelaySeconds', 0),
      periodSeconds: proxy.count('readinessPeriodSeconds', 15),
      failureThreshold: proxy.count('readinessFailureThreshold', 4),
    },
    startup: { enabled: proxy.at('startupProbe').flag('enabled', true), failureThreshold: proxy.at('startupProbe').count('failureThreshold', 600) },
    privileged: proxy.flag('privileged', false),
    includeIPRanges: proxy.text('includeIPRanges', '*'),
    excludeIPRanges: proxy.text('excludeIPRanges', ''),
    includeInboundPorts: proxy.text('includeInboundPorts', '*'),
    excludeInboundPorts: proxy.text('excludeInboundPorts', ''),
    includeOutboundPorts: proxy.text('includeOutboundPorts', ''),
    excludeOutboundPorts: proxy.text('excludeOutboundPorts', ''),
    holdApplicationUntilProxyStarts: proxy.flag('holdApplicationUntilProxyStarts', false),
    holdApplicationUntilQuiet: proxy.flag('holdApplicationUntilQuiet', true),
    rewriteAppHttpProbe: webhook.flag('rewriteAppHTTPProbe', true),
    nativeSidecars: pilot.at('env').text('ENABLE_NATIVE_SIDECARS', 'true') !== 'false',
    agentCommand,
    drainCommand: drainCommand.length > 0 ? drainCommand : [...agentCommand, 'request', '--debug-port=$(STATUS_PORT)', 'POST', 'drain'],
  };
}

const DEFAULT_RESOURCES: ResourceRequirements = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } };

/** In the proxy's image. */
const DEFAULT_AGENT = ['node', '/lateen/dist/proxy.cjs'];

/** Reads fields of a value that may be anything; a field of the wrong type counts as missing. */
class Reader {
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    this.#value = isRecord(value) ? value : {};
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
  }

  at(name: string): Reader {
    return new Reader(this.#get(name));
  }

  text(name: string, fallback: string): string {
    const value = this.#get(name);
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : fallback;
  }

  texts(name: string): string[] {
    const value = this.#get(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#get(name);
    return typeof value === 'boolean' ? value : fallback;
  }

  count(name: string, fallback: number): number {
    const value = this.#get(name);
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : fallback;
  }

  /** A resource set to null is left out. */
  resources(name: string, fallback: ResourceRequirements): ResourceRequirements {
    const value = this.#get(name);
    if (!isRecord(value)) return fallback;
    const pick = (part: unknown) => Object.fromEntries(Object.entries(isRecord(part) ? part : {}).flatMap(([key, amount]) => (amount === null || amount === undefined ? [] : [[key, String(amount)]])));
    const { limits, requests } = { limits: pick(value['limits']), requests: pick(value['requests']) };
    return { ...(Object.keys(limits).length > 0 ? { limits } : {}), ...(Object.keys(requests).length > 0 ? { requests } : {}) };
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
