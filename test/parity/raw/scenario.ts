/** A scenario: resources, one request, and what of the answer has to be equal through both proxies. */
type Json = Record<string, unknown>;

export interface Scenario {
  readonly name: string;
  /** Fields of the route that answers path prefix `/`; default: to cluster `app`. */
  readonly route?: Json;
  /** More routes, tried before the default one. */
  readonly routes?: readonly Json[];
  readonly virtualHost?: Json;
  /** HTTP filters before the router. */
  readonly filters?: readonly Json[];
  readonly manager?: Json;
  readonly cluster?: Json;
  /** Endpoint ports; default: the upstream. */
  readonly endpoints?: readonly ('up' | 'closed')[];
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** The request as raw bytes instead; `{id}` is replaced by the scenario's header. */
  readonly raw?: string;
  /** Response headers to compare besides those that always are. */
  readonly compare?: readonly string[];
  /** Headers of the upstream request to compare. */
  readonly sees?: readonly string[];
}

export const typed = (type: string, fields: Json = {}): Json => ({ '@type': `type.googleapis.com/${type}`, ...fields });
export const filter = (name: string, type: string, fields: Json = {}): Json => ({ name, typed_config: typed(type, fields) });

const MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export interface Ports {
  listen: number;
  up: number;
  closed: number;
}

/** Everything that a scenario needs, under names of its own: all scenarios share one proxy. */
export function resourcesOf(scenarios: readonly Scenario[], ports: Ports, accessLog: Json[]): { listeners: Json[]; clusters: Json[] } {
  const listeners = scenarios.map((scenario, i) => ({
    name: `s${i}`,
    address: { socket_address: { address: '127.0.0.1', port_value: ports.listen + i } },
    filter_chains: [{ filters: [{
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: typed(MANAGER, {
        stat_prefix: `s${i}`, generate_request_id: true, access_log: accessLog,
        route_config: { name: `s${i}`, validate_clusters: false, virtual_hosts: [{ name: 'all', domains: ['*'], routes: routesOf(scenario, i), ...scenario.virtualHost }] },
        http_filters: [...(scenario.filters ?? []), filter('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router')],
        ...scenario.manager,
      }),
    }] }],
  }));
  const clusters = scenarios.map((scenario, i) => ({
    name: `app${i}`, type: 'STATIC', connect_timeout: '1s', ...scenario.cluster,
    load_assignment: { cluster_name: `app${i}`, endpoints: [{ lb_endpoints: (scenario.endpoints ?? ['up']).map((kind) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports[kind] } } } })) }] },
  }));
  return { listeners, clusters };
}

function routesOf(scenario: Scenario, i: number): Json[] {
  const own = { name: 'default', match: { prefix: '/' }, route: { cluster: 'app' }, ...scenario.route };
  return JSON.parse(JSON.stringify([...(scenario.routes ?? []), own]).replaceAll('"app"', `"app${i}"`)) as Json[];
}
