/** The mesh configuration: what holds for all proxies. Istio: mesh.v1alpha1.MeshConfig, kept as YAML under the key `mesh`
 * of ConfigMap `istio` in the root namespace. */
import { parse } from 'yaml';
import { errorText } from '../base/errors.ts';
import { formatProblem } from '../base/format-operators.ts';
import type { ClientTls } from './common/traffic-policy.ts';
import { Report } from './validation/report.ts';
import { checkTlsNames } from './validation/server-tls.ts';
import { checkClientTls } from './validation/traffic-policy.ts';
import { parseDuration } from '../base/duration.ts';
import type { Issue } from './issue.ts';
import { isError } from './issue.ts';
import { meshConfigInVain } from './mesh-config-not-in-effect.ts';
import { MeshConfigSchema, type MeshConfigInput } from './mesh-config-schema.ts';
import { checkValue } from './schema/check.ts';

type Defaulted =
  | 'accessLogFile'
  | 'accessLogFormat'
  | 'accessLogEncoding'
  | 'enableTracing'
  | 'extensionProviders'
  | 'enableAutoMtls'
  | 'trustDomain'
  | 'trustDomainAliases'
  | 'rootNamespace'
  | 'defaultServiceExportTo'
  | 'defaultVirtualServiceExportTo'
  | 'defaultDestinationRuleExportTo'
  | 'connectTimeout'
  | 'protocolDetectionTimeout'
  | 'proxyListenPort'
  | 'proxyInboundListenPort'
  | 'ingressService'
  | 'ingressSelector'
  | 'ingressClass'
  | 'enablePrometheusMerge';

type DefaultedProxy = 'discoveryAddress' | 'proxyAdminPort' | 'statusPort' | 'terminationDrainDuration' | 'drainDuration' | 'holdApplicationUntilProxyStarts' | 'proxyMetadata';

export type ProxyDefaults = NonNullable<MeshConfigInput['defaultConfig']>;

/** A mesh configuration with its defaults filled in. */
export type MeshConfig = Omit<MeshConfigInput, Defaulted | 'defaultConfig' | 'outboundTrafficPolicy' | 'inboundTrafficPolicy' | 'defaultProviders' | 'localityLbSetting' | 'defaultHttpRetryPolicy'> &
  Required<Pick<MeshConfigInput, Defaulted>> & {
    defaultConfig: Omit<ProxyDefaults, DefaultedProxy | 'tracing'> & Required<Pick<ProxyDefaults, DefaultedProxy>> & { tracing: NonNullable<ProxyDefaults['tracing']> & { sampling: number } };
    outboundTrafficPolicy: NonNullable<MeshConfigInput['outboundTrafficPolicy']> & { mode: NonNullable<NonNullable<MeshConfigInput['outboundTrafficPolicy']>['mode']> };
    inboundTrafficPolicy: { mode: NonNullable<NonNullable<MeshConfigInput['inboundTrafficPolicy']>['mode']> };
    defaultProviders: { tracing: string[]; metrics: string[]; accessLogging: string[] };
    localityLbSetting: NonNullable<MeshConfigInput['localityLbSetting']>;
    defaultHttpRetryPolicy: NonNullable<MeshConfigInput['defaultHttpRetryPolicy']>;
  };

export type ExtensionProvider = NonNullable<MeshConfigInput['extensionProviders']>[number];

/** What holds when nothing is configured. Istio: pkg/config/mesh defaults. */
export function defaultMeshConfig(rootNamespace = 'istio-system'): MeshConfig {
  return {
    accessLogFile: '',
    accessLogFormat: '',
    accessLogEncoding: 'TEXT',
    enableTracing: true,
    extensionProviders: [],
    defaultProviders: { tracing: [], metrics: ['prometheus'], accessLogging: [] },
    enableAutoMtls: true,
    trustDomain: 'cluster.local',
    trustDomainAliases: [],
    rootNamespace,
    defaultServiceExportTo: ['*'],
    defaultVirtualServiceExportTo: ['*'],
    defaultDestinationRuleExportTo: ['*'],
    connectTimeout: '10s',
    protocolDetectionTimeout: '0s',
    proxyListenPort: 15001,
    proxyInboundListenPort: 15006,
    ingressService: 'istio-ingressgateway',
    ingressSelector: 'ingressgateway',
    ingressClass: 'istio',
    enablePrometheusMerge: true,
    outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
    inboundTrafficPolicy: { mode: 'PASSTHROUGH' },
    localityLbSetting: { enabled: true },
    defaultHttpRetryPolicy: { attempts: 2 },
    defaultConfig: {
      discoveryAddress: `istiod.${rootNamespace}.svc:15012`,
      proxyAdminPort: 15000,
      statusPort: 15020,
      terminationDrainDuration: '5s',
      drainDuration: '45s',
      holdApplicationUntilProxyStarts: false,
      proxyMetadata: {},
      tracing: { sampling: 1 },
    },
  };
}

/** Reads the YAML of a mesh configuration over the defaults. With an error among the issues, `value` holds the defaults:
 * the caller keeps the last good configuration. Unknown fields are warnings, since newer Istio versions add some, and so are
 * fields without effect. */
