import assert from 'node:assert/strict';
import test from 'node:test';
import { buildEdgeListener } from './gateway-listeners.ts';
import { buildEdgeRoutes } from './gateway-routes.ts';
import { planEdge } from './gateway-plan.ts';
import { contextFor } from './testing/context.ts';
import { simulate } from './testing/simulate.ts';

const EDGE = `
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: istio-system}
spec: {selector: {istio: gw}, ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gw, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: gw}}, spec: {containers: []}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 9080}]}
`;

const gateway = (servers: string, name = 'edge') => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: default}
spec: {selector: {istio: gw}, servers: [${servers}]}
`;

const rules = (hosts: string, http: string, over: { name?: string; namespace?: string } = {}) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${over.name ?? 'web'}, namespace: ${over.namespace ?? 'default'}}
spec: {hosts: [${hosts}], gateways: [default/edge], http: [${http}]}
`;

const HTTP = '{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}';
const TO_WEB = '{route: [{destination: {host: web.default.svc.cluster.local}}]}';
const WEB = 'outbound|9080||web.default.svc.cluster.local';

const context = (yaml: string) => contextFor(EDGE + yaml, { workload: 'gw', namespace: 'istio-system', kind: 'router' });
const ask = (yaml: string, call: Parameters<typeof simulate>[1], name = 'http.8080') => {
  const c = context(yaml);
  return simulate(buildEdgeRoutes(name, planEdge(c), c), call);
};

test('the port of a Gateway is the port of its Service, and the pod listens on what stands behind', () => {
  const plan = planEdge(context(gateway(HTTP)));
  assert.deepEqual(plan.listeners.map((l) => [l.address, l.port]), [['0.0.0.0', 8080]]);
  assert.deepEqual([...plan.routes.keys()], ['http.8080']);
});

test('a VirtualService that is bound to the gateway is served, others are not', () => {
  assert.equal(ask(gateway(HTTP) + rules('"*"', TO_WEB), { host: 'any.example' }), WEB);
  assert.equal(ask(gateway(HTTP), { host: 'any.example' }), '404');
  assert.equal(ask(gateway(HTTP) + rules('"*"', TO_WEB).replace('default/edge', 'other'), { host: 'any.example' }), '404');
});

test('a host is served as far as the server and the VirtualService agree', () => {
  const yaml = gateway('{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example.com"]}') + rules('a.example.com, b.other.com', TO_WEB);
  assert.equal(ask(yaml, { host: 'a.example.com' }), WEB);
  assert.equal(ask(yaml, { host: 'b.other.com' }), '404');
  assert.equal(ask(yaml, { host: 'c.example.com' }), '404');
});

test('names count in any case, and each stands once', () => {
  const c = context(gateway('{port: {number: 80, name: http, protocol: HTTP}, hosts: [Shop.Example, "*.example"]}') + rules('shop.example, SHOP.example', TO_WEB) + rules('Shop.example', '{match: [{uri: {prefix: /b}}], redirect: {uri: /x}}', { name: 'second' }));
  const { virtualHosts } = buildEdgeRoutes('http.8080', planEdge(c), c);
  assert.deepEqual(virtualHosts.flatMap(({ domains }) => domains), ['shop.example', '*']);
});

