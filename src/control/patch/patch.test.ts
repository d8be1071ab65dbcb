import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { TAKES_VIRTUAL_HOSTS } from '../../xds/type-urls.ts';
import { messageTypes } from '../../xds/message-types.ts';
import { FILTER_TYPES } from '../../proxy/filters/registry.ts';
import { hasExtension, namedExtensions, namedFields, uselessNames } from './own-proxy.ts';
import { patchedMesh, type PatchedMesh, type Who } from './testing/patched.ts';

const HCM = 'envoy.filters.network.http_connection_manager';
const TYPE = 'type.googleapis.com/envoy.extensions';
const LUA = `{name: lua, typed_config: {"@type": ${TYPE}.filters.http.lua.v3.Lua, default_source_code: {inline_string: "x"}}}`;
const MANAGER = (fields: string) => `{typed_config: {"@type": ${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager, ${fields}}}`;
const patch = (applyTo: string, match: string, operation: string, value?: string) => `{configPatches: [${onePatch(applyTo, match, operation, value)}]}`;
const onePatch = (applyTo: string, match: string, operation: string, value?: string) => `{applyTo: ${applyTo}, match: ${match}, patch: {operation: ${operation}${value === undefined ? '' : `, value: ${value}`}}}`;
const inHttp = (context: string, sub = '', more = '') => `{context: ${context}, listener: {${more}filterChain: {filter: {name: ${HCM}${sub === '' ? '' : `, subFilter: {name: ${sub}}`}}}}}`;

/** Test data is JSON of Envoy's messages. */
type Json = any; // oxlint-disable-line no-explicit-any
const chains = (mesh: PatchedMesh, listener: string): Json[] => (mesh.resources.get(`LDS ${listener}`) as Json)?.filterChains ?? [];
const managers = (mesh: PatchedMesh, listener: string): Json[] => chains(mesh, listener).toSorted((a: Json, b: Json) => Number(b.filterChainMatch?.destinationPort === 8080) - Number(a.filterChainMatch?.destinationPort === 8080)).flatMap((c: Json) => c.filters.filter((f: Json) => f.name === HCM).map((f: Json) => f.typedConfig));
const httpNames = (mesh: PatchedMesh, listener = 'virtualInbound', port = 8080): string[] =>
  chains(mesh, listener).filter((c: Json) => c.filterChainMatch?.destinationPort === port || listener !== 'virtualInbound').flatMap((c: Json) => c.filters).filter((f: Json) => f.name === HCM).slice(0, 1).flatMap((f: Json) => f.typedConfig.httpFilters.map((h: Json) => h.name));
const cluster = (mesh: PatchedMesh, name: string): Json => mesh.resources.get(`CDS ${name}`);
const hosts = (mesh: PatchedMesh, routes = '80'): Json[] => (mesh.resources.get(`RDS ${routes}`) as Json)?.virtualHosts ?? [];
const WEB = 'outbound|80||web.default.svc.cluster.local';
const WEB_HOST = 'web.default.svc.cluster.local:80';

