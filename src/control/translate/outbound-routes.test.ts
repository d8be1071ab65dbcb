import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { RouteTable, soleRoutes } from '../generate/route-table.ts';
import { VirtualHosts } from '../generate/virtual-hosts.ts';
import { buildOutboundRoutes, isShared, sharedHosts } from './outbound-routes.ts';
import { contextFor, type TestProxy } from './testing/context.ts';
import { findRoute, simulate, type Call } from './testing/simulate.ts';

const SERVICES = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.96.0.5, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {ports: [{name: http, port: 9080}, {name: http-admin, port: 9090}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: far}
spec: {ports: [{name: http, port: 9080}]}
`;

const rules = (http: string, extra = '') => `${SERVICES}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  ${extra}
  http:${http}
`;

const R = 'outbound|9080||reviews.default.svc.cluster.local';
const subset = (name: string) => `outbound|9080|${name}|reviews.default.svc.cluster.local`;
const get = (path: string, over: Partial<Call> = {}): Call => ({ host: 'reviews:9080'.split(':')[0] ?? '', path, ...over });

function routes(yaml: string, who: TestProxy = {}, name = '9080') {
  return buildOutboundRoutes(name, contextFor(yaml, who));
}

for (const [name, call, want] of [
  ['a short name in the own namespace', { host: 'reviews' }, R],
  ['the name with its namespace', { host: 'reviews.default' }, R],
  ['the full name', { host: 'reviews.default.svc.cluster.local' }, R],
  ['the address of the service', { host: '10.96.0.5' }, R],
  ['a name of another namespace', { host: 'shop.far' }, 'outbound|9080||shop.far.svc.cluster.local'],
  ['a short name of another namespace is unknown', { host: 'shop' }, 'PassthroughCluster'],
  ['an unknown name passes through', { host: 'example.com' }, 'PassthroughCluster'],
] as const) test(`without rules: ${name}`, () => assert.equal(simulate(routes(SERVICES), call), want));

test('with REGISTRY_ONLY an unknown name is refused with 502', () => {
  const context = contextFor(SERVICES, {}, { config: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } });
  assert.equal(simulate(buildOutboundRoutes('9080', context), { host: 'example.com' }), '502');
});

const CANARY = rules(`
  - match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /api}}, {uri: {regex: "/v[0-9]+"}}]
    route: [{destination: {host: reviews, subset: api}}]
  - match: [{withoutHeaders: {x-internal: {exact: "yes"}}, uri: {exact: /public}}]
    route: [{destination: {host: reviews, subset: public}}]
  - match: [{queryParams: {q: {exact: a}}, method: {exact: POST}}]
    route: [{destination: {host: reviews, subset: q}}]
  - match: [{ignoreUriCase: true, uri: {prefix: /Case}}]
    directResponse: {status: 204}
  - match: [{headers: {x-there: {}}}]
    redirect: {uri: /x}
  - route: [{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v3}, weight: 10}, {destination: {host: reviews, subset: off}, weight: 0}]`);

for (const [name, call, want] of [
  ['a header picks its rule', get('/', { headers: { 'end-user': 'jason' } }), subset('v2')],
  ['another value goes on to the weights, without the one of weight 0', get('/', { headers: { 'end-user': 'ann' } }), `${subset('v1')} 90, ${subset('v3')} 10`],
  ['a prefix', get('/api/x'), subset('api')],
  ['a regex takes the whole path', get('/v12'), subset('api')],
  ['a regex does not take a part', get('/v12/x'), `${subset('v1')} 90, ${subset('v3')} 10`],
  ['without a header: absent', get('/public'), subset('public')],
  ['without a header: another value', get('/public', { headers: { 'x-internal': 'no' } }), subset('public')],
  ['without a header: there', get('/public', { headers: { 'x-internal': 'yes' } }), `${subset('v1')} 90, ${subset('v3')} 10`],
  ['a query parameter and a method', get('/x?q=a', { method: 'POST' }), subset('q')],
  ['only one of the two', get('/x?q=a'), `${subset('v1')} 90, ${subset('v3')} 10`],
  ['case does not matter where it is said', get('/cASE/y'), '204'],
  ['a header that is only to be there', get('/x', { headers: { 'x-there': '' } }), 'redirect'],
] as const) test(`rules: ${name}`, () => assert.equal(simulate(routes(CANARY), call), want));

test('the first rule that matches wins, and what stands behind a rule without match is left out', () => {
  const config = routes(rules(`
  - route: [{destination: {host: reviews, subset: v1}}]
  - match: [{uri: {prefix: /never}}]
    route: [{destination: {host: reviews, subset: v2}}]`));
  assert.equal(config.virtualHosts.find((h) => h.name.startsWith('reviews'))?.routes.length, 1);
  assert.equal(simulate(config, get('/never')), subset('v1'));
});

test('rules for callers with certain labels are for them only', () => {
  const yaml = rules(`
  - match: [{sourceLabels: {app: web}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews, subset: v1}}]`);
  assert.equal(simulate(routes(yaml, { labels: { app: 'web' } }), get('/')), subset('v2'));
  assert.equal(simulate(routes(yaml, { labels: { app: 'other' } }), get('/')), subset('v1'));
});

test('rules for callers of a namespace and for a port are for them only', () => {
  const yaml = rules(`
  - match: [{sourceNamespace: far}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{port: 9090}]
    route: [{destination: {host: reviews, subset: v3}}]
  - route: [{destination: {host: reviews, subset: v1}}]`);
  assert.equal(simulate(routes(yaml, { namespace: 'far' }), { host: 'reviews.default' }), subset('v2'));
  assert.equal(simulate(routes(yaml), get('/')), subset('v1'));
});

test('rules that are not exported to a namespace do not hold there', () => {
  const yaml = rules('\n  - route: [{destination: {host: reviews, subset: v1}}]', "exportTo: ['.']");
  assert.equal(simulate(routes(yaml, { namespace: 'far' }), { host: 'reviews.default' }), R);
  assert.equal(simulate(routes(yaml), get('/')), subset('v1'));
});

test('of two objects on one host the older holds', () => {
  const yaml = `${rules('\n  - route: [{destination: {host: reviews, subset: v1}}]')}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a-younger, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v2}}]}]}
