/** EnvoyFilters: what is patched, whose, and in which order; and the filters that people put in by them. */
import { serverCertificate, tlsSecret } from '../lab/credentials.ts';
import { APP_SUBSETS, destinationRule, gateway, get, grpc, object, outside, virtualService, type Scenario } from '../scenario.ts';

const HCM = 'envoy.filters.network.http_connection_manager';
const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const ALWAYS = '{default_value: {numerator: 100}}';
const field = (name: string) => `EnvoyFilter.${name}`;
const match = (name: string) => field(`configPatches[].match.${name}`);

const patch = (applyTo: string, where: string, operation: string, value?: string) => `{applyTo: ${applyTo}, match: ${where}, patch: {operation: ${operation}${value === undefined ? '' : `, value: ${value}`}}}`;
const filter = (spec: string, name = 'ef', namespace = 'default') => object('networking.istio.io/v1alpha3', 'EnvoyFilter', { spec, name, namespace });
const filters = (...patches: string[]) => filter(`{configPatches: [${patches.join(', ')}]}`);

const limit = (fields: string) => `{"@type": ${TYPE}.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, filter_enabled: ${ALWAYS}, filter_enforced: ${ALWAYS}, ${fields}}`;
const bucket = (tokens: number) => `token_bucket: {max_tokens: ${tokens}, tokens_per_fill: ${tokens}, fill_interval: 3600s}`;
const header = (name: string, value: string) => `[{header: {key: ${name}, value: "${value}"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]`;
/** A header on every answer: shows what was patched. */
const MARKED = `{response_headers_to_add: ${header('x-patched', 'yes')}}`;
const manager = (fields: string) => `{name: ${HCM}, typed_config: {"@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager, ${fields}}}`;
const IS_NOT = { status: 200, headers: { 'x-patched': null } } as const;

const EDGE = [
  gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}'),
  gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 8081, name: http-alt, protocol: HTTP}, hosts: ["*"]}]}', 'alt'),
  virtualService('{hosts: ["*"], gateways: [gw, alt], http: [{route: [{destination: {host: one}}]}]}'),
];
const ALT = '10.244.2.10:8081';
/** The gateway's pod as a gateway of the Gateway API. */
const NAMED_GATEWAY = '{apiVersion: v1, kind: Pod, metadata: {name: gateway, namespace: istio-system, labels: {security.istio.io/tlsMode: istio, istio: ingressgateway, app: istio-ingressgateway, gateway.networking.k8s.io/gateway-name: edge}}, spec: {containers: [], serviceAccountName: gateway}, status: {podIP: 10.244.2.10}}';
const TWO_HOSTS = ['a', 'b'].map((name) => tlsSecret(name, serverCertificate(`${name}.shop.test`)));
const https = (name: string) => `{port: {number: 443, name: https-${name}, protocol: HTTPS}, hosts: [${name}.shop.test], tls: {mode: SIMPLE, credentialName: ${name}}}`;