const CASES: readonly (readonly [name: string, spec: string | Record<string, string>, want: (mesh: PatchedMesh) => void, who?: Who])[] = [
  // HTTP filters
  ['INSERT_BEFORE stands before the filter that is named', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.router'), 'INSERT_BEFORE', LUA), (m) => assert.deepEqual(httpNames(m).slice(-2), ['lua', 'envoy.filters.http.router'])],
  ['INSERT_AFTER stands after it', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.fault'), 'INSERT_AFTER', LUA), (m) => assert.deepEqual(httpNames(m).slice(0, 2), ['envoy.filters.http.fault', 'lua'])],
  ['INSERT_FIRST stands first', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', LUA), (m) => assert.equal(httpNames(m)[0], 'lua')],
  ['INSERT_BEFORE without a filter stands first', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_BEFORE', LUA), (m) => assert.equal(httpNames(m)[0], 'lua')],
  ['ADD stands last, before the router', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'ADD', LUA), (m) => assert.equal(httpNames(m).at(-2), 'lua')],
  ['old names of filters are understood', patch('HTTP_FILTER', '{context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.http_connection_manager, subFilter: {name: envoy.router}}}}}', 'INSERT_BEFORE', LUA), (m) => assert.equal(httpNames(m).at(-2), 'lua')],
  ['REMOVE takes a filter away', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.cors'), 'REMOVE'), (m) => assert.ok(!httpNames(m).includes('envoy.filters.http.cors'))],
  ['REPLACE puts another in its place', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.cors'), 'REPLACE', LUA), (m) => assert.deepEqual(httpNames(m).slice(0, 3), ['envoy.filters.http.fault', 'lua', 'envoy.filters.http.router'])],
  ['MERGE lays a configuration over that of a filter', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.router'), 'MERGE', `{name: envoy.filters.http.router, typed_config: {"@type": ${TYPE}.filters.http.router.v3.Router, start_child_span: true}}`), (m) =>
    assert.deepEqual(managers(m, 'virtualInbound')[0].httpFilters.at(-1).typedConfig, { '@type': `${TYPE}.filters.http.router.v3.Router`, startChildSpan: true })],
  ['MERGE does not make a filter another one', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.router'), 'MERGE', LUA), (m) => assert.match(m.reports.join(), /f spec\.configPatches\[0\]: cannot be applied everywhere: .*Lua, but filter envoy\.filters\.http\.router is configured by .*Router/)],
  ['a filter that is not there is named, with those that are', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'nope'), 'INSERT_BEFORE', LUA), (m) => assert.deepEqual(m.reports, ['default/f spec.configPatches[0]: matches nothing: no HTTP filter is named nope (there is envoy.filters.http.fault, envoy.filters.http.cors, envoy.filters.http.router)'])],
  ['a port chooses the filter chains of the one inbound listener', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', '', 'portNumber: 9999, '), 'INSERT_FIRST', LUA), (m) => assert.match(m.reports.join(), /no filter chain is for port 9999 \(there is .*8080/)],
  ['context SIDECAR_OUTBOUND leaves the inbound side alone', patch('HTTP_FILTER', inHttp('SIDECAR_OUTBOUND'), 'INSERT_FIRST', LUA), (m) => {
    assert.ok(!httpNames(m).includes('lua'));
    assert.equal(httpNames(m, '0.0.0.0_80')[0], 'lua');
  }],
  ['context GATEWAY is for gateways', patch('HTTP_FILTER', inHttp('GATEWAY'), 'INSERT_FIRST', LUA), (m) => assert.deepEqual([httpNames(m).includes('lua'), m.reports], [false, ['default/f spec.configPatches[0]: is for none of the connected proxies that the object selects: context is GATEWAY']])],
  ['without a context all are meant', { 'istio-system/f': patch('HTTP_FILTER', `{listener: {filterChain: {filter: {name: ${HCM}}}}}`, 'INSERT_FIRST', LUA) }, (m) => assert.equal(httpNames(m, '0.0.0.0_8080')[0], 'lua'), { kind: 'router' }],
  ['a TypedStruct of a known type is read as that type', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', `{name: l, typed_config: {"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, value: {stat_prefix: s}}}`), (m) =>
    assert.deepEqual(managers(m, 'virtualInbound')[0].httpFilters[0].typedConfig, { '@type': `${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit`, statPrefix: 's' })],
  ['a type that is not known goes to Envoy as it is', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', '{name: l, typed_config: {"@type": type.googleapis.com/of.Tomorrow, a: [1]}}'), (m) =>
    assert.deepEqual(managers(m, 'virtualInbound')[0].httpFilters[0].typedConfig, { '@type': 'type.googleapis.com/xds.type.v3.TypedStruct', typeUrl: 'type.googleapis.com/of.Tomorrow', value: { a: [1] } })],

  // Network filters, chains, listeners
  ['the settings of the connection manager are merged, defaults too', patch('NETWORK_FILTER', inHttp('SIDECAR_INBOUND'), 'MERGE', MANAGER('server_header_transformation: PASS_THROUGH, normalize_path: false, common_http_protocol_options: {idle_timeout: 30s, max_headers_count: 50}')), (m) => {
    const [manager] = managers(m, 'virtualInbound');
    assert.deepEqual([manager.serverHeaderTransformation, manager.normalizePath, manager.commonHttpProtocolOptions, manager.statPrefix], ['PASS_THROUGH', false, { idleTimeout: '30s', maxHeadersCount: 50 }, 'inbound_0.0.0.0_8080']);
  }],
  ['lists grow by a MERGE', patch('NETWORK_FILTER', inHttp('SIDECAR_INBOUND'), 'MERGE', MANAGER('upgrade_configs: [{upgrade_type: CONNECT}]')), (m) => assert.deepEqual(managers(m, 'virtualInbound')[0].upgradeConfigs, [{ upgradeType: 'websocket' }, { upgradeType: 'CONNECT' }])],
  ['and are replaced by MERGE_AND_REPLACE_LIST', patch('NETWORK_FILTER', inHttp('SIDECAR_INBOUND'), 'MERGE_AND_REPLACE_LIST', MANAGER('upgrade_configs: [{upgrade_type: CONNECT}]')), (m) => assert.deepEqual(managers(m, 'virtualInbound')[0].upgradeConfigs, [{ upgradeType: 'CONNECT' }])],
  ['a network filter stands before the one that ends the chain', patch('NETWORK_FILTER', '{context: SIDECAR_INBOUND, listener: {filterChain: {destinationPort: 9000}}}', 'ADD', `{name: n, typed_config: {"@type": ${TYPE}.filters.network.echo.v3.Echo}}`), (m) =>
    assert.ok(chains(m, 'virtualInbound').some((c: Json) => c.filterChainMatch?.destinationPort === 9000 && c.filters[0].name === 'n'))],
  ['a filter chain is found by its name and transport protocol', patch('FILTER_CHAIN', '{context: SIDECAR_INBOUND, listener: {filterChain: {name: 0.0.0.0_8080, transportProtocol: raw_buffer}}}', 'MERGE', '{transport_socket_connect_timeout: 3s}'), (m) =>
    assert.deepEqual(chains(m, 'virtualInbound').filter((c: Json) => c.transportSocketConnectTimeout === '3s').map((c: Json) => [c.name, c.filterChainMatch.transportProtocol]), [['0.0.0.0_8080', 'raw_buffer']])],
  ['a filter chain is found by SNI', { 'istio-system/f': patch('FILTER_CHAIN', '{context: GATEWAY, listener: {filterChain: {sni: shop.test}}}', 'MERGE', '{transport_socket_connect_timeout: 3s}') }, (m) => assert.equal(chains(m, '0.0.0.0_8443')[0].transportSocketConnectTimeout, '3s'), { kind: 'router' }],
  ['a filter chain is added and another removed', `{configPatches: [${onePatch('FILTER_CHAIN', '{context: SIDECAR_INBOUND}', 'ADD', '{name: mine, filters: []}')}, ${onePatch('FILTER_CHAIN', '{context: SIDECAR_INBOUND, listener: {filterChain: {name: virtualInbound-blackhole}}}', 'REMOVE')}]}`, (m) => {
    const names = chains(m, 'virtualInbound').map((c: Json) => c.name);
    assert.deepEqual([names.includes('virtualInbound-blackhole'), names.at(-1)], [false, 'mine']);
  }],
  ['a listener is found by its name', patch('LISTENER', '{context: SIDECAR_INBOUND, listener: {name: virtualInbound}}', 'MERGE', '{per_connection_buffer_limit_bytes: 4096}'), (m) => {
    const [inbound, outbound] = ['virtualInbound', '0.0.0.0_80'].map((name) => (m.resources.get(`LDS ${name}`) as Json).perConnectionBufferLimitBytes);
    assert.deepEqual([inbound, outbound], [4096, undefined]);
  }],
  ['a listener is found by its port', patch('LISTENER', '{context: SIDECAR_OUTBOUND, listener: {portNumber: 80}}', 'REMOVE'), (m) => assert.deepEqual([m.resources.has('LDS 0.0.0.0_80'), m.resources.has('LDS virtualInbound')], [false, true])],
  ['a gateway’s listener is found by the port of its Service too', { 'istio-system/f': patch('LISTENER', '{context: GATEWAY, listener: {portNumber: 80}}', 'MERGE', '{per_connection_buffer_limit_bytes: 4096}') }, (m) => assert.equal((m.resources.get('LDS 0.0.0.0_8080') as Json).perConnectionBufferLimitBytes, 4096), { kind: 'router' }],
  ['a listener is added', patch('LISTENER', '{context: SIDECAR_OUTBOUND}', 'ADD', '{name: mine, address: {socket_address: {address: 127.0.0.1, port_value: 7777}}, filter_chains: [{}]}'), (m) => assert.equal((m.resources.get('LDS mine') as Json).address.socketAddress.portValue, 7777)],
  ['a listener filter is inserted beside another', patch('LISTENER_FILTER', '{context: SIDECAR_INBOUND, listener: {listenerFilter: envoy.filters.listener.tls_inspector}}', 'INSERT_BEFORE', `{name: pp, typed_config: {"@type": ${TYPE}.filters.listener.proxy_protocol.v3.ProxyProtocol}}`), (m) =>
    assert.deepEqual((m.resources.get('LDS virtualInbound') as Json).listenerFilters.map((f: Json) => f.name).slice(0, 3), ['envoy.filters.listener.original_dst', 'pp', 'envoy.filters.listener.tls_inspector'])],

  // Clusters
  ['a cluster is found by service', patch('CLUSTER', '{context: SIDECAR_OUTBOUND, cluster: {service: web.default.svc.cluster.local}}', 'MERGE', '{connect_timeout: 0.5s, upstream_connection_options: {tcp_keepalive: {keepalive_time: 10}}}'), (m) => {
    assert.deepEqual([cluster(m, WEB).connectTimeout, cluster(m, WEB).upstreamConnectionOptions], ['0.500s', { tcpKeepalive: { keepaliveTime: 10 } }]);
    assert.equal(cluster(m, 'PassthroughCluster').connectTimeout, '10s');
  }],
  ['by port', patch('CLUSTER', '{cluster: {service: web.default.svc.cluster.local, portNumber: 9000}}', 'MERGE', '{connect_timeout: 3s}'), (m) => assert.deepEqual([WEB, 'outbound|9000||web.default.svc.cluster.local', 'inbound|8080||'].map((name) => cluster(m, name).connectTimeout), ['10s', '3s', '10s'])],
  ['by name', patch('CLUSTER', '{cluster: {name: BlackHoleCluster}}', 'MERGE', '{connect_timeout: 3s}'), (m) => assert.deepEqual([cluster(m, 'BlackHoleCluster').connectTimeout, cluster(m, WEB).connectTimeout], ['3s', '10s'])],
  ['by subset', patch('CLUSTER', '{cluster: {subset: v1}}', 'MERGE', '{connect_timeout: 3s}'), (m) => assert.deepEqual([cluster(m, 'outbound|80|v1|web.default.svc.cluster.local').connectTimeout, cluster(m, WEB).connectTimeout], ['3s', '10s']), { more: '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: web, namespace: default}, spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}}' }],
  ['the clusters of the workload’s own ports by its service', patch('CLUSTER', '{context: SIDECAR_INBOUND, cluster: {service: web.default.svc.cluster.local}}', 'MERGE', '{connect_timeout: 3s}'), (m) => assert.deepEqual(['inbound|8080||', WEB].map((name) => cluster(m, name).connectTimeout), ['3s', '10s'])],
  ['options of HTTP are merged by their type', patch('CLUSTER', `{cluster: {name: "${WEB}"}}`, 'MERGE', `{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${TYPE}.upstreams.http.v3.HttpProtocolOptions, common_http_protocol_options: {idle_timeout: 5s}, explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 7}}}}}`), (m) =>
    assert.deepEqual(cluster(m, WEB).typedExtensionProtocolOptions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'], { '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`, commonHttpProtocolOptions: { idleTimeout: '5s' }, explicitHttpConfig: { http2ProtocolOptions: { maxConcurrentStreams: 7 } } })],
  ['a cluster is added once, and another taken away', `{configPatches: [${onePatch('CLUSTER', '{}', 'ADD', '{name: mine, type: STRICT_DNS}')}, ${onePatch('CLUSTER', '{cluster: {name: BlackHoleCluster}}', 'REMOVE')}]}`, (m) => assert.deepEqual([cluster(m, 'mine').type, cluster(m, 'BlackHoleCluster')], ['STRICT_DNS', undefined])],
  ['what is not there is named', patch('CLUSTER', '{cluster: {name: nope}}', 'REMOVE'), (m) => assert.match(m.reports.join(), /no cluster is named nope \(there is PassthroughCluster/)],

  // Routes
  ['a virtual host is found by its name', patch('VIRTUAL_HOST', `{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "${WEB_HOST}"}}}`, 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(hosts(m).filter((h) => h.responseHeadersToRemove).map((h) => h.name), [WEB_HOST])],
  ['and by a domain', patch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {domainName: web}}}', 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(hosts(m).filter((h) => h.responseHeadersToRemove).map((h) => h.name), [WEB_HOST])],
  ['the virtual host of an inbound port', patch('VIRTUAL_HOST', '{context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80"}}}', 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(managers(m, 'virtualInbound')[0].routeConfig.virtualHosts[0].responseHeadersToRemove, ['x'])],
  ['the inbound routes of a port', patch('VIRTUAL_HOST', '{context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080}}', 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(managers(m, 'virtualInbound').map((h) => h.routeConfig.virtualHosts[0].responseHeadersToRemove?.length ?? 0).sort(), [0, 0, 1, 1])],
  ['the virtual host of an inbound port, of an Envoy that fetches its routes', patch('VIRTUAL_HOST', '{context: SIDECAR_INBOUND, routeConfiguration: {vhost: {name: "inbound|http|80"}}}', 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(hosts(m, 'inbound|8080||')[0].responseHeadersToRemove, ['x']), { metadata: { LATEEN_RUNTIME: 'lateen' } }],
  ['the inbound routes of a port, of an Envoy that fetches them', patch('VIRTUAL_HOST', '{context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080}}', 'MERGE', '{response_headers_to_remove: [x]}'), (m) => assert.deepEqual(['inbound|8080||', 'inbound|9000||', '80'].map((routes) => hosts(m, routes)[0].responseHeadersToRemove), [['x'], undefined, undefined]), { metadata: { LATEEN_RUNTIME: 'lateen' } }],
  ['MERGE cannot be laid over what is fetched', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND', 'envoy.filters.http.jwt_authn'), 'MERGE', `{typed_config: {"@type": ${TYPE}.filters.http.jwt_authn.v3.JwtAuthentication}}`), (m) => assert.match(m.reports.join(), /f spec\.configPatches\[0\]: cannot be applied everywhere: .*envoy\.filters\.http\.jwt_authn has its configuration of a resource of that name.*use REPLACE/), { metadata: { LATEEN_RUNTIME: 'lateen' } }],
  ['a virtual host is added, and one replaced', `{configPatches: [${onePatch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND, routeConfiguration: {name: "80"}}', 'ADD', '{name: mine, domains: [mine.test]}')}, ${onePatch('VIRTUAL_HOST', `{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "${WEB_HOST}"}}}`, 'REPLACE', '{name: other, domains: [web]}')}]}`, (m) => {
    const names = hosts(m).map((h) => h.name);
    assert.deepEqual([names.includes('mine'), names.includes('other'), names.includes(WEB_HOST)], [true, true, false]);
  }],
  ['a route is found by its name', patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: a}}}}', 'MERGE', '{direct_response: {status: 404}}'), (m) => assert.deepEqual(hosts(m).find((h) => h.name === WEB_HOST)?.routes.map((r: Json) => [r.name, r.directResponse?.status]), [['a', 404], ['b', undefined]])],
  ['and by its action', patch('HTTP_ROUTE', `{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "${WEB_HOST}", route: {action: ROUTE}}}}`, 'MERGE', '{route: {timeout: 7s}}'), (m) => assert.deepEqual(hosts(m).find((h) => h.name === WEB_HOST)?.routes.map((r: Json) => r.route?.timeout), [undefined, '7s'])],
  ['a route is inserted first, and one after another', `{configPatches: [${onePatch('HTTP_ROUTE', `{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "${WEB_HOST}"}}}`, 'INSERT_FIRST', '{name: x, match: {path: /x}, direct_response: {status: 200}}')}, ${onePatch('HTTP_ROUTE', `{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "${WEB_HOST}", route: {name: a}}}}`, 'INSERT_AFTER', '{name: y, match: {path: /y}, direct_response: {status: 200}}')}]}`, (m) =>
    assert.deepEqual(hosts(m).find((h) => h.name === WEB_HOST)?.routes.map((r: Json) => r.name), ['x', 'a', 'y', 'b'])],
  ['a route is taken away', patch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: a}}}}', 'REMOVE'), (m) => assert.deepEqual(hosts(m).find((h) => h.name === WEB_HOST)?.routes.map((r: Json) => r.name), ['b'])],
  ['a gateway’s routes are found by gateway, port and port name', { 'istio-system/f': patch('ROUTE_CONFIGURATION', '{context: GATEWAY, routeConfiguration: {gateway: default/gw, portNumber: 80, portName: http}}', 'MERGE', '{response_headers_to_remove: [x]}') }, (m) =>
    assert.deepEqual(['http.8080', 'https.443.https.gw.default'].map((name) => (m.resources.get(`RDS ${name}`) as Json).responseHeadersToRemove.includes('x')), [true, false]), { kind: 'router' }],
  ['a gateway that has no routes is named', { 'istio-system/f': patch('ROUTE_CONFIGURATION', '{context: GATEWAY, routeConfiguration: {gateway: default/other}}', 'MERGE', '{}') }, (m) => assert.match(m.reports.join(), /no route configuration is of gateway default\/other \(there is default\/gw\)/), { kind: 'router' }],

  // Who gets what
  ['labels of the workload choose', `{workloadSelector: {labels: {app: other}}, configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}')}]}`, (m) => assert.equal(cluster(m, WEB).connectTimeout, '10s')],
  ['the namespace chooses', { 'other/f': patch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}') }, (m) => assert.equal(cluster(m, WEB).connectTimeout, '10s')],
  ['the root namespace is for all, and its patches come first', { 'default/a': patch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 4s}'), 'istio-system/z': `{priority: 10, configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s, cleanup_interval: 1s}')}]}` }, (m) => assert.deepEqual([cluster(m, WEB).connectTimeout, cluster(m, WEB).cleanupInterval], ['4s', '1s'])],
  ['lower priorities come first', { 'default/a': `{priority: 5, configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 4s}')}]}`, 'default/b': patch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}') }, (m) => assert.equal(cluster(m, WEB).connectTimeout, '4s')],
  ['of equals the older', { 'default/b': patch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 4s}'), 'default/a': patch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}') }, (m) => assert.equal(cluster(m, WEB).connectTimeout, '3s')],
  ['a gateway of the Gateway API is found by its name', { 'istio-system/f': `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}], configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}')}]}` }, (m) => assert.equal(cluster(m, WEB).connectTimeout, '3s'), { kind: 'router' }],
  ['and no other', { 'istio-system/f': `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: other}], configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}')}]}` }, (m) => assert.equal(cluster(m, WEB).connectTimeout, '10s'), { kind: 'router' }],
  ['a Service has no proxy of its own', `{targetRefs: [{kind: Service, name: web}], configPatches: [${onePatch('CLUSTER', '{}', 'MERGE', '{connect_timeout: 3s}')}]}`, (m) => assert.match(m.reports.join(), /spec\.targetRefs\[0\]: Service web has no proxy of its own/)],
  ['the version of the proxy chooses', `{configPatches: [${onePatch('CLUSTER', '{proxy: {proxyVersion: "^1\\\\.32"}}', 'MERGE', '{connect_timeout: 3s}')}, ${onePatch('CLUSTER', '{proxy: {proxyVersion: "^1\\\\.9"}}', 'MERGE', '{connect_timeout: 4s}')}]}`.replaceAll('"^1\\\\', "'^1\\").replaceAll('32"', "32'").replaceAll('9"', "9'"), (m) => assert.equal(cluster(m, WEB).connectTimeout, '3s')],
  ['metadata of the proxy’s node chooses', `{configPatches: [${onePatch('CLUSTER', '{proxy: {metadata: {TIER: gold}}}', 'MERGE', '{connect_timeout: 3s}')}, ${onePatch('CLUSTER', '{proxy: {metadata: {TIER: silver}}}', 'MERGE', '{connect_timeout: 4s}')}]}`, (m) => assert.equal(cluster(m, WEB).connectTimeout, '3s'), { metadata: { TIER: 'gold' } }],

  // What is said of what does nothing
  ['an operation that means nothing there', patch('ROUTE_CONFIGURATION', '{}', 'REMOVE'), (m) => assert.deepEqual(m.reports, ['default/f spec.configPatches[0].patch.operation: REMOVE means nothing for ROUTE_CONFIGURATION, which takes MERGE'])],
  ['waypoints', patch('CLUSTER', '{context: WAYPOINT, waypoint: {}}', 'REMOVE'), (m) => assert.match(m.reports.join(), /configPatches\[0\]\.match\.context: there are no waypoints/)],
  ['an unknown field leaves the object out, with the name that was meant', patch('CLUSTER', '{}', 'MERGE', '{conect_timeout: 3s}'), (m) => {
    assert.equal(cluster(m, WEB).connectTimeout, '10s');
    assert.match(m.reports.join(), /spec\.configPatches\[0\]\.patch\.value\.conect_timeout: envoy\.config\.cluster\.v3\.Cluster has no field conect_timeout; did you mean connect_timeout\?/);
  }],
];