`;
  assert.equal(simulate(routes(yaml), get('/')), subset('v1'));
});

test('a delegate matches within the rule that names it', () => {
  const yaml = `${SERVICES}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: default}
spec: {hosts: [reviews], http: [{match: [{uri: {prefix: /shop}}], delegate: {name: part, namespace: far}}, {route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part, namespace: far}
spec: {http: [{match: [{uri: {prefix: /shop/x}, headers: {a: {exact: b}}}], route: [{destination: {host: shop}}]}]}
`;
  const config = routes(yaml);
  assert.equal(simulate(config, get('/shop/x', { headers: { a: 'b' } })), 'outbound|9080||shop.far.svc.cluster.local');
  assert.equal(simulate(config, get('/shop/y', { headers: { a: 'b' } })), R);
});

test('retries: twice by default, as asked, or none', () => {
  const policy = (retries: string) => {
    const route = findRoute(routes(rules(`\n  - ${retries}route: [{destination: {host: reviews}}]`)), get('/'));
    assert.ok(route?.action.case === 'route');
    return route.action.value.retryPolicy;
  };
  assert.equal(policy('')?.numRetries, 2);
  const deliveries = (retries: string) => policy(retries)?.retriableHeaders.map(({ name, headerMatchSpecifier: { value } }) => `${name}: ${(value as { matchPattern: { value: string } }).matchPattern.value}`);
  assert.equal(policy('')?.retryOn, 'connect-failure,refused-stream,unavailable,cancelled,undelivered,retriable-headers');
  assert.deepEqual(deliveries(''), ['x-lateen-delivery: none', 'x-lateen-delivery: repeatable']);
  const asked = policy('retries: {attempts: 5, perTryTimeout: 2s, retryOn: "5xx,503,reset"}\n    ');
  assert.deepEqual([asked?.numRetries, asked?.retryOn, asked?.retriableStatusCodes, asked?.perTryTimeout?.seconds], [5, '5xx,reset,retriable-status-codes,retriable-headers', [503], 2n]);
  assert.equal(policy('retries: {attempts: 1, retryOn: "503"}\n    ')?.retryOn, 'retriable-status-codes');
  assert.deepEqual(deliveries('retries: {attempts: 1, retryOn: connect-failure}\n    '), ['x-lateen-delivery: none']);
  assert.equal(policy('retries: {attempts: 0}\n    '), undefined);
});

test('a timeout is set only when it is asked for', () => {
  const seconds = (text: string) => {
    const route = findRoute(routes(rules(`\n  - ${text}route: [{destination: {host: reviews}}]`)), get('/'));
    assert.ok(route?.action.case === 'route');
    return Number(route.action.value.timeout?.seconds) + Number(route.action.value.timeout?.nanos) / 1e9;
  };
  assert.equal(seconds(''), 0);
  assert.equal(seconds('timeout: 1.5s\n    '), 1.5);
});

test('an unknown set of routes is empty, not missing', () => {
  assert.equal(routes(SERVICES, {}, 'nobody.example:1').virtualHosts.length, 0);
  assert.equal(simulate(routes(SERVICES, {}, '1234'), { host: 'reviews' }), 'PassthroughCluster');
});

test('the destination of a service with one port is that port, of one with several the port that was called', () => {
  const yaml = `${SERVICES}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: r, namespace: default}
spec: {hosts: [ratings], http: [{match: [{uri: {prefix: /one}}], route: [{destination: {host: reviews}}]}, {route: [{destination: {host: ratings}}]}]}
`;
  const config = routes(yaml, {}, '9090');
  assert.equal(simulate(config, { host: 'ratings', path: '/one' }), R);
  assert.equal(simulate(config, { host: 'ratings' }), 'outbound|9090||ratings.default.svc.cluster.local');
});

test('routes that were put together from parts are what one message would be', () => {
  const context = contextFor(CANARY);
  const virtualHosts = new VirtualHosts();
  for (const name of ['9080', '9090', 'reviews.default.svc.cluster.local:9080']) {
    const resource = isShared(name) ? new RouteTable(name, virtualHosts).update(sharedHosts(context), context) : soleRoutes(name, context, virtualHosts).resource;
    assert.deepEqual(fromBinary(RouteConfigurationSchema, resource.value), buildOutboundRoutes(name, context), name);
  }
});
