/** Patches of listeners and of everything in them. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Filter, FilterChain, ListenerFilter } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { HttpConnectionManager, HttpFilter } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { typeName } from './json-merge.ts';
import { httpFilterName, listenerFilterName, missedChain, missedListener, missedName, networkFilterName } from './match.ts';
import type { Pass } from './pass.ts';
import { typeOf, type Patch } from './patch.ts';
import { patchList } from './patch-list.ts';
import { patchRoutes } from './routes.ts';

const MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TERMINAL: ReadonlySet<string> = new Set([MANAGER, 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', 'envoy.extensions.filters.http.router.v3.Router']);

interface At {
  readonly pass: Pass;
  readonly listener: Listener;
  /** Of a gateway's Service. */
  readonly servicePorts?: ReadonlySet<number>;
}

/** @returns undefined when a patch takes it away */
export function patchListener(given: Listener, pass: Pass, servicePorts?: ReadonlySet<number>): Listener | undefined {
  let listener = given;
  for (const patch of pass.at('LISTENER')) {
    if (patch.operation === 'ADD' || !pass.fits(patch, missedListener(patch, listener, servicePorts))) continue;
    if (patch.operation === 'REMOVE') {
      pass.done(patch);
      return undefined;
    }
    listener = pass.merged(patch, listener);
  }
  const at: At = { pass, listener, servicePorts };
  listener.listenerFilters = patchList<ListenerFilter>(listener.listenerFilters, {
    place: 'LISTENER_FILTER',
    fits: (patch) => pass.fits(patch, missedListener(patch, listener, servicePorts)),
    missed: (patch, { name }) => missedName(listenerFilterName(patch), name, { depth: 2, what: 'listener filter' }),
    isNarrow: (patch) => listenerFilterName(patch) !== undefined,
  }, pass);
  listener.filterChains = patchChains(listener.filterChains, at, () => true);
  [listener.defaultFilterChain] = patchChains(listener.defaultFilterChain ? [listener.defaultFilterChain] : [], at, (patch) => patch.operation !== 'ADD');
  return listener;
}

function patchChains(chains: readonly FilterChain[], at: At, isFor: (patch: Patch) => boolean): FilterChain[] {
  const { pass, listener, servicePorts } = at;
  return patchList<FilterChain>(chains, {
    place: 'FILTER_CHAIN',
    fits: (patch) => isFor(patch) && pass.fits(patch, missedListener(patch, listener, servicePorts)),
    missed: (patch, chain) => missedChain(patch, chain, listener),
    isNarrow: () => true,
    inside: (chain) => ({ ...chain, filters: patchFilters(chain, at) }),
  }, pass);
}

function patchFilters(chain: FilterChain, at: At): Filter[] {
  const { pass, listener, servicePorts } = at;
  return patchList<Filter>(chain.filters, {
    place: 'NETWORK_FILTER',
    fits: (patch) => pass.fits(patch, missedListener(patch, listener, servicePorts), missedChain(patch, chain, listener)),
    missed: (patch, { name }) => missedName(networkFilterName(patch), name, { depth: 3, what: 'network filter' }),
    isNarrow: (patch) => networkFilterName(patch) !== undefined,
    isTerminal: ({ configType }) => configType.case === 'typedConfig' && TERMINAL.has(typeName(configType.value.typeUrl)),
    inside: (filter) => patchManager(filter, chain, at),
    clash: otherType,
  }, pass);
}

function patchManager(filter: Filter, chain: FilterChain, at: At): Filter {
  const { configType } = filter;
  if (configType.case !== 'typedConfig' || typeName(configType.value.typeUrl) !== MANAGER) return filter;
  const { pass, listener, servicePorts } = at;
  const before = pass.changes;
  const desc = typeOf(MANAGER, pass.types);
  // The type was looked up by the message's name.
  const manager = fromBinary(desc, configType.value.value) as unknown as HttpConnectionManager;
  if (manager.routeSpecifier.case === 'routeConfig') manager.routeSpecifier.value = patchRoutes(manager.routeSpecifier.value, pass);
  manager.httpFilters = patchList<HttpFilter>(manager.httpFilters, {
    place: 'HTTP_FILTER',
    fits: (patch) => pass.fits(patch, missedListener(patch, listener, servicePorts), missedChain(patch, chain, listener), missedName(networkFilterName(patch), filter.name, { depth: 3, what: 'network filter' })),
    missed: (patch, { name }) => missedName(httpFilterName(patch), name, { depth: 4, what: 'HTTP filter' }),
    isNarrow: (patch) => httpFilterName(patch) !== undefined,
    isTerminal: (item) => item.configType.case === 'typedConfig' && TERMINAL.has(typeName(item.configType.value.typeUrl)),
    clash: otherType,
  }, pass);
  if (pass.changes === before) return filter;
  return { ...filter, configType: { case: 'typedConfig', value: { ...configType.value, value: toBinary(desc, manager) } } };
}

/** A filter is not made another one by laying a configuration over it. */
function otherType({ path, value }: Patch, { name, configType }: Filter | HttpFilter): string | undefined {
  const config: unknown = typeof value === 'object' && value !== null ? ((value as Record<string, unknown>)['typed_config'] ?? (value as Record<string, unknown>)['typedConfig']) : undefined;
  if (typeof config !== 'object' || config === null) return undefined;
  if (configType.case === 'configDiscovery') return `${path}.patch.value.typed_config: filter ${name} has its configuration of a resource of that name, so that policies can change without the listener: use REPLACE`;
  if (configType.case !== 'typedConfig') return undefined;
  const { '@type': own, type_url: snake, typeUrl: camel } = config as Record<string, unknown>;
  const wanted = [snake, camel, own].find((url) => typeof url === 'string');
  const [has, patch] = [typeName(configType.value.typeUrl), typeName(String(wanted))];
  return has === patch ? undefined : `${path}.patch.value.typed_config: is ${patch}, but filter ${name} is configured by ${has}: use REPLACE, or name the filter in the match`;
}
