/** Envoy's admin answers, reduced to the parts that the tables show. Field names are those of envoy.admin.v3 JSON. */
import { CliError } from '../errors.ts';

export type Json = Record<string, unknown>;

export interface ConfigDump {
  bootstrap: Json | undefined;
  clusters: Json[];
  listeners: Json[];
  routes: Json[];
  secrets: Json[];
}

/** @throws CliError when the text is not a config dump */
export function parseConfigDump(text: string): ConfigDump {
  const configs = list(parse(text)['configs']);
  if (configs.length === 0) throw new CliError('this is no config_dump: it has no `configs`');
  const of = (type: string) => configs.find((config) => String(config['@type']).endsWith(`.${type}`)) ?? {};
  const clusters = of('ClustersConfigDump');
  const listeners = of('ListenersConfigDump');
  const routes = of('RoutesConfigDump');
  const secrets = of('SecretsConfigDump');
  const inner = (entries: unknown, key: string) => list(entries).flatMap((entry) => objects(entry[key]));
  return {
    bootstrap: object(of('BootstrapConfigDump')['bootstrap']),
    clusters: [...inner(clusters['static_clusters'], 'cluster'), ...inner(clusters['dynamic_active_clusters'], 'cluster')],
    listeners: [...inner(listeners['static_listeners'], 'listener'), ...list(listeners['dynamic_listeners']).flatMap((entry) => objects(object(entry['active_state'])?.['listener']))],
    routes: [...inner(routes['static_route_configs'], 'route_config'), ...inner(routes['dynamic_route_configs'], 'route_config')],
    secrets: [...list(secrets['static_secrets']), ...list(secrets['dynamic_active_secrets'])],
  };
}

export function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Json;
  } catch (error) {
    throw new CliError(`the proxy's answer is not JSON: ${text.slice(0, 120)}`, { cause: error });
  }
  throw new CliError("the proxy's answer is not a JSON object");
}

export const object = (value: unknown): Json | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined);
export const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter((item): item is Json => object(item) !== undefined) : []);
export const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
const objects = (value: unknown): Json[] => {
  const found = object(value);
  return found ? [found] : [];
};

/** `/apis/networking.istio.io/v1/namespaces/NS/KIND/NAME` of an `istio` metadata block → `NAME.NS`. */
export function configSource(metadata: unknown): string {
  const istio = object(object(object(metadata)?.['filter_metadata'])?.['istio']);
  const parts = text(istio?.['config']).split('/');
  return parts.length >= 3 ? `${parts.at(-1)}.${parts.at(-3)}` : '';
}

export function socketAddress(address: unknown): { address: string; port: number } | undefined {
  const socket = object(object(address)?.['socket_address']);
  return socket ? { address: text(socket['address']), port: Number(socket['port_value'] ?? 0) } : undefined;
}