export function decodeMeshConfig(yaml: string, defaults: MeshConfig = defaultMeshConfig()): { value: MeshConfig; issues: Issue[] } {
  let input: unknown;
  try {
    input = parse(yaml) ?? {};
  } catch (error) {
    return { value: defaults, issues: [{ severity: 'error', path: '', message: `not valid YAML: ${errorText(error)}` }] };
  }
  const issues = [...checkValue(MeshConfigSchema.json, input, '', { unknownField: 'warning' }), ...checkDurations(input), ...checkFormats(input), ...checkOutbound(input), ...checkTlsDefaults(input)];
  if (issues.some(isError)) return { value: defaults, issues };
  // The check above has shown that the input has the shape of MeshConfigInput.
  return { value: overlay(defaults, input) as MeshConfig, issues: [...issues, ...meshConfigInVain(input)] };
}

/** Objects are merged field by field, lists and values replaced, null leaves the default. */
export function overlay(base: unknown, over: unknown): unknown {
  if (over === null || over === undefined) return base;
  if (!isRecord(base) || !isRecord(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    Object.defineProperty(merged, key, { value: overlay(Object.hasOwn(base, key) ? base[key] : undefined, value), enumerable: true, writable: true, configurable: true });
  }
  return merged;
}

const DURATIONS = ['connectTimeout', 'protocolDetectionTimeout', 'dnsRefreshRate'] as const;
const PROXY_DURATIONS = ['terminationDrainDuration', 'drainDuration'] as const;

function checkDurations(input: unknown): Issue[] {
  if (!isRecord(input)) return [];
  const proxy = isRecord(input['defaultConfig']) ? input['defaultConfig'] : {};
  const fields = [...DURATIONS.map((name) => [name, input[name]] as const), ...PROXY_DURATIONS.map((name) => [`defaultConfig.${name}`, proxy[name]] as const)];
  return fields.flatMap(([path, value]) => {
    if (typeof value !== 'string') return [];
    const ms = parseDuration(value);
    return ms !== undefined && ms >= 0 ? [] : [{ severity: 'error' as const, path, message: `must be a duration such as 10s, not ${JSON.stringify(value)}` }];
  });
}

/** TLS to hosts that are looked up when they are called. */
function checkOutbound(input: unknown): Issue[] {
  const policy = isRecord(input) ? input['outboundTrafficPolicy'] : undefined;
  const tls = isRecord(policy) ? policy['tls'] : undefined;
  if (!isRecord(policy) || !isRecord(tls)) return [];
  const report = new Report('outboundTrafficPolicy.tls');
  if (policy['mode'] !== 'ALLOW_ANY_DYNAMIC_DNS') report.warning('has no effect without mode: ALLOW_ANY_DYNAMIC_DNS');
  if (tls['mode'] === 'ISTIO_MUTUAL') report.at('mode').error('must be SIMPLE, MUTUAL or DISABLE: hosts outside of the mesh have none of its certificates');
  // The schema has been asked about the fields' types.
  else checkClientTls(report, tls as ClientTls);
  return report.issues;
}

function checkTlsDefaults(input: unknown): Issue[] {
  const defaults = isRecord(input) ? input['tlsDefaults'] : undefined;
  if (!isRecord(defaults)) return [];
  const report = new Report('tlsDefaults');
  const list = (name: string) => (Array.isArray(defaults[name]) ? defaults[name].filter((item) => typeof item === 'string') : []);
  checkTlsNames(report, { cipherSuites: list('cipherSuites'), ecdhCurves: list('ecdhCurves') });
  return report.issues;
}

/** Of access logs: one that Envoy does not take would keep every listener from it. */
function checkFormats(input: unknown): Issue[] {
  if (!isRecord(input)) return [];
  const providers = Array.isArray(input['extensionProviders']) ? input['extensionProviders'].filter(isRecord) : [];
  const own = input['accessLogFormat'];
  const found: (readonly [path: string, format: unknown])[] = [['accessLogFormat', input['accessLogEncoding'] === 'JSON' && typeof own === 'string' ? jsonOrText(own) : own]];
  for (const [i, provider] of providers.entries()) {
    for (const kind of ['envoyFileAccessLog', 'envoyOtelAls'] as const) {
      const settings = provider[kind];
      if (isRecord(settings) && isRecord(settings['logFormat'])) found.push([`extensionProviders[${i}].${kind}.logFormat`, settings['logFormat']]);
    }
  }
  return found.flatMap(([path, format]) => formatIssues(path, format));
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function formatIssues(path: string, format: unknown): Issue[] {
  if (Array.isArray(format)) return format.flatMap((item, i) => formatIssues(`${path}[${i}]`, item));
  if (isRecord(format)) return Object.entries(format).flatMap(([key, item]) => formatIssues(`${path}.${key}`, item));
  const problem = typeof format === 'string' ? formatProblem(format, 'access log') : undefined;
  return problem === undefined ? [] : [{ severity: 'error', path, message: problem }];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
