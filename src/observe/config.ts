/** Settings of the observability process: environment first, flags over them. */
import { parseArgs } from 'node:util';
import { parseDuration } from '../base/duration.ts';
import { MeshError } from '../base/errors.ts';

export interface ObserveConfig {
  /** Listeners; 0 picks a free port. */
  readonly ports: { readonly prometheus: number; readonly otlp: number; readonly zipkin: number; readonly jaeger: number };
  readonly host: string;
  readonly scrapeIntervalMs: number;
  readonly retentionMs: number;
  readonly maxSeries: number;
  readonly maxBytes: number;
  readonly maxSpans: number;
  /** URLs scraped besides the discovered pods. */
  readonly staticTargets: readonly string[];
  /** False: no Kubernetes API, static targets only. */
  readonly discovery: boolean;
}

export class ObserveConfigError extends MeshError<'OBSERVE_CONFIG'> {
  constructor(problems: readonly string[]) {
    super('OBSERVE_CONFIG', problems.join('; '));
  }
}

interface Setting {
  readonly env: string;
  readonly fallback: string;
  readonly help: string;
}

/** Flag → environment variable and default. The prefix keeps them apart from the variables that Kubernetes makes of Services (PROMETHEUS_PORT). */
export const SETTINGS = {
  'prometheus-port': { env: 'LATEEN_OBSERVE_PROMETHEUS_PORT', fallback: '9090', help: 'Prometheus API' },
  'otlp-port': { env: 'LATEEN_OBSERVE_OTLP_PORT', fallback: '4318', help: 'OTLP/HTTP traces' },
  'zipkin-port': { env: 'LATEEN_OBSERVE_ZIPKIN_PORT', fallback: '9411', help: 'Zipkin v2 spans' },
  'jaeger-port': { env: 'LATEEN_OBSERVE_JAEGER_PORT', fallback: '16686', help: 'Jaeger query API' },
  host: { env: 'LATEEN_OBSERVE_HOST_ADDRESS', fallback: '0.0.0.0', help: 'address to listen on' },
  'scrape-interval': { env: 'LATEEN_OBSERVE_SCRAPE_INTERVAL', fallback: '2s', help: 'how often every target is scraped' },
  retention: { env: 'LATEEN_OBSERVE_RETENTION', fallback: '1h', help: 'how long samples are kept' },
  'max-series': { env: 'LATEEN_OBSERVE_MAX_SERIES', fallback: '200000', help: 'series kept; more are refused' },
  'max-bytes': { env: 'LATEEN_OBSERVE_MAX_BYTES', fallback: String(256 * 1024 * 1024), help: 'packed samples, bytes' },
  'max-spans': { env: 'LATEEN_OBSERVE_MAX_SPANS', fallback: '100000', help: 'spans kept; the oldest traces go first' },
} as const satisfies Record<string, Setting>;

/** @throws ObserveConfigError that names every setting that is wrong */
export function loadConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ObserveConfig {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  const text = (name: keyof typeof SETTINGS) => flags.values[name] ?? env[SETTINGS[name].env] ?? SETTINGS[name].fallback;
  const whole = (name: keyof typeof SETTINGS, max: number) => check(name, Number(text(name)), (n) => Number.isInteger(n) && n >= 0 && n <= max, 'a whole number');
  const duration = (name: keyof typeof SETTINGS) => check(name, parseDuration(text(name)) ?? Number.NaN, (n) => n >= 100, 'a duration of at least 100ms, such as 2s');
  const config: ObserveConfig = {
    ports: { prometheus: whole('prometheus-port', 65535), otlp: whole('otlp-port', 65535), zipkin: whole('zipkin-port', 65535), jaeger: whole('jaeger-port', 65535) },
    host: text('host'),
    scrapeIntervalMs: duration('scrape-interval'),
    retentionMs: duration('retention'),
    maxSeries: whole('max-series', 1e8),
    maxBytes: whole('max-bytes', 2 ** 50),
    maxSpans: whole('max-spans', 1e8),
    staticTargets: flags.targets.filter((url) => URL.canParse(url) || (problems.push(`--target: "${url}" is not a URL`), false)),
    discovery: flags.discovery,
  };
  if (problems.length > 0) throw new ObserveConfigError(problems);
  return config;

  function check(name: string, value: number, fits: (value: number) => boolean, want: string): number {
    if (!fits(value)) problems.push(`--${name}: "${text(name as keyof typeof SETTINGS)}" is not ${want}`);
    return value;
  }
}

interface Flags {
  readonly values: Partial<Record<keyof typeof SETTINGS, string>>;
  readonly targets: readonly string[];
  readonly discovery: boolean;
}

function readFlags(args: readonly string[], problems: string[]): Flags {
  const options = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, target: { type: 'string', multiple: true }, 'no-discovery': { type: 'boolean' } } });
    const { target, 'no-discovery': off, ...rest } = values as Record<string, unknown>;
    return { values: rest as Flags['values'], targets: (target as string[] | undefined) ?? [], discovery: off !== true };
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return { values: {}, targets: [], discovery: true };
  }
}