for (const [name, spec, want, who] of CASES) test(name, () => want(patchedMesh(spec, who)));

const OURS = { ours: true };
const OWN: readonly (readonly [name: string, spec: string, want: (mesh: PatchedMesh) => void])[] = [
  ['a filter that it has not got is left out for it, and said so', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', LUA), (m) => {
    assert.ok(!httpNames(m).includes('lua'));
    assert.deepEqual(m.reports, ['default/f spec.configPatches[0].patch.value.typed_config: our own proxy has no envoy.extensions.filters.http.lua.v3.Lua, so that the patch is left out for it; the other proxies get it; with Envoy as the proxy it is in effect']);
  }],
  ['a field that it does not look at is said, and the others hold', patch('CLUSTER', '{cluster: {name: BlackHoleCluster}}', 'MERGE', '{connect_timeout: 3s, health_checks: [{timeout: 1s}]}'), (m) => {
    assert.equal(cluster(m, 'BlackHoleCluster').connectTimeout, '3s');
    assert.match(m.reports.join(), /^default\/f spec\.configPatches\[0\]\.patch\.value\.health_checks: our own proxy does not look at it/);
  }],
  ['a field that it refuses leaves the patch out', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', `{name: l, typed_config: {"@type": ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: s, local_cluster_rate_limit: {}}}`), (m) => {
    assert.ok(!httpNames(m).includes('l'));
    assert.match(m.reports.join(), /typed_config\.local_cluster_rate_limit: our own proxy has no such thing, so that the patch is left out/);
  }],
  ['what only Envoy can read is left out for it', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', `{name: l, typed_config: {"@type": ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: s, of_tomorrow: 1}}`), (m) => {
    assert.ok(!httpNames(m).includes('l'));
    assert.match(m.reports.join('\n'), /typed_config\.of_tomorrow: .*LocalRateLimit has no field of_tomorrow, so that the patch is left out for our own proxy/);
  }],
  ['a filter whose configuration is an extension has it in its place', `{configPatches: [${onePatch('EXTENSION_CONFIG', '{}', 'ADD', `{name: limit, typed_config: {"@type": ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: s}}`)}, ${onePatch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', `{name: limit, config_discovery: {config_source: {ads: {}}, type_urls: [${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit]}}`)}]}`, (m) => {
    assert.deepEqual(managers(m, 'virtualInbound')[0].httpFilters[0], { name: 'limit', typedConfig: { '@type': `${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit`, statPrefix: 's' } });
    assert.deepEqual(m.reports, []);
  }],
  ['and without that extension it is left out', patch('HTTP_FILTER', inHttp('SIDECAR_INBOUND'), 'INSERT_FIRST', '{name: limit, config_discovery: {config_source: {ads: {}}, type_urls: [x]}}'), (m) => assert.match(m.reports.join(), /config_discovery: no EXTENSION_CONFIG is named limit/)],
];
for (const [name, spec, want] of OWN) test(`our own proxy: ${name}`, () => want(patchedMesh(spec, OURS)));

