/** Everything a sidecar or gateway is told at its start, decoded once and never changed. */
import { MeshError } from '../../base/errors.ts';
import type { LogLevel } from '../../base/log.ts';
import type { ReadinessProbe } from '../health/readiness-probe.ts';

export class BootstrapError extends MeshError<'PROXY_BOOTSTRAP'> {
  /** One sentence for each mistake. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('PROXY_BOOTSTRAP', `the proxy cannot start:\n  ${problems.join('\n  ')}`, { fields: { problems } });
    this.problems = problems;
  }
}

export const ProxyRole = { Sidecar: 'sidecar', Router: 'router' } as const;
export type ProxyRole = (typeof ProxyRole)[keyof typeof ProxyRole];

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What the metrics, spans and peers are told about this workload. */
export interface WorkloadFacts {
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly app: string;
  readonly version: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly clusterId: string;
  readonly meshId: string;
}

export interface ProxyPorts {
  /** On localhost; Istio: proxyAdminPort, 15000. */
  readonly admin: number;
  /** Merged stats, probes of the application, drain; statusPort, 15020. */
  readonly status: number;
  /** Readiness of the data path; ENVOY_STATUS_PORT, 15021. */
  readonly readiness: number;
  /** Metrics of the data path; ENVOY_PROMETHEUS_PORT, 15090. */
  readonly prometheus: number;
}

export interface IdentitySettings {
  readonly trustDomain: string;
  /** Where certificate requests go, over TLS; CA_ADDR, default: the discovery address, its TLS port. */
  readonly caAddress: ServerAddress;
  /** Asked for; SECRET_TTL, 24 h. */
  readonly lifetimeMs: number;
  /** Share of the lifetime after which to renew; SECRET_GRACE_PERIOD_RATIO, 0.5. */
  readonly graceRatio: number;
  /** SECRET_GRACE_PERIOD_RATIO_JITTER, 0.01. */
  readonly graceJitter: number;
}

export interface ProxyFiles {
  /** Projected service account token. */
  readonly token: string;
  /** Root certificate of the control plane and of peers. */
  readonly rootCertificate: string;
  /** Directory of the downward API files `labels` and `annotations`. */
  readonly podInfo: string;
  /** Writable; keeps the last good configuration. */
  readonly data: string;
}

/** How the sidecar forwards one probe of an application container. Kubernetes: `httpGet`, `tcpSocket`, `grpc`. */
export interface AppProbe {
  readonly httpGet?: { readonly path?: string; readonly port: number; readonly host?: string; readonly scheme?: string; readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[] };
  readonly tcpSocket?: { readonly port: number; readonly host?: string };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly timeoutSeconds?: number;
}

/** Where the application publishes metrics; ISTIO_PROMETHEUS_ANNOTATIONS. */
export interface AppMetrics {
  readonly port: number;
  readonly path: string;
}

export interface DnsSettings {
  /** The workload's DNS queries are answered here; ISTIO_META_DNS_CAPTURE. */
  readonly captures: boolean;
  /** On the loopback; where the capture rules send queries. DNS_PROXY_ADDR, 15053. */
  readonly port: number;
  readonly resolvConf: string;
}

export interface ProxySettings {
  readonly role: ProxyRole;
  /** `sidecar~IP~pod.ns~ns.svc.cluster.local` */
  readonly nodeId: string;
  /** Envoy's node cluster; the service name of spans. */
  readonly nodeCluster: string;
  readonly instanceIp: string;
  readonly workload: WorkloadFacts;
  readonly discovery: ServerAddress;
  /** Plaintext towards the control plane; controlPlaneAuthPolicy NONE, or port 15010. */
  readonly isDiscoveryPlaintext: boolean;
  readonly identity: IdentitySettings;
  readonly ports: ProxyPorts;
  readonly files: ProxyFiles;
  readonly dns: DnsSettings;
  /** Of the xDS node. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly logLevels: readonly (readonly [scope: string, level: LogLevel])[];
  /** By path, e.g. `/app-health/web/readyz`; ISTIO_KUBE_APP_PROBERS. */
  readonly appProbes: ReadonlyMap<string, AppProbe>;
  readonly appMetrics: AppMetrics | undefined;
  /** Of a machine outside of Kubernetes: how to find out whether the application is well; readinessProbe. */
  readonly readinessProbe: ReadinessProbe | undefined;
  /** Longest wait for requests in flight at the end; terminationDrainDuration, 5 s. */
  readonly drainMs: number;
  /** Of Envoy: how long connections go on that a listener had before it was changed; drainDuration, 45 s. */
  readonly listenerDrainMs: number;
  /** Clients connected at once. `runtimeValues` of the proxy configuration: `overload.global_downstream_max_connections`. Our own proxy takes no more than leave a quarter of its descriptors. */
  readonly maxConnections: number;
  /** TLS handshakes with clients in progress at once; default 2000. `runtimeValues`: `lateen.max_downstream_tls_handshakes`; Envoy has no such limit. */
  readonly maxHandshakes: number;
  /** Threads that serve clients; 0: one for each core. Istio: concurrency; default 1, since each costs memory. */
  readonly concurrency: number;
  /** EXIT_ON_ZERO_ACTIVE_CONNECTIONS. */
  readonly exitWhenIdle: boolean;
}
