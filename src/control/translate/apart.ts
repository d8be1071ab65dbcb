/** What an Envoy fetches by name, where other proxies find it in their listeners. An Envoy ends the connections of a filter chain that changes, WebSockets
 * and streams too, after `drainDuration`; of what it has fetched the next request takes the new one, and the chain stays as it is. Its agent says in the
 * node's metadata that it does so. Connections of our own proxy outlive their chains, and it needs no second turn to have all of a listener. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { HttpFilterInit } from './http-filters.ts';
import type { Proxy } from './proxy.ts';
import { adsSource } from './tls.ts';

/** Configuration of a filter, under the name of the filter. */
export interface Extension {
  readonly name: string;
  readonly typedConfig: Any;
}

/** A filter that policies give something to do, or not. */
export interface Step {
  readonly name: string;
  /** Unique among all that a proxy fetches; default: the name. */
  readonly fetchedAs?: string;
  /** Undefined: there is nothing to do. */
  readonly config: Any | undefined;
  /** Does nothing: the filter of an Envoy is there all the same, so that the first policy changes no chain. */
  readonly idle: Any;
}

export interface Placed {
  readonly filters: readonly HttpFilterInit[];
  readonly extensions: readonly Extension[];
}

export function placed(steps: readonly Step[], proxy: Proxy): Placed {
  if (!proxy.fetchesParts) return { filters: steps.flatMap(({ name, config }): HttpFilterInit[] => (config ? [{ name, configType: { case: 'typedConfig', value: config } }] : [])), extensions: [] };
  return {
    filters: steps.map(({ name, fetchedAs = name, idle }): HttpFilterInit => ({ name: fetchedAs, configType: { case: 'configDiscovery', value: { configSource: adsSource(), typeUrls: [idle.typeUrl] } } })),
    extensions: steps.map(({ name, fetchedAs = name, config, idle }) => ({ name: fetchedAs, typedConfig: config ?? idle })),
  };
}
