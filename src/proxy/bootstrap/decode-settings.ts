/** Environment, arguments and pod information → ProxySettings. Pure. Sources: what Istio's injection template sets. */
import { isIP } from 'node:net';
import { LOG_LEVELS } from '../../base/log.ts';
import type { LogLevel } from '../../base/log.ts';
import { readReadinessProbe } from '../health/readiness-probe.ts';
import { DEFAULT_MOST_HANDSHAKES } from '../net/handshakes.ts';
import { nodeMetadata } from './node-metadata.ts';
import { BootstrapError, ProxyRole } from './settings.ts';
import type { AppMetrics, AppProbe, DnsSettings, IdentitySettings, ProxyFiles, ProxyPorts, ProxySettings, ServerAddress, WorkloadFacts } from './settings.ts';
import { SettingsReader, asObject } from './sources.ts';
import type { Environment, JsonObject } from './sources.ts';

export interface BootstrapInput {
  /** After the program's name: `proxy sidecar --domain …`. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** Decoded PROXY_CONFIG, when it was not JSON and had to be read as YAML. */
  readonly proxyConfig?: unknown;
}

const DAY_MS = 86_400_000;
const PORT = { min: 0, max: 65_535 };
const MAX_CONNECTIONS = 'overload.global_downstream_max_connections';
const MAX_HANDSHAKES = 'lateen.max_downstream_tls_handshakes';
/** Istio's. */
const MOST_CONNECTIONS = 2_147_483_647;
/** More would be a mistake, and each costs 10 MB and more. */
const MOST_THREADS = 256;
const PLAINTEXT_PORT = 15_010;
const SECURE_PORT = 15_012;
/** Envoy's and zap's level names → ours. */
const LEVEL_ALIASES: Readonly<Record<string, LogLevel>> = { trace: 'debug', warning: 'warn', critical: 'error', fatal: 'error', off: 'none' };

/** @throws BootstrapError with every problem */
export function decodeSettings(input: BootstrapInput): ProxySettings {
  const reader = new SettingsReader(input.env);
  const config = asObject(input.proxyConfig ?? reader.json('PROXY_CONFIG'));
  const role = roleOf(input.argv, reader);
  const workload = workloadFacts(input, config, reader);
  const instanceIp = reader.required('INSTANCE_IP', 'the pod template takes it from status.podIP');
  if (instanceIp && isIP(instanceIp) === 0) reader.problems.push(`INSTANCE_IP: "${instanceIp}" is not an IP address`);
  const domain = argument(input.argv, '--domain') ?? `${workload.namespace}.svc.cluster.local`;
  const discovery = reader.address('discoveryAddress', config['discoveryAddress'] ?? 'istiod.istio-system.svc:15012');
  const ports = readPorts(config, reader);
  const settings: ProxySettings = {
    role,
    nodeId: `${role}~${instanceIp}~${workload.name}.${workload.namespace}~${domain}`,
    nodeCluster: `${workload.app === '' ? workload.canonicalName : workload.app}.${workload.namespace}`,
    instanceIp,
    workload,
    discovery,
    isDiscoveryPlaintext: config['controlPlaneAuthPolicy'] === 'NONE' || discovery.port === PLAINTEXT_PORT,
    identity: readIdentity(reader, discovery),
    ports,
    files: readFiles(reader),
    dns: readDns(reader),
    metadata: nodeMetadata({ workload, instanceIp, ports, extra: reader.metadata(), proxyConfig: config }),
    logLevels: readLogLevels(input.argv, reader),
    appProbes: readProbes(reader),
    appMetrics: readAppMetrics(reader),
    // Of a pod the kubelet finds out.
    readinessProbe: isMachine(reader.metadata()) ? readReadinessProbe(config['readinessProbe'], reader) : undefined,
    drainMs: reader.duration('terminationDrainDuration', config['terminationDrainDuration'] ?? input.env['TERMINATION_DRAIN_DURATION'], 5000),
    listenerDrainMs: reader.duration('drainDuration', config['drainDuration'], 45_000),
    maxConnections: reader.checkNumber(`runtimeValues.${MAX_CONNECTIONS}`, asObject(config['runtimeValues'])[MAX_CONNECTIONS], { fallback: MOST_CONNECTIONS, min: 0, max: MOST_CONNECTIONS }),
    maxHandshakes: reader.checkNumber(`runtimeValues.${MAX_HANDSHAKES}`, asObject(config['runtimeValues'])[MAX_HANDSHAKES], { fallback: DEFAULT_MOST_HANDSHAKES, min: 1, max: MOST_CONNECTIONS }),
    concurrency: readConcurrency(config, reader),
    exitWhenIdle: reader.flag('EXIT_ON_ZERO_ACTIVE_CONNECTIONS'),
  };
  if (reader.problems.length > 0) throw new BootstrapError(reader.problems);
  return Object.freeze(settings);
}