test('virtual hosts that are resources of their own are patched one by one, and those that are added stand in the table', () => {
  const mesh = patchedMesh(`{configPatches: [${onePatch('VIRTUAL_HOST', `{context: SIDECAR_OUTBOUND, routeConfiguration: {name: "80", vhost: {name: "${WEB_HOST}"}}}`, 'MERGE', '{response_headers_to_remove: [x]}')}, ${onePatch('VIRTUAL_HOST', '{context: SIDECAR_OUTBOUND}', 'ADD', '{name: mine, domains: [mine.test]}')}, ${onePatch('HTTP_ROUTE', '{context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {route: {name: a}}}}', 'REMOVE')}]}`, { ours: true, extensions: [TAKES_VIRTUAL_HOSTS] });
  const host = mesh.resources.get(`VHDS 80/${WEB_HOST}`) as Json;
  assert.deepEqual([host.responseHeadersToRemove, host.routes.map((r: Json) => r.name)], [['x'], ['b']]);
  assert.ok(hosts(mesh).some((h) => h.name === 'mine'));
  assert.ok(![...mesh.resources.keys()].some((name) => name.startsWith('VHDS') && name.includes('mine')));
  assert.deepEqual(mesh.reports, []);
});

test('an Envoy gets extension configurations as resources of their own', () => {
  const mesh = patchedMesh(patch('EXTENSION_CONFIG', '{}', 'ADD', `{name: limit, typed_config: {"@type": ${TYPE}.filters.http.lua.v3.Lua}}`));
  assert.deepEqual(mesh.resources.get('ECDS limit'), { name: 'limit', typedConfig: { '@type': `${TYPE}.filters.http.lua.v3.Lua` } });
  assert.deepEqual(mesh.reports, []);
});

