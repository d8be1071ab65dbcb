/** Settings of the console's server: environment first, flags over them. */
import { parseArgs } from 'node:util';
import { MeshError } from '../base/errors.ts';

export interface ConsoleConfig {
  /** Default 20001; 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  /** The built web application. */
  readonly root: string;
  readonly prometheusUrl: string;
  readonly jaegerUrl: string;
  readonly istiodUrl: string;
  /** Names, besides addresses, localhost and the console's own service names, under which browsers may reach it. */
  readonly allowedHosts: readonly string[];
}

export class ConsoleConfigError extends MeshError<'CONSOLE_CONFIG'> {
  constructor(problems: readonly string[]) {
    super('CONSOLE_CONFIG', problems.join('; '));
  }
}

/** Flag → environment variable and default. The variables have a prefix because Kubernetes sets `PROMETHEUS_PORT` and the like for
 * every service of the namespace. */
const SETTINGS = {
  port: ['LATEEN_PORT', '20001'],
  host: ['LATEEN_HOST_ADDRESS', '0.0.0.0'],
  root: ['LATEEN_CONSOLE_ROOT', ''],
  prometheus: ['LATEEN_PROMETHEUS_URL', 'http://prometheus.istio-system:9090'],
  jaeger: ['LATEEN_JAEGER_URL', 'http://tracing.istio-system:16686'],
  istiod: ['LATEEN_ISTIOD_URL', 'http://istiod.istio-system:15014'],
  'allowed-hosts': ['LATEEN_ALLOWED_HOSTS', ''],
} as const;

type Name = keyof typeof SETTINGS;

/** @param defaultRoot used when no setting names the application's folder
 * @throws ConsoleConfigError that names every setting that is wrong */
export function loadConsoleConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>, defaultRoot: string): ConsoleConfig {
  const problems: string[] = [];
  let flags: Partial<Record<Name, string>> = {};
  try {
    const options = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, { type: 'string' as const }]));
    flags = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  const text = (name: Name) => flags[name] ?? env[SETTINGS[name][0]] ?? SETTINGS[name][1];
  const url = (name: Name) => {
    if (!URL.canParse(text(name))) problems.push(`--${name}: "${text(name)}" is not a URL`);
    return text(name);
  };
  const port = Number(text('port'));
  if (!Number.isInteger(port) || port < 0 || port > 65535) problems.push(`--port: "${text('port')}" is not a port`);
  const config = {
    port,
    host: text('host'),
    root: text('root') === '' ? defaultRoot : text('root'),
    prometheusUrl: url('prometheus'),
    jaegerUrl: url('jaeger'),
    istiodUrl: url('istiod'),
    allowedHosts: text('allowed-hosts').split(',').filter((name) => name !== ''),
  };
  if (problems.length > 0) throw new ConsoleConfigError(problems);
  return config;
}
