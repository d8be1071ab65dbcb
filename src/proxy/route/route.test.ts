import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRoutes } from '../config/routes.ts';
import { decode, ResourceType } from '../config/decode.ts';
import { Headers } from '../../codec/headers.ts';
import { encode } from '../testkit/proxy.ts';
import { pickDestination } from './route.ts';

type Json = Record<string, unknown>;
const table = (virtualHosts: readonly Json[], extra: Json = {}) =>
  compileRoutes(decode('routes', encode(ResourceType.Route, { name: 'r', virtual_hosts: virtualHosts, ...extra })), { perFilter: () => undefined, random: () => 0.5 });
const host = (name: string, domains: readonly string[]) => ({ name, domains, routes: [] });
const view = (path: string, headers: readonly string[] = [], method = 'GET') => ({ method, path, authority: 'h', scheme: 'http', headers: Headers.of(...headers) });

const hosts = table([host('exact', ['a.example', 'a.example:80']), host('suffix', ['*.example']), host('longer', ['*.b.example']), host('prefix', ['svc.*']), host('all', ['*'])]);
for (const [authority, want] of [
  ['a.example', 'exact'], ['A.EXAMPLE', 'exact'], ['a.example:80', 'exact'], ['x.example', 'suffix'], ['x.b.example', 'longer'], ['svc.default', 'prefix'], ['.example', 'all'], ['a.example:81', 'all'], ['', 'all'],
] as const) {
  test(`the virtual host of ${JSON.stringify(authority)} is ${want}`, () => assert.equal(hosts.find(authority)?.name, want));
}

test('the port of the Host header can be ignored', () => {
  const index = table([host('a', ['a.example']), host('v6', ['[::1]'])], { ignore_port_in_host_matching: true });
  assert.equal(index.find('a.example:8443')?.name, 'a');
  assert.equal(index.find('[::1]:80')?.name, 'v6');
  assert.equal(index.find('b.example:80'), undefined);
});

test('two hosts cannot claim one domain', () => assert.throws(() => table([host('a', ['x']), host('b', ['x'])]), /only unique values for domains/));

for (const [name, match, request, want] of [
  ['a prefix', { prefix: '/a' }, view('/abc'), true],
  ['a prefix elsewhere', { prefix: '/a' }, view('/b'), false],
  ['an exact path ignores the query', { path: '/a' }, view('/a?x=1'), true],
  ['an exact path is exact', { path: '/a' }, view('/a/'), false],
  ['letter case may be ignored', { path: '/a', case_sensitive: false }, view('/A'), true],
  ['whole segments', { path_separated_prefix: '/a' }, view('/a/b'), true],
  ['the segment alone', { path_separated_prefix: '/a' }, view('/a?q'), true],
  ['not half a segment', { path_separated_prefix: '/a' }, view('/ab'), false],
  ['a regex matches the whole path', { safe_regex: { regex: '/a[0-9]+' } }, view('/a12?q'), true],
  ['a regex does not match a part', { safe_regex: { regex: '/a[0-9]+' } }, view('/a12x'), false],
  ['a header', { prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] }, view('/', ['end-user', 'jason']), true],
  ['a header with another value', { prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] }, view('/', ['end-user', 'anna']), false],
  ['a missing header', { prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] }, view('/'), false],
  ['inverted, a missing header still does not match', { prefix: '/', headers: [{ name: 'u', string_match: { exact: 'j' }, invert_match: true }] }, view('/'), false],
  ['inverted, a missing header taken as empty matches', { prefix: '/', headers: [{ name: 'u', string_match: { exact: 'j' }, invert_match: true, treat_missing_header_as_empty: true }] }, view('/'), true],
  ['inverted with another value', { prefix: '/', headers: [{ name: 'u', string_match: { exact: 'j' }, invert_match: true }] }, view('/', ['u', 'k']), true],
  ['absence', { prefix: '/', headers: [{ name: 'u', present_match: true, invert_match: true }] }, view('/'), true],
  ['the method', { prefix: '/', headers: [{ name: ':method', string_match: { exact: 'POST' } }] }, view('/', [], 'POST'), true],
  ['a range', { prefix: '/', headers: [{ name: 'n', range_match: { start: '-10', end: '0' } }] }, view('/', ['n', '-1']), true],
  ['the end of a range is outside', { prefix: '/', headers: [{ name: 'n', range_match: { start: '-10', end: '0' } }] }, view('/', ['n', '0']), false],
  ['a cookie by regex', { prefix: '/', headers: [{ name: 'cookie', string_match: { safe_regex: { regex: '^(.*?;)?(user=jason)(;.*)?$' } } }] }, view('/', ['cookie', 'a=b;user=jason;c=d']), true],
  ['a query parameter', { prefix: '/', query_parameters: [{ name: 'v', string_match: { exact: '2' } }] }, view('/?a=1&v=2'), true],
  ['a missing query parameter', { prefix: '/', query_parameters: [{ name: 'v', present_match: true }] }, view('/?w'), false],
  ['gRPC', { prefix: '/', grpc: {} }, view('/', ['content-type', 'application/grpc+proto']), true],
  ['not gRPC', { prefix: '/', grpc: {} }, view('/', ['content-type', 'application/grpc-web']), false],
  ['a fraction that is not hit', { prefix: '/', runtime_fraction: { default_value: { numerator: 50 } } }, view('/'), false],
  ['a fraction that is hit', { prefix: '/', runtime_fraction: { default_value: { numerator: 51 } } }, view('/'), true],
] as const) {
  test(`a route match asks for ${name}: ${want}`, () => {
    const found = table([{ name: 'h', domains: ['*'], routes: [{ match, route: { cluster: 'c' } }] }]).find('h');
    assert.ok(found);
    assert.equal(found.find(request) !== undefined, want);
  });
}

