/** What the authority may be told from outside. Names and defaults: Istio's pilot-discovery environment. */
import { parseDuration } from '../../base/duration.ts';
import { MeshError } from '../../base/errors.ts';

export class CaError extends MeshError<'CA_SETTINGS' | 'CA_ROOT'> {}

export interface CaSettings {
  /** Default `cluster.local`. */
  readonly trustDomain: string;
  /** Where the control plane lives; default `istio-system`. */
  readonly namespace: string;
  /** Lifetime given when a request names none. DEFAULT_WORKLOAD_CERT_TTL, 24 h. */
  readonly defaultLifetimeMs: number;
  /** Longer requests are refused. MAX_WORKLOAD_CERT_TTL, 90 days. */
  readonly maxLifetimeMs: number;
  /** Of a root made here. CITADEL_SELF_SIGNED_CA_CERT_TTL, 10 years. */
  readonly rootLifetimeMs: number;
  /** Of the control plane's own serving certificate. */
  readonly servingLifetimeMs: number;
  /** Accepted audiences of service account tokens. TOKEN_AUDIENCES, `istio-ca`. */
  readonly audiences: readonly string[];
  /** DNS names of the control plane's serving certificate. */
  readonly servingNames: readonly string[];
}

const DAY_MS = 86_400_000;

/** @throws CaError CA_SETTINGS that names every variable that cannot be read */
export function readCaSettings(env: Readonly<Record<string, string | undefined>>): CaSettings {
  const problems: string[] = [];
  const duration = (name: string, fallbackMs: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return fallbackMs;
    const ms = parseDuration(text);
    if (ms === undefined || ms <= 0) problems.push(`${name}: "${text}" is not a positive duration such as 24h`);
    return ms ?? fallbackMs;
  };
  const namespace = env['POD_NAMESPACE'] || 'istio-system';
  const settings: CaSettings = {
    trustDomain: env['TRUST_DOMAIN'] || 'cluster.local',
    namespace,
    defaultLifetimeMs: duration('DEFAULT_WORKLOAD_CERT_TTL', DAY_MS),
    maxLifetimeMs: duration('MAX_WORKLOAD_CERT_TTL', 90 * DAY_MS),
    rootLifetimeMs: duration('CITADEL_SELF_SIGNED_CA_CERT_TTL', 3650 * DAY_MS),
    servingLifetimeMs: 365 * DAY_MS,
    audiences: (env['TOKEN_AUDIENCES'] || 'istio-ca').split(',').map((a) => a.trim()),
    servingNames: ['istiod', `istiod.${namespace}`, `istiod.${namespace}.svc`, `istiod.${namespace}.svc.cluster.local`, 'istio-pilot', `istio-pilot.${namespace}.svc`],
  };
  if (settings.defaultLifetimeMs > settings.maxLifetimeMs) problems.push('DEFAULT_WORKLOAD_CERT_TTL: longer than MAX_WORKLOAD_CERT_TTL');
  if (problems.length > 0) throw new CaError('CA_SETTINGS', problems.join('; '));
  return settings;
}
