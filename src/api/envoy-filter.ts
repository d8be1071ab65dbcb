/** EnvoyFilter: edits to the Envoy configuration that the control plane produces. Istio: networking.istio.io/v1alpha3. */
import { TargetRefs, WorkloadSelector } from './common/selectors.ts';
import { resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { atMostOneOf, portNumber } from './schema/rules.ts';
import { anything, int32, list, map, object, oneOfWords, rule, string, uint32, type Infer } from './schema/schema.ts';

const FilterMatch = object({ name: string(), subFilter: object({ name: string() }) });

const ListenerMatch = object({
  name: string(),
  portNumber: uint32(),
  portName: string(),
  listenerFilter: string(),
  filterChain: object({
    name: string(),
    sni: string(),
    transportProtocol: string(),
    transportSocket: string(),
    applicationProtocols: string(),
    destinationPort: uint32(),
    filter: FilterMatch,
  }),
});

const RouteConfigurationMatch = object({
  name: string(),
  portNumber: uint32(),
  portName: string(),
  gateway: string(),
  vhost: object({ name: string(), domainName: string(), route: object({ name: string(), action: oneOfWords('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE') }) }),
});

export const EnvoyFilterMatch = object(
  {
    context: oneOfWords('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
    proxy: object({ proxyVersion: string(), metadata: map(string()) }),
    listener: ListenerMatch,
    routeConfiguration: RouteConfigurationMatch,
    cluster: object({ name: string(), service: string(), subset: string(), portNumber: uint32() }),
    waypoint: object({ portNumber: portNumber(), filter: FilterMatch, route: object({ name: string() }) }),
  },
  {
    oneOf: [['listener', 'routeConfiguration', 'cluster', 'waypoint']],
    rules: [rule("has(self.waypoint) == (has(self.context) && self.context == 'WAYPOINT')", 'only support waypointMatch when context is WAYPOINT')],
  },
);
export type EnvoyFilterMatch = Infer<typeof EnvoyFilterMatch>;

export const ConfigPatch = object({
  applyTo: oneOfWords(
    'INVALID',
    'LISTENER',
    'FILTER_CHAIN',
    'NETWORK_FILTER',
    'HTTP_FILTER',
    'ROUTE_CONFIGURATION',
    'VIRTUAL_HOST',
    'HTTP_ROUTE',
    'CLUSTER',
    'EXTENSION_CONFIG',
    'BOOTSTRAP',
    'LISTENER_FILTER',
  ),
  match: EnvoyFilterMatch,
  patch: object({
    operation: oneOfWords('INVALID', 'MERGE', 'ADD', 'REMOVE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST', 'REPLACE', 'MERGE_AND_REPLACE_LIST'),
    value: anything(),
    filterClass: oneOfWords('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
  }),
});
export type ConfigPatch = Infer<typeof ConfigPatch>;

export const EnvoyFilterSpec = object(
  { workloadSelector: WorkloadSelector, targetRefs: TargetRefs, configPatches: list(ConfigPatch), priority: int32() },
  { rules: [atMostOneOf(['workloadSelector', 'targetRefs'], 'only one of targetRefs or workloadSelector can be set')], docs: { priority: 'Lower first; default 0.' } },
);
export type EnvoyFilterSpec = Infer<typeof EnvoyFilterSpec>;
export type EnvoyFilter = MeshObject<EnvoyFilterSpec>;

export const EnvoyFilterKind: Kind<EnvoyFilterSpec> = {
  group: 'networking.istio.io',
  kind: 'EnvoyFilter',
  plural: 'envoyfilters',
  versions: ['v1alpha3'],
  spec: EnvoyFilterSpec,
  description: 'Edits to the Envoy configuration that the control plane produces.',
};
export const EnvoyFilters = resourceOf<EnvoyFilter>(EnvoyFilterKind);