test('the first route that matches wins', () => {
  const found = table([{ name: 'h', domains: ['*'], routes: [{ name: 'one', match: { prefix: '/a' }, route: { cluster: 'c' } }, { name: 'two', match: { prefix: '/' }, route: { cluster: 'c' } }] }]).find('h');
  assert.ok(found);
  assert.deepEqual([found.find(view('/a'))?.name, found.find(view('/b'))?.name], ['one', 'two']);
});

const forward = (route: Json, match: Json = { prefix: '/old' }) => {
  const found = table([{ name: 'h', domains: ['*'], routes: [{ match, route: 'weighted_clusters' in route ? route : { cluster: 'c', ...route } }] }]).find('h')?.routes[0]?.action;
  assert.ok(found?.kind === 'forward');
  return found;
};

test('weights divide the traffic', () => {
  const action = forward({ weighted_clusters: { clusters: [{ name: 'v1', weight: 90 }, { name: 'v2', weight: 10 }, { name: 'v3', weight: 0 }] } });
  assert.deepEqual([0, 0.899, 0.9, 0.999].map((random) => pickDestination(action, view('/'), random).cluster), ['v1', 'v1', 'v2', 'v2']);
});

for (const [name, route, match, path, want] of [
  ['a prefix is replaced, the rest and the query stay', { prefix_rewrite: '/new' }, { prefix: '/old' }, '/old/a?q=1', '/new/a?q=1'],
  ['an exact path is replaced', { prefix_rewrite: '/new' }, { path: '/old' }, '/old?q', '/new?q'],
  ['a regex rewrites with groups', { regex_rewrite: { pattern: { regex: '^/old/([^/]+)/(.*)$' }, substitution: '/\\2/in/\\1' } }, { prefix: '/old' }, '/old/a/b?q=1', '/b/in/a?q=1'],
  ['a dollar in the substitution is only a dollar', { regex_rewrite: { pattern: { regex: 'old' }, substitution: '$1' } }, { prefix: '/old' }, '/old', '/$1'],
] as const) {
  test(`rewriting: ${name}`, () => assert.equal(forward(route, match).rewritePath?.(path), want));
}

test('the default timeout is 15 s and 0 turns it off', () => {
  assert.equal(forward({}).timeoutMs, 15_000);
  assert.equal(forward({ timeout: '0s' }).timeoutMs, 0);
  assert.equal(forward({ timeout: '0.5s' }).timeoutMs, 500);
});

for (const [name, redirect, request, want] of [
  ['to https', { https_redirect: true }, view('/a?b'), 'https://h/a?b'],
  ['to another host and path', { host_redirect: 'new.example', path_redirect: '/x' }, view('/a?b'), 'http://new.example/x?b'],
  ['to another port', { port_redirect: 8080 }, view('/a'), 'http://h:8080/a'],
  ['of the prefix', { prefix_rewrite: '/n' }, view('/p/a?b'), 'http://h/n/a?b'],
  ['without the query', { host_redirect: 'n', strip_query: true }, view('/a?b'), 'http://n/a'],
] as const) {
  test(`a redirect goes ${name}`, () => {
    const action = table([{ name: 'h', domains: ['*'], routes: [{ match: { prefix: '/p' }, redirect }] }]).find('h')?.routes[0]?.action;
    assert.ok(action?.kind === 'redirect');
    assert.equal(action.location(request), want);
  });
}

for (const [name, route] of [
  ['a broken regex', { match: { safe_regex: { regex: '(' } }, route: { cluster: 'c' } }],
  ['a look-ahead, which RE2 does not have', { match: { safe_regex: { regex: '(?=a)b' } }, route: { cluster: 'c' } }],
  ['no action', { match: { prefix: '/' } }],
  ['weights that add up to nothing', { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [{ name: 'a', weight: 0 }] } } }],
  ['an unknown formatter', { match: { prefix: '/' }, route: { cluster: 'c' }, request_headers_to_add: [{ header: { key: 'a', value: '%NOPE%' } }] }],
] as const) {
  test(`a route table is refused for ${name}`, () => assert.throws(() => table([{ name: 'h', domains: ['*'], routes: [route] }]), /virtual host h: route 0/));
}