function readConcurrency(config: JsonObject, reader: SettingsReader): number {
  const asked = reader.checkNumber('concurrency', config['concurrency'], { fallback: 1, min: 0, max: MOST_THREADS });
  if (!Number.isInteger(asked)) reader.problems.push(`concurrency: ${JSON.stringify(config['concurrency'])} is not a whole number of threads`);
  return asked;
}

/** Istio: the node's metadata that makes a workload a machine of a WorkloadGroup, or of a WorkloadEntry. */
const isMachine = (metadata: Readonly<Record<string, string>>): boolean => (metadata['AUTO_REGISTER_GROUP'] ?? metadata['WORKLOAD_ENTRY']) !== undefined;

function roleOf(argv: readonly string[], reader: SettingsReader): ProxyRole {
  const [command, role] = argv;
  if (command !== 'proxy') reader.problems.push(`arguments: expected "proxy sidecar" or "proxy router", got "${argv.slice(0, 2).join(' ')}"`);
  if (role === undefined || role.startsWith('-') || role === ProxyRole.Sidecar) return ProxyRole.Sidecar;
  if (role !== ProxyRole.Router) reader.problems.push(`arguments: unknown role "${role}"; use sidecar or router`);
  return ProxyRole.Router;
}

/** `--name value` or `--name=value`. */
export function argument(argv: readonly string[], name: string): string | undefined {
  for (const [i, arg] of argv.entries()) {
    if (arg === name) return argv[i + 1];
    if (arg.startsWith(`${name}=`)) return arg.slice(name.length + 1);
  }
  return undefined;
}

