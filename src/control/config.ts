/** What the control plane is told from outside: arguments over environment over defaults. Names are pilot-discovery's. */
import { parseDuration } from '../base/duration.ts';
import { MeshError } from '../base/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../base/log.ts';
import { readCaSettings, type CaSettings } from './ca/settings.ts';

export class ControlConfigError extends MeshError<'CONTROL_CONFIG'> {}

export interface ControlPorts {
  /** xDS in plaintext; default 15010. */
  readonly plaintext: number;
  /** xDS and certificates over TLS; default 15012. */
  readonly secure: number;
  /** Webhooks; default 15017. */
  readonly webhook: number;
  /** Metrics and debugging; default 15014. */
  readonly monitoring: number;
  /** Readiness and debugging; default 8080. */
  readonly http: number;
}

export interface ControlConfig {
  readonly namespace: string;
  readonly revision: string;
  readonly version: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  /** Address on which servers listen; default all. */
  readonly host: string;
  readonly ports: ControlPorts;
  readonly debounce: { readonly quietMs: number; readonly maxMs: number };
  /** Percent of requests that are traced where nobody says otherwise; PILOT_TRACE_SAMPLING, 1. */
  readonly traceSampling: number;
  /** Whether ServiceEntries without addresses are given some; PILOT_ENABLE_IP_AUTOALLOCATE, true. */
  readonly allocatesAddresses: boolean;
  /** Whether machines may register themselves by WorkloadGroups; PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION, true. */
  readonly registersMachines: boolean;
  /** How long the entry of a machine stays that has gone; PILOT_WORKLOAD_ENTRY_GRACE_PERIOD, 10 s. */
  readonly machineGraceMs: number;
  /** This one among several: the name of its pod. */
  readonly instance: string;
  /** Path of a kubeconfig, to run outside of a cluster. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly logLevels: readonly (readonly [scope: string, level: LogLevel])[];
  readonly ca: CaSettings;
}

type Env = Readonly<Record<string, string | undefined>>;

const FLAGS: Readonly<Record<string, 'value' | 'ignored'>> = {
  domain: 'value', kubeconfig: 'value', context: 'value', clusterID: 'value', namespace: 'value', revision: 'value', host: 'value',
  grpcAddr: 'value', secureGRPCAddr: 'value', httpsAddr: 'value', monitoringAddr: 'value', httpAddr: 'value', log_output_level: 'value',
  keepaliveMaxServerConnectionAge: 'ignored', plugins: 'ignored',
};

/** @param args after the program's name; a leading `discovery` is allowed
 * @throws ControlConfigError that names every argument and variable that cannot be used */
export function readControlConfig(args: readonly string[], env: Env): ControlConfig {
  const problems: string[] = [];
  const flags = readFlags(args[0] === 'discovery' ? args.slice(1) : args, problems);
  const number = (name: string, text: string | undefined, fallback: number): number => {
    const value = text === undefined || text === '' ? fallback : Number(text);
    if (!Number.isFinite(value) || value < 0) problems.push(`${name}: "${text}" is not a number of 0 or more`);
    return value;
  };
  const duration = (name: string, fallback: number): number => {
    const text = env[name];
    const value = text ? parseDuration(text) : fallback;
    if (value === undefined || value < 0) problems.push(`${name}: "${text}" is not a duration such as 100ms`);
    return value ?? fallback;
  };
  const port = (flag: string, fallback: number): number => {
    const text = flags.get(flag)?.split(':').at(-1);
    const value = number(`--${flag}`, text, fallback);
    if (value > 65_535) problems.push(`--${flag}: ${text} is not a port`);
    return value;
  };
  const namespace = flags.get('namespace') ?? (env['POD_NAMESPACE'] || 'istio-system');
  const config: ControlConfig = {
    namespace,
    revision: flags.get('revision') ?? (env['REVISION'] || 'default'),
    version: env['LATEEN_VERSION'] || '0.1.0',
    clusterId: flags.get('clusterID') ?? (env['CLUSTER_ID'] || 'Kubernetes'),
    clusterDomain: flags.get('domain') ?? 'cluster.local',
    host: flags.get('host') ?? '0.0.0.0',
    ports: { plaintext: port('grpcAddr', 15010), secure: port('secureGRPCAddr', 15012), webhook: port('httpsAddr', 15017), monitoring: port('monitoringAddr', 15014), http: port('httpAddr', 8080) },
    debounce: { quietMs: duration('PILOT_DEBOUNCE_AFTER', 10), maxMs: duration('PILOT_DEBOUNCE_MAX', 200) },
    traceSampling: number('PILOT_TRACE_SAMPLING', env['PILOT_TRACE_SAMPLING'], 1),
    allocatesAddresses: !/^(false|0)$/i.test(env['PILOT_ENABLE_IP_AUTOALLOCATE'] ?? ''),
    registersMachines: !/^(false|0)$/i.test(env['PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION'] ?? ''),
    machineGraceMs: duration('PILOT_WORKLOAD_ENTRY_GRACE_PERIOD', 10_000),
    instance: env['POD_NAME'] || 'istiod',
    kubeconfig: flags.get('kubeconfig'),
    context: flags.get('context'),
    logLevels: readLevels(flags.get('log_output_level') ?? 'default:info', problems),
    ca: readCaSettings({ ...env, POD_NAMESPACE: namespace }),
  };
  if (problems.length > 0) throw new ControlConfigError('CONTROL_CONFIG', problems.join('; '));
  return config;
}

/** `--name=value` and `--name value`. */
function readFlags(args: readonly string[], problems: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [, name = '', inline] = /^--?([\w-]+)(?:=(.*))?$/s.exec(args[i] ?? '') ?? [];
    if (FLAGS[name] === undefined) {
      problems.push(`${args[i]}: unknown argument; known are ${Object.keys(FLAGS).map((f) => `--${f}`).join(', ')}`);
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined) problems.push(`--${name}: needs a value`);
    else flags.set(name, value);
  }
  return flags;
}

/** `default:info,ads:debug`; a level alone is the default's. */
function readLevels(text: string, problems: string[]): (readonly [string, LogLevel])[] {
  return text.split(',').flatMap((part) => {
    const [scope = '', given] = part.includes(':') ? part.split(':') : ['default', part];
    const level = LOG_LEVELS.find((l) => l === given);
    if (level) return [[scope === 'default' || scope === 'all' ? '' : scope, level] as const];
    problems.push(`--log_output_level: "${part}" is not SCOPE:LEVEL; levels are ${LOG_LEVELS.join(', ')}`);
    return [];
  });
}