test('the table of what our own proxy does not look at names fields that there are', () => {
  const types = messageTypes();
  const wrong = namedFields().flatMap(([type, fields]) => {
    const known = new Set(types.getMessage(type)?.fields.map((field) => field.name));
    return [...fields].filter((field) => !known.has(field)).map((field) => `${type}.${field}`);
  });
  assert.deepEqual(wrong, []);
});

/** All of the proxy that reads configuration. */
const proxySources = ((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|^generated|^testkit/.test(file))
    .map((file) => readFileSync(new URL(file, root), 'utf8'))
    .join('\n'))(new URL('../../proxy/', import.meta.url));

test('the control plane knows which filters our own proxy has', () => {
  assert.deepEqual(FILTER_TYPES.filter((type) => !hasExtension(type)), []);
  const http = [...namedExtensions()].filter((type) => type.startsWith('envoy.extensions.filters.http.'));
  assert.deepEqual(http.filter((type) => !FILTER_TYPES.includes(type)), []);
  // By the name of the predicate, not of its configuration.
  const byName = ['envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'];
  assert.deepEqual([...namedExtensions()].filter((type) => !proxySources.includes(type.slice(type.lastIndexOf('.') + 1))), byName, 'nothing in the proxy has this name');
});

/** What has these names in the proxy is of other messages, or its own. */
const NAMESAKES: Readonly<Record<string, readonly string[]>> = {
  'envoy.config.cluster.v3.Cluster': ['filters'],
  'envoy.config.listener.v3.Listener': ['reuse_port'],
  'envoy.config.route.v3.Route': ['tracing'],
  'envoy.config.route.v3.RouteAction': ['cors'],
  'envoy.config.route.v3.RouteConfiguration': ['request_mirror_policies', 'typed_per_filter_config'],
  'envoy.config.route.v3.VirtualHost': ['matcher', 'cors'],
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': ['filter_enabled'],
  'envoy.extensions.filters.http.fault.v3.HTTPFault': ['filter_metadata'],
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails': ['chain'],
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig': ['filters'],
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': ['http_filters'],
};

test('a field that our own proxy begins to look at is no longer said to be without effect', () => {
  const camel = (name: string) => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const isRead = (name: string) => new RegExp(`\\b[a-z][A-Za-z]*\\??\\.${camel(name)}\\b|[{,] ${camel(name)}[ ,}:]`).test(proxySources);
  const read = [...uselessNames()].flatMap(([type, fields]) => {
    const names = [...fields].filter((name) => isRead(name));
    return names.length === 0 ? [] : [[type, names] as const];
  });
  assert.deepEqual(Object.fromEntries(read.toSorted()), NAMESAKES);
});

test('proxies that no EnvoyFilter is meant for get the very resources that they would get without one', () => {
  const bare = patchedMesh({});
  const other = patchedMesh({ 'default/f': '{workloadSelector: {labels: {app: other}}, configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: 3s}}}]}' });
  assert.equal(other.generator.viewOf(other.proxy).patched, undefined);
  assert.deepEqual([...other.resources], [...bare.resources]);
});