function workloadFacts(input: BootstrapInput, config: JsonObject, reader: SettingsReader): WorkloadFacts {
  const { labels, annotations } = input;
  const name = reader.required('POD_NAME', 'the pod template takes it from metadata.name');
  const namespace = reader.required('POD_NAMESPACE', 'the pod template takes it from metadata.namespace');
  const first = (...keys: string[]) => keys.map((key) => labels.get(key)).find(Boolean);
  const workload = reader.text('ISTIO_META_WORKLOAD_NAME', first('service.istio.io/workload-name') ?? name);
  return {
    name,
    namespace,
    workload,
    serviceAccount: reader.text('SERVICE_ACCOUNT', 'default'),
    labels,
    annotations,
    app: first('app', 'app.kubernetes.io/name') ?? '',
    version: first('version', 'app.kubernetes.io/version') ?? '',
    canonicalName: first('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? workload,
    canonicalRevision: first('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
    clusterId: reader.text('ISTIO_META_CLUSTER_ID', 'Kubernetes'),
    meshId: reader.text('ISTIO_META_MESH_ID', typeof config['meshId'] === 'string' ? config['meshId'] : 'cluster.local'),
  };
}

const readPorts = (config: JsonObject, reader: SettingsReader): ProxyPorts => ({
  admin: reader.checkNumber('proxyAdminPort', config['proxyAdminPort'], { fallback: 15_000, ...PORT }),
  status: reader.checkNumber('statusPort', config['statusPort'], { fallback: 15_020, ...PORT }),
  readiness: reader.number('ENVOY_STATUS_PORT', 15_021, PORT),
  prometheus: reader.number('ENVOY_PROMETHEUS_PORT', 15_090, PORT),
});

function readIdentity(reader: SettingsReader, discovery: ServerAddress): IdentitySettings {
  const ca = reader.text('CA_ADDR', '');
  return {
    trustDomain: reader.text('TRUST_DOMAIN', 'cluster.local'),
    // Certificates are never asked for in plaintext.
    caAddress: ca !== '' ? reader.address('CA_ADDR', ca) : discovery.port === PLAINTEXT_PORT ? { ...discovery, port: SECURE_PORT } : discovery,
    lifetimeMs: reader.duration('SECRET_TTL', reader.text('SECRET_TTL', ''), DAY_MS),
    graceRatio: reader.number('SECRET_GRACE_PERIOD_RATIO', 0.5, { min: 0, max: 1 }),
    graceJitter: reader.number('SECRET_GRACE_PERIOD_RATIO_JITTER', 0.01, { min: 0, max: 1 }),
  };
}

function readDns(reader: SettingsReader): DnsSettings {
  const address = reader.text('DNS_PROXY_ADDR', '');
  return {
    captures: reader.flag('ISTIO_META_DNS_CAPTURE'),
    port: address === '' ? 15_053 : reader.checkNumber('DNS_PROXY_ADDR', address.slice(address.lastIndexOf(':') + 1), { fallback: 15_053, ...PORT }),
    resolvConf: reader.text('LATEEN_RESOLV_CONF', '/etc/resolv.conf'),
  };
}

const readFiles = (reader: SettingsReader): ProxyFiles => ({
  token: reader.text('LATEEN_TOKEN_FILE', '/var/run/secrets/tokens/istio-token'),
  rootCertificate: reader.text('XDS_ROOT_CA', '/var/run/secrets/istio/root-cert.pem'),
  podInfo: reader.text('LATEEN_POD_INFO_DIR', '/etc/istio/pod'),
  data: reader.text('LATEEN_DATA_DIR', '/etc/istio/proxy'),
});

/** `--proxyLogLevel=warning` (all), `--log_output_level=default:info,xds:debug` (per scope). The later wins. */
function readLogLevels(argv: readonly string[], reader: SettingsReader): (readonly [string, LogLevel])[] {
  const levels: (readonly [string, LogLevel])[] = [];
  for (const pair of (argument(argv, '--log_output_level') ?? 'default:info').split(',')) {
    const [scope = '', name] = pair.includes(':') ? pair.split(':') : ['default', pair];
    const level = parseLogLevel(name ?? '');
    if (level) levels.push([scope === 'default' || scope === 'all' ? '' : scope, level]);
    else reader.problems.push(`--log_output_level: "${pair}" is not scope:level with a level of ${LOG_LEVELS.join(', ')}`);
  }
  return levels;
}

/** Also Envoy's names (`warning`, `off`, …). */
export function parseLogLevel(name: string): LogLevel | undefined {
  return LEVEL_ALIASES[name] ?? LOG_LEVELS.find((level) => level === name);
}

function readProbes(reader: SettingsReader): Map<string, AppProbe> {
  const probes = new Map<string, AppProbe>();
  for (const [path, probe] of Object.entries(asObject(reader.json('ISTIO_KUBE_APP_PROBERS')))) {
    const { httpGet, tcpSocket, grpc } = asObject(probe);
    const port = asObject(httpGet ?? tcpSocket ?? grpc)['port'];
    // The injector has resolved named ports, so a number (or its text) is all that can come.
    if (typeof port === 'number' && port > 0) probes.set(path, probe as AppProbe);
    else reader.problems.push(`ISTIO_KUBE_APP_PROBERS: "${path}" has no httpGet, tcpSocket or grpc with a numeric port`);
  }
  return probes;
}

function readAppMetrics(reader: SettingsReader): AppMetrics | undefined {
  const value = asObject(reader.json('ISTIO_PROMETHEUS_ANNOTATIONS'));
  if (!/^true$/i.test(String(value['scrape'] ?? ''))) return undefined;
  const port = reader.checkNumber('ISTIO_PROMETHEUS_ANNOTATIONS.port', value['port'], { fallback: 80, min: 1, max: 65_535 });
  return { port, path: typeof value['path'] === 'string' && value['path'] !== '' ? value['path'] : '/metrics' };
}