export const ENVOY_FILTERS: readonly Scenario[] = [
  {
    name: 'an EnvoyFilter puts a rate limit before the router of one inbound port',
    covers: [
      field('configPatches[].applyTo'), field('configPatches[].patch.operation'), field('configPatches[].patch.value'), match('listener.portNumber'),
      match('listener.filterChain.filter.name'), match('listener.filterChain.filter.subFilter.name'),
    ],
    mesh: filter(`{configPatches: [${patch('HTTP_FILTER', `{context: SIDECAR_INBOUND, listener: {portNumber: 8080, filterChain: {filter: {name: ${HCM}, subFilter: {name: envoy.filters.http.router}}}}}`, 'INSERT_BEFORE', `{name: limit, typed_config: ${limit(`${bucket(1)}, response_headers_to_add: ${header('x-limited', 'yes')}`)}}`)}]}`),
    steps: [
      get('server/', { status: 200 }),
      get('server/', { status: 429, body: 'local_rate_limited', headers: { 'x-limited': 'yes', 'x-envoy-upstream-service-time': /./ }, seen: [] }),
      grpc('server:7070/a.B/C', { status: 200 }), grpc('server:7070/a.B/C', { status: 200 }),
    ],
  },
  {
    name: 'a rate limit of a route tells what is left, and descriptors have buckets of their own',
    mesh: filters(
      patch('HTTP_FILTER', `{context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: ${HCM}}}}}`, 'INSERT_BEFORE', `{name: limit, typed_config: {"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${TYPE}.http.local_ratelimit.v3.LocalRateLimit, value: {stat_prefix: limit}}}`),
      patch('HTTP_ROUTE', '{context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80", route: {action: ANY}}}}', 'MERGE',
        `{route: {rate_limits: [{actions: [{remote_address: {}}]}, {actions: [{header_value_match: {descriptor_value: product, headers: [{name: ":path", string_match: {prefix: /product}}]}}]}, {actions: [{request_headers: {header_name: x-user, descriptor_key: user}}, {generic_key: {descriptor_value: g}}]}]}, typed_per_filter_config: {limit: ${limit(`${bucket(6)}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [{entries: [{key: header_match, value: product}], ${bucket(2)}}, {entries: [{key: user, value: bob}, {key: generic_key, value: g}], ${bucket(1)}}]`)}}}`),
    ),
    steps: [
      get('server/', { status: 200, headers: { 'x-ratelimit-limit': '6', 'x-ratelimit-remaining': '5' } }),
      get('server/product', { status: 200, headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1' } }),
      get('server/product', { status: 200, headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0' } }),
      get('server/product', { status: 429, headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0' } }),
      get('server/', { status: 200, headers: { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0' } }, { headers: { 'x-user': 'bob' } }),
      get('server/', { status: 429 }, { headers: { 'x-user': 'bob' } }),
      get('server/', { status: 200, headers: { 'x-ratelimit-limit': '6', 'x-ratelimit-remaining': '1' } }, { headers: { 'x-user': 'ann' } }),
      get('server/', { status: 200, headers: { 'x-ratelimit-remaining': '0' } }),
      get('server/', { status: 429, headers: { 'x-ratelimit-limit': '6' } }),
    ],
    // Seconds of now: token-bucket.test.ts has a clock of its own.
    ignores: ['answer.headers.x-ratelimit-reset'],
  },
  {
    name: 'a rate limit that is not enforced says so to the application, and one may answer another status',
    mesh: [
      virtualService(`{hosts: [one], http: [{name: soft, match: [{uri: {prefix: /soft}}], route: [{destination: {host: one}}]}, {name: hard, route: [{destination: {host: one}}]}]}`),
      filters(
        patch('HTTP_FILTER', `{context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: ${HCM}}}}}`, 'INSERT_FIRST', `{name: limit, typed_config: {"@type": ${TYPE}.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit}}`),
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: soft}}}}', 'MERGE', `{typed_per_filter_config: {limit: {"@type": ${TYPE}.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: soft, ${bucket(1)}, filter_enabled: ${ALWAYS}, filter_enforced: {default_value: {numerator: 0}}, request_headers_to_add_when_not_enforced: ${header('x-over', 'yes')}}}}`),
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: hard}}}}', 'MERGE', `{typed_per_filter_config: {limit: ${limit(`${bucket(1)}, status: {code: ServiceUnavailable}`)}}}`),
      ),
    ],
    steps: [
      get('one/soft', { status: 200, seen: [{ headers: { 'x-over': null } }] }), get('one/soft', { status: 200, seen: [{ headers: { 'x-over': 'yes' } }] }),
      get('one/', { status: 200 }), get('one/', { status: 503, log: { flags: 'RL', details: 'local_rate_limited' } }),
      get('other/', { status: 200 }),
    ],
  },
  {
    name: 'a patch is for one direction',
    covers: [match('context')],
    mesh: filters(patch('VIRTUAL_HOST', '{context: SIDECAR_INBOUND}', 'MERGE', MARKED)),
    steps: [get('one/', IS_NOT), get('server/', { status: 200, headers: { 'x-patched': 'yes' } })],
  },
  {
    name: 'an EnvoyFilter is for the workloads that it selects',
    covers: [field('workloadSelector.labels{}')],
    mesh: filter(`{workloadSelector: {labels: {app: server}}, configPatches: [${patch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND}', 'MERGE', MARKED)}]}`),
    steps: [get('one/', IS_NOT)],
  },
  {
    name: 'an EnvoyFilter is for the gateways that it targets',
    covers: [field('targetRefs[].group'), field('targetRefs[].kind'), field('targetRefs[].name')],
    mesh: [
      ...EDGE, NAMED_GATEWAY,
      filter(`{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}], configPatches: [${patch('VIRTUAL_HOST', '{}', 'MERGE', MARKED)}]}`, 'ef', 'istio-system'),
      filter(`{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: other}], configPatches: [${patch('VIRTUAL_HOST', '{}', 'MERGE', `{response_headers_to_add: ${header('x-other', 'yes')}}`)}]}`, 'other', 'istio-system'),
    ],
    steps: [outside('shop.test/', { status: 200, headers: { 'x-patched': 'yes', 'x-other': null } })],
  },
  {
    name: 'patches of lower priority come first, whatever their age',
    covers: [field('priority')],
    mesh: [
      filter(`{priority: 10, configPatches: [${patch('VIRTUAL_HOST', '{}', 'MERGE', `{response_headers_to_add: ${header('x-order', 'late')}}`)}]}`, 'older'),
      filter(`{configPatches: [${patch('VIRTUAL_HOST', '{}', 'MERGE', `{response_headers_to_add: ${header('x-order', 'early')}}`)}]}`, 'younger'),
    ],
    steps: [get('one/', { status: 200, headers: { 'x-order': 'late' } })],
  },
  {
    name: 'a patch is for proxies of a version, and with metadata',
    covers: [match('proxy.proxyVersion'), match('proxy.metadata{}')],
    mesh: [
      filters(patch('VIRTUAL_HOST', String.raw`{proxy: {proxyVersion: '^1\.9\.'}}`, 'MERGE', MARKED)),
      filter(`{configPatches: [${patch('VIRTUAL_HOST', '{proxy: {metadata: {NAMESPACE: elsewhere}}}', 'MERGE', `{response_headers_to_add: ${header('x-elsewhere', 'yes')}}`)}]}`, 'elsewhere'),
    ],
    steps: [get('one/', { status: 200, headers: { 'x-patched': null, 'x-elsewhere': null } })],
  },
  {
    name: 'clusters are found by service, port and subset, and taken away',
    covers: [match('cluster.service'), match('cluster.portNumber'), match('cluster.subset')],
    mesh: [
      APP_SUBSETS, virtualService('{hosts: [app], http: [{match: [{uri: {prefix: /v1}}], route: [{destination: {host: app, subset: v1}}]}, {route: [{destination: {host: app, subset: v2}}]}]}'),
      filters(
        patch('CLUSTER', '{context: SIDECAR_OUTBOUND, cluster: {service: one.default.svc.cluster.local, portNumber: 80}}', 'REMOVE'),
        patch('CLUSTER', '{context: SIDECAR_OUTBOUND, cluster: {service: app.default.svc.cluster.local, portNumber: 80, subset: v1}}', 'REMOVE'),
      ),
    ],
    steps: [get('one/', { status: 503, log: { flags: 'NC' } }), grpc('one:7070/a.B/C', { status: 200 }), get('other/', { status: 200 }), get('app/v1', { status: 503 }), get('app/', { status: 200, body: 'app-v2' })],
  },
  {
    name: 'a cluster is found by its name',
    covers: [match('cluster.name')],
    mesh: filters(patch('CLUSTER', '{cluster: {name: "outbound|80||one.default.svc.cluster.local"}}', 'REMOVE')),
    steps: [get('one/', { status: 503 }), get('other/', { status: 200 })],
  },
  {
    name: 'a cluster that is added can be routed to',
    mesh: [
      virtualService('{hosts: [one], http: [{name: moved, route: [{destination: {host: one}}]}]}'),
      filters(
        patch('CLUSTER', '{context: SIDECAR_OUTBOUND}', 'ADD', '{name: mine, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: mine, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.244.3.3, port_value: 8080}}}}]}]}}'),
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: moved}}}}', 'MERGE', '{route: {cluster: mine}}'),
      ),
    ],
    steps: [get('one/', { status: 200, body: 'other-v1' }), get('other/', { status: 200, body: 'other-v1' })],
  },
  {
    name: 'virtual hosts and routes are found by name and action',
    covers: [match('routeConfiguration.vhost.name'), match('routeConfiguration.vhost.route.name'), match('routeConfiguration.vhost.route.action')],
    mesh: [
      ...['one', 'other'].map((host) => virtualService(`{hosts: [${host}], http: [{name: a, match: [{uri: {prefix: /a}}], route: [{destination: {host: ${host}}}]}, {name: d, match: [{uri: {prefix: /d}}], directResponse: {status: 200}}, {name: b, route: [{destination: {host: ${host}}}]}]}`, host)),
      filters(
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "one.default.svc.cluster.local:80", route: {name: a}}}}', 'MERGE', MARKED),
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "one.default.svc.cluster.local:80", route: {action: DIRECT_RESPONSE}}}}', 'MERGE', `{response_headers_to_add: ${header('x-direct', 'yes')}}`),
      ),
    ],
    steps: [get('one/a', { status: 200, headers: { 'x-patched': 'yes', 'x-direct': null } }), get('one/b', IS_NOT), get('one/d', { status: 200, headers: { 'x-direct': 'yes' } }), get('other/a', IS_NOT), get('other/d', { status: 200, headers: { 'x-direct': null } })],
  },
  {
    name: 'a route that is inserted at the server answers in place of the application',
    mesh: filters(patch('HTTP_ROUTE', '{context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80"}}}', 'INSERT_FIRST', '{name: patched, match: {prefix: /patched}, direct_response: {status: 200, body: {inline_string: patched}}}')),
    steps: [get('server/patched', { status: 200, body: 'patched', seen: [] }), get('server/', { status: 200, body: 'server' }), get('server/patched', { status: 200, body: 'patched' }), get('server/patched', { status: 200, body: 'patched' }, { from: 'world', at: '10.244.1.10:8080' })],
  },
  {
    name: 'route configurations are found by name and port',
    covers: [match('routeConfiguration.name'), match('routeConfiguration.portNumber')],
    mesh: filters(
      patch('ROUTE_CONFIGURATION', '{context: SIDECAR_OUTBOUND, routeConfiguration: {name: "80"}}', 'MERGE', MARKED),
      patch('ROUTE_CONFIGURATION', '{context: SIDECAR_OUTBOUND, routeConfiguration: {portNumber: 7070}}', 'MERGE', `{response_headers_to_add: ${header('x-port', '7070')}}`),
    ),
    steps: [get('one/', { status: 200, headers: { 'x-patched': 'yes', 'x-port': null } }), grpc('one:7070/a.B/C', { status: 200, headers: { 'x-patched': null, 'x-port': '7070' } })],
  },
  {
    name: 'a gateway’s routes are found by the Gateway',
    covers: [match('routeConfiguration.gateway'), match('routeConfiguration.portName')],
    mesh: [...EDGE, filter(`{configPatches: [${patch('ROUTE_CONFIGURATION', '{context: GATEWAY, routeConfiguration: {gateway: default/gw}}', 'MERGE', MARKED)}, ${patch('ROUTE_CONFIGURATION', '{context: GATEWAY, routeConfiguration: {portName: http-alt}}', 'MERGE', `{response_headers_to_add: ${header('x-alt', 'yes')}}`)}]}`, 'ef', 'istio-system')],
    steps: [outside('shop.test/', { status: 200, headers: { 'x-patched': 'yes', 'x-alt': null } }), outside('shop.test/', { status: 200, headers: { 'x-patched': null, 'x-alt': 'yes' } }, { at: ALT })],
  },
  {
    name: 'listeners and filter chains are found by name, and their connection managers are tuned',
    covers: [match('listener.name'), match('listener.filterChain.name')],
    mesh: filters(
      patch('NETWORK_FILTER', `{context: SIDECAR_OUTBOUND, listener: {name: 0.0.0.0_80, filterChain: {filter: {name: ${HCM}}}}}`, 'MERGE', manager('server_name: tuned, common_http_protocol_options: {max_headers_count: 12}')),
      patch('NETWORK_FILTER', `{context: SIDECAR_INBOUND, listener: {name: virtualInbound, filterChain: {name: 0.0.0.0_8080, filter: {name: ${HCM}}}}}`, 'MERGE', manager('server_header_transformation: PASS_THROUGH, via: tuned')),
    ),
    steps: [
      get('one/', { status: 200, headers: { server: 'tuned' } }), get('one/', { status: 431 }, { headers: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`x-${i}`, '1'])) }),
      grpc('one:7070/a.B/C', { status: 200, headers: { server: 'istio-envoy' } }),
      get('server/', { status: 200, headers: { via: 'tuned' } }, { from: 'world', at: '10.244.1.10:8080' }), grpc('server:7070/a.B/C', { status: 200, headers: { via: null } }, { from: 'world', at: '10.244.1.10:7070' }),
    ],
  },
  {
    name: 'a gateway’s filter chains are found by SNI',
    covers: [match('listener.filterChain.sni')],
    mesh: [
      ...TWO_HOSTS, gateway(`{selector: {istio: ingressgateway}, servers: [${https('a')}, ${https('b')}]}`), virtualService('{hosts: ["*"], gateways: [gw], http: [{route: [{destination: {host: one}}]}]}'),
      filter(`{configPatches: [${patch('NETWORK_FILTER', `{context: GATEWAY, listener: {filterChain: {sni: a.shop.test, filter: {name: ${HCM}}}}}`, 'MERGE', manager('via: tuned'))}]}`, 'ef', 'istio-system'),
    ],
    steps: [outside('a.shop.test/', { status: 200, headers: { via: 'tuned' } }, { tls: { sni: 'a.shop.test' } }), outside('b.shop.test/', { status: 200, headers: { via: null } }, { tls: { sni: 'b.shop.test' } })],
  },
  {
    name: 'a time-out of a route, and retries of a virtual host, are patched',
    mesh: [
      virtualService('{hosts: [one], http: [{name: slow, match: [{uri: {prefix: /slow}}], route: [{destination: {host: one}}], timeout: 30s}, {name: tried, route: [{destination: {host: one}}]}]}'),
      filters(
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: slow}}}}', 'MERGE', '{route: {timeout: 0.3s}}'),
        patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: tried}}}}', 'MERGE', '{route: {retry_policy: {retry_on: "retriable-status-codes", retriable_status_codes: [418], num_retries: 1}}}'),
      ),
    ],
    steps: [get('one/slow', { status: 504, log: { flags: 'UT' } }, { app: { delayMs: 3000 } }), get('one/', { status: 200, log: { attempts: 2 } }, { app: { status: [418, 200] } })],
    ignores: ['seen'],
  },
  {
    name: 'another list in the place of one: limits of a cluster',
    mesh: [destinationRule('{host: one, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 100}}}}'), filters(patch('CLUSTER', '{cluster: {service: one.default.svc.cluster.local}}', 'MERGE_AND_REPLACE_LIST', '{circuit_breakers: {thresholds: [{max_requests: 0}]}}'))],
    steps: [get('one/', { status: 503, log: { flags: 'UO' } }), get('other/', { status: 200 })],
  },
];