test('of two rules for one server name the first has the chain, and what is left of the second has one too', () => {
  const tls = (name: string, match: string) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec: {hosts: ["*.example"], gateways: [default/edge], tls: [{match: [${match}], route: [{destination: {host: web.default.svc.cluster.local}}]}]}
`;
  const c = context(gateway('{port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}') + tls('one', '{sniHosts: [a.example, b.example]}, {sniHosts: [b.example]}') + tls('two', '{sniHosts: [b.example, c.example]}'));
  const [plan] = planEdge(c).listeners;
  assert.ok(plan);
  const listener = buildEdgeListener(plan, { context: c, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } });
  assert.deepEqual(listener?.filterChains.map(({ filterChainMatch }) => filterChainMatch?.serverNames), [['a.example', 'b.example'], ['c.example']]);
});

test('a server can say from which namespace its hosts may be served', () => {
  const server = (hosts: string) => gateway(`{port: {number: 80, name: http, protocol: HTTP}, hosts: ["${hosts}"]}`);
  assert.equal(ask(server('./*') + rules('"*"', TO_WEB), { host: 'x' }), WEB);
  assert.equal(ask(server('./*') + rules('"*"', TO_WEB, { namespace: 'far' }), { host: 'x' }), '404');
  assert.equal(ask(server('far/*') + rules('"*"', TO_WEB, { namespace: 'far' }), { host: 'x' }), WEB);
});

test('several VirtualServices on one host are joined, catch-all routes last', () => {
  const first = rules('"*"', '{route: [{destination: {host: one.default.svc.cluster.local, port: {number: 1}}}]}', { name: 'a' });
  const second = rules('"*"', '{match: [{uri: {prefix: /two}}], route: [{destination: {host: two.default.svc.cluster.local, port: {number: 2}}}]}', { name: 'b' });
  assert.equal(ask(gateway(HTTP) + first + second, { host: 'x', path: '/two' }), 'outbound|2||two.default.svc.cluster.local');
  assert.equal(ask(gateway(HTTP) + first + second, { host: 'x', path: '/' }), 'outbound|1||one.default.svc.cluster.local');
});

test('TLS servers of one port share it by name and have routes of their own', () => {
  const tls = (name: string, host: string) => `{port: {number: 443, name: ${name}, protocol: HTTPS}, hosts: [${host}], tls: {mode: SIMPLE, credentialName: c}}`;
  const plan = planEdge(context(gateway(`${tls('a', 'a.com')}, ${tls('b', 'b.com')}`)));
  assert.deepEqual(plan.listeners.map((l) => [l.port, l.chains.length]), [[8443, 2]]);
  assert.deepEqual([...plan.routes.keys()], ['https.443.a.edge.default', 'https.443.b.edge.default']);
  assert.deepEqual(plan.conflicts, []);
});

test('a host that an older Gateway serves, and a port that is used otherwise, are left out with the reason', () => {
  const tls = '{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: c}}';
  const same = planEdge(context(gateway(tls) + gateway(tls, 'younger')));
  assert.deepEqual(same.conflicts.map((c) => [c.server.name, c.reason]), [['younger', 'host is already served on port 8443 by Gateway default/edge']]);
  const plain = planEdge(context(gateway(tls) + gateway('{port: {number: 443, name: h, protocol: HTTP}, hosts: [b.com]}', 'younger')));
  assert.match(plain.conflicts[0]?.reason ?? '', /already serves tls-http/);
});

test('a host that another TLS server of the port is there for is answered 421, what nobody serves 404', () => {
  const tls = (name: string, host: string) => `{port: {number: 443, name: ${name}, protocol: HTTPS}, hosts: ["${host}"], tls: {mode: SIMPLE, credentialName: c}}`;
  const yaml = gateway(`${tls('a', 'a.example.com')}, ${tls('rest', '*.example.com')}`) + rules('a.example.com, b.example.com', TO_WEB);
  const [exact, wildcard] = ['https.443.a.edge.default', 'https.443.rest.edge.default'];
  assert.equal(ask(yaml, { host: 'a.example.com' }, exact), WEB);
  assert.equal(ask(yaml, { host: 'b.example.com' }, exact), '421');
  assert.equal(ask(yaml, { host: 'b.example.com' }, wildcard), WEB);
  assert.equal(ask(yaml, { host: 'a.example.com' }, wildcard), '421');
  assert.equal(ask(yaml, { host: 'other.org' }, exact), '404');
});

test('two addresses of one port have routes of their own', () => {
  const at = (name: string, bind: string) => `{port: {number: 80, name: ${name}, protocol: HTTP}, hosts: ["*"], bind: ${bind}}`;
  const plan = planEdge(context(gateway(`${at('a', '10.0.0.1')}, ${at('b', '10.0.0.2')}`)));
  assert.deepEqual(plan.listeners.map((l) => [l.address, l.port]), [['10.0.0.1', 8080], ['10.0.0.2', 8080]]);
  assert.deepEqual([...plan.routes.keys()], ['http.8080.10.0.0.1', 'http.8080.10.0.0.2']);
});

test('a Unix socket is left out with the reason', () => {
  assert.match(planEdge(context(gateway('{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"], bind: "unix:///x"}'))).conflicts[0]?.reason ?? '', /addresses only/);
});
