import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ANY, hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, tcpProxy, typed, type TestProxy } from '../testkit/proxy.ts';
import { call, httpUpstream, tcpUpstream } from '../../testkit/loopback.ts';
import { compilePathTemplate } from './path-template.ts';

type Json = Record<string, unknown>;
const FAULT = 'envoy.extensions.filters.http.fault.v3.HTTPFault';
const RBAC = 'envoy.extensions.filters.http.rbac.v3.RBAC';

async function serve(t: TestContext, filters: readonly Json[], route: Json = {}, overrides = {}): Promise<{ port: number; proxy: TestProxy }> {
  const upstream = await httpUpstream(t, (request, response) => {
    response.setHeader('x-got', JSON.stringify(request.headers));
    response.end(request.url);
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up', {}, route)]), {}, filters)])] }, overrides);
  return { port: await proxy.port(), proxy };
}

test('a fault aborts with its status and text', async (t) => {
  const { port, proxy } = await serve(t, [typed('envoy.filters.http.fault', FAULT, { abort: { http_status: 418, percentage: { numerator: 100 } } })]);
  const answer = await call(port);
  assert.deepEqual([answer.status, answer.body, proxy.http[0]?.flags, proxy.http[0]?.details], [418, 'fault filter abort', ['FI'], 'fault_filter_abort']);
});

test('a fault delays by header match only, and the request body waits with it', async (t) => {
  const fault = { delay: { fixed_delay: '0.4s', percentage: { numerator: 100 } }, headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] };
  const { port, proxy } = await serve(t, [typed('envoy.filters.http.fault', FAULT)], { typed_per_filter_config: { 'envoy.filters.http.fault': { '@type': ANY + FAULT, ...fault } } });
  assert.equal((await call(port, { method: 'POST', body: 'x', headers: { 'end-user': 'jason' } })).status, 200);
  assert.equal((await call(port)).status, 200);
  assert.deepEqual(proxy.http.map((outcome) => outcome.flags), [['DI'], []]);
  assert.ok((proxy.http[0]?.durationMs ?? 0) >= 399 && (proxy.http[1]?.durationMs ?? 400) < 399);
});

test('a preflight is answered here and responses carry the origin', async (t) => {
  const policy = { '@type': `${ANY}envoy.extensions.filters.http.cors.v3.CorsPolicy`, allow_origin_string_match: [{ exact: 'https://a.example' }], allow_methods: 'GET,POST', max_age: '600', allow_credentials: true };
  const { port } = await serve(t, [typed('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors')], { typed_per_filter_config: { 'envoy.filters.http.cors': policy } });
  const preflight = await call(port, { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' } });
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin'], preflight.headers['access-control-allow-methods'], preflight.headers['access-control-max-age']], [200, 'https://a.example', 'GET,POST', '600']);
  const plain = await call(port, { headers: { origin: 'https://a.example' } });
  assert.deepEqual([plain.body, plain.headers['access-control-allow-origin'], plain.headers['access-control-allow-credentials']], ['/', 'https://a.example', 'true']);
  assert.equal((await call(port, { headers: { origin: 'https://evil.example' } })).headers['access-control-allow-origin'], undefined);
});

const rbac = (action: string, permission: Json, principal: Json = { any: true }) => typed('envoy.filters.http.rbac', RBAC, { rules: { action, policies: { 'ns[default]-policy[p]-rule[0]': { permissions: [permission], principals: [principal] } } } });
const path = (matcher: Json): Json => ({ url_path: { path: matcher } });

for (const [name, filter, request, status] of [
  ['ALLOW lets through what matches', rbac('ALLOW', path({ prefix: '/ok' })), { path: '/ok?x' }, 200],
  ['ALLOW refuses what does not', rbac('ALLOW', path({ prefix: '/ok' })), { path: '/no' }, 403],
  ['DENY refuses what matches', rbac('DENY', path({ exact: '/secret' })), { path: '/secret' }, 403],
  ['DENY lets through the rest', rbac('DENY', path({ exact: '/secret' })), { path: '/' }, 200],
  ['a path cannot be dressed up', rbac('DENY', path({ exact: '/secret' })), { path: '/x/../secret?a' }, 403],
  ['a percent code does not hide a letter', rbac('DENY', path({ exact: '/secret' })), { path: '/%73ecret' }, 403],
  ['methods', rbac('DENY', { header: { name: ':method', string_match: { exact: 'DELETE' } } }), { method: 'DELETE' }, 403],
  ['not', rbac('ALLOW', { not_rule: { header: { name: ':method', string_match: { exact: 'DELETE' } } } }), { method: 'GET' }, 200],
  ['and', rbac('ALLOW', { and_rules: { rules: [path({ prefix: '/a' }), { header: { name: ':method', string_match: { exact: 'GET' } } }] } }), { path: '/a', method: 'POST' }, 403],
  ['or', rbac('ALLOW', { or_rules: { rules: [path({ prefix: '/a' }), path({ prefix: '/b' })] } }), { path: '/b' }, 200],
  ['source ranges', rbac('ALLOW', { any: true }, { direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }), {}, 200],
  ['other source ranges', rbac('ALLOW', { any: true }, { direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }), {}, 403],
  ['an identity that is not there', rbac('ALLOW', { any: true }, { authenticated: { principal_name: { safe_regex: { regex: '.*' } } } }), {}, 403],
  ['templates', rbac('ALLOW', { uri_template: { name: 'uri', typed_config: { '@type': `${ANY}envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`, path_template: '/a/{*}/c' } } }), { path: '/a/b/c' }, 200],
] as const) {
  test(`access control: ${name}`, async (t) => {
    const upstream = await httpUpstream(t, (_request, response) => response.end('in'));
    const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { normalize_path: true }, [filter])])] });
    const answer = await call(await proxy.port(), request);
    assert.equal(answer.status, status);
    if (status === 200) return;
    assert.equal(answer.body, 'RBAC: access denied');
    assert.match(proxy.http[0]?.details ?? '', /^rbac_access_denied_matched_policy\[(?:none|ns\[default\]-policy\[p\]-rule\[0\])\]$/);
  });
}

test('access control closes TCP connections that are not allowed', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.end('in'));
  const deny = typed('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'tcp.', rules: { action: 'DENY', policies: { all: { permissions: [{ destination_port_range: { start: 1, end: 65536 } }], principals: [{ any: true }] } } } });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([deny, tcpProxy('up')])] });
  const { connect } = await import('node:net');
  const socket = connect(await proxy.port(), '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.on('close', resolve));
  assert.equal(text, '');
  assert.equal(proxy.tcp[0]?.details, 'rbac_access_denied_matched_policy[all]');
});

test('a token bucket lets its tokens through and no more', async (t) => {
  const config = { stat_prefix: 'rl', token_bucket: { max_tokens: 2, tokens_per_fill: 2, fill_interval: '100s' }, filter_enabled: { default_value: { numerator: 100 } }, filter_enforced: { default_value: { numerator: 100 } } };
  const { port, proxy } = await serve(t, [typed('rl', 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', config)]);
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await call(port)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.deepEqual(proxy.http[2]?.flags, ['RL']);
});

const LIMIT = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const ALWAYS = { default_value: { numerator: 100 } };
const bucket = (tokens: number) => ({ max_tokens: tokens, tokens_per_fill: tokens, fill_interval: '1000s' });

/** A filter without a limit of its own, and the route's. */
async function limited(t: TestContext, config: Json, rules: Json = {}, host: Json = {}): Promise<number> {
  const upstream = await httpUpstream(t, (request, response) => response.end(JSON.stringify(request.headers)));
  const route = routeTo('up', rules, { typed_per_filter_config: { rl: { '@type': ANY + LIMIT, stat_prefix: 'rl', filter_enabled: ALWAYS, filter_enforced: ALWAYS, ...config } } });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([route], host), {}, [typed('rl', LIMIT, { stat_prefix: 'none' })])])] });
  return proxy.port();
}

const statuses = async (port: number, requests: readonly Record<string, string>[]): Promise<number[]> => {
  const all: number[] = [];
  for (const headers of requests) all.push((await call(port, { headers })).status);
  return all;
};
const generic = (value: string) => ({ actions: [{ generic_key: { descriptor_value: value } }] });
const of = (value: string, tokens: number) => ({ entries: [{ key: 'generic_key', value }], token_bucket: bucket(tokens) });

test('of descriptors that fit, the slowest bucket is asked first, and the common one last', async (t) => {
  const rules = { rate_limits: [generic('a'), generic('b')] };
  assert.deepEqual(await statuses(await limited(t, { token_bucket: bucket(9), descriptors: [of('a', 3), of('b', 1)] }, rules), [{}, {}]), [200, 429]);
  assert.deepEqual(await statuses(await limited(t, { token_bucket: bucket(1), descriptors: [of('a', 3)] }, rules), [{}, {}]), [200, 429]);
  assert.deepEqual(await statuses(await limited(t, { token_bucket: bucket(1), descriptors: [of('a', 3)], always_consume_default_token_bucket: false }, rules), [{}, {}, {}, {}]), [200, 200, 200, 429]);
});

test('rules of the virtual host count where the route has none, or where they are asked for', async (t) => {
  const host = { rate_limits: [generic('host')] };
  const config = { token_bucket: bucket(9), descriptors: [of('host', 1)] };
  assert.deepEqual(await statuses(await limited(t, config, {}, host), [{}, {}]), [200, 429]);
  assert.deepEqual(await statuses(await limited(t, config, { rate_limits: [generic('own')] }, host), [{}, {}]), [200, 200]);
  assert.deepEqual(await statuses(await limited(t, { ...config, vh_rate_limits: 'INCLUDE' }, { rate_limits: [generic('own')] }, host), [{}, {}]), [200, 429]);
  assert.deepEqual(await statuses(await limited(t, { ...config, vh_rate_limits: 'IGNORE' }, {}, host), [{}, {}]), [200, 200]);
  assert.deepEqual(await statuses(await limited(t, { ...config, stage: 1 }, {}, host), [{}, {}]), [200, 200]);
});

test('an action that has nothing to say leaves its descriptor out, unless it may be skipped', async (t) => {
  const user = (more: Json) => ({ rate_limits: [{ actions: [{ request_headers: { header_name: 'X-User', descriptor_key: 'user', ...more } }, { generic_key: { descriptor_value: 'g' } }] }] });
  const entry = (...entries: readonly (readonly [string, string])[]) => ({ entries: entries.map(([key, value]) => ({ key, value })), token_bucket: bucket(1) });
  const config = { token_bucket: bucket(9), descriptors: [entry(['generic_key', 'g']), entry(['user', 'bob'], ['generic_key', 'g'])] };
  assert.deepEqual(await statuses(await limited(t, config, user({})), [{}, {}, { 'x-user': 'bob' }, { 'x-user': 'bob' }, { 'x-user': 'ann' }]), [200, 200, 200, 429, 200]);
  assert.deepEqual(await statuses(await limited(t, config, user({ skip_if_absent: true })), [{}, {}]), [200, 429]);
});

test('peers tell each other who they are and the applications do not see it', async (t) => {
  const peer = (config: Json) => typed('envoy.filters.http.peer_metadata', 'xds.type.v3.TypedStruct', { type_url: `${ANY}io.istio.http.peer_metadata.Config`, value: config });
  const app = await httpUpstream(t, (request, response) => {
    response.setHeader('x-names', Object.keys(request.headers).join(','));
    response.end();
  });
  const codec = (name: string) => ({ ownId: `id-${name}`, ownValue: name, decode: (value: string | undefined) => (value === undefined ? undefined : { workload: value }) });
  const server = startProxy(
    t,
    { clusters: [staticCluster('app', [app])], listeners: [listener([hcm(inlineRoutes([routeTo('app')]), {}, [peer({ downstream_discovery: [{ istio_headers: {} }], downstream_propagation: [{ istio_headers: {} }] })])], { traffic_direction: 'INBOUND' })] },
    { peer: codec('server') },
  );
  const port = await server.port();
  const mesh = { load_assignment: { cluster_name: 'out', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } }, metadata: { filter_metadata: { 'envoy.transport_socket_match': { tlsMode: 'istio' } } } }] }] } };
  const client = startProxy(
    t,
    { clusters: [staticCluster('out', [], mesh)], listeners: [listener([hcm(inlineRoutes([routeTo('out')]), {}, [peer({ upstream_discovery: [{ istio_headers: {} }], upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }] })])])] },
    { peer: codec('client') },
  );
  const answer = await call(await client.port());
  assert.doesNotMatch(String(answer.headers['x-names']), /peer-metadata/);
  assert.doesNotMatch(Object.keys(answer.headers).join(','), /peer-metadata/);
  assert.deepEqual(server.http[0]?.downstreamPeerMetadata, { workload: 'client' });
  assert.deepEqual(client.http[0]?.upstream?.peerMetadata, { workload: 'server' });
});

test('tokens are checked, forwarded as told, and feed access control', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] });
  const sign = (claims: Json, exp = '1h') => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).setIssuer('me').setExpirationTime(exp).sign(privateKey);
  const jwt = typed('envoy.filters.http.jwt_authn', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
    providers: { p: { issuer: 'me', audiences: ['bookstore'], local_jwks: { inline_string: jwks }, payload_in_metadata: 'payload', claim_to_headers: [{ header_name: 'x-group', claim_name: 'group' }] } },
    rules: [{ match: { prefix: '/' }, requires: { requires_any: { requirements: [{ provider_name: 'p' }, { allow_missing: {} }] } } }],
  });
  const metadata = { metadata: { filter: 'envoy.filters.http.jwt_authn', path: [{ key: 'payload' }, { key: 'group' }], value: { string_match: { exact: 'admin' } } } };
  const guard = typed('envoy.filters.http.rbac', RBAC, { rules: { action: 'ALLOW', policies: { admins: { permissions: [{ any: true }], principals: [metadata] } } } });
  const { port, proxy } = await serve(t, [jwt, guard]);
  const ask = (token?: string) => call(port, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  const good = await ask(await sign({ aud: 'bookstore', group: 'admin' }));
  assert.equal(good.status, 200);
  const seen = JSON.parse(String(good.headers['x-got'])) as Json;
  assert.deepEqual([seen['authorization'], seen['x-group']], [undefined, 'admin']);
  for (const [name, token, status, body] of [
    ['no token is let through and then has no group', undefined, 403, 'RBAC: access denied'],
    ['another group', await sign({ aud: 'bookstore', group: 'user' }), 403, 'RBAC: access denied'],
    ['another audience', await sign({ aud: 'other', group: 'admin' }), 403, 'Audiences in Jwt are not allowed'],
    ['expired', await sign({ aud: 'bookstore' }, '-10m'), 401, 'Jwt is expired'],
    ['not a token', 'nonsense', 401, 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
    ['a broken signature', `${(await sign({ aud: 'bookstore', group: 'admin' })).slice(0, -8)}AAAAAAAA`, 401, 'Jwt verification fails'],
  ] as const) {
    const answer = await ask(token);
    assert.deepEqual([answer.status, answer.body], [status, body], name);
  }
  assert.match(proxy.http.at(-1)?.details ?? '', /^jwt_authn_access_denied\{Jwt_verification_fails\}$/);
});

test('keys are fetched through a cluster when they are remote', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k' }] });
  let fetched = 0;
  const keys = await httpUpstream(t, (_request, response) => {
    fetched++;
    response.end(jwks);
  });
  const upstream = await httpUpstream(t, (_request, response) => response.end('in'));
  const jwt = typed('jwt', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
    providers: { p: { issuer: 'me', remote_jwks: { http_uri: { uri: 'http://keys.example/jwks', cluster: 'keys', timeout: '1s' } }, forward: true } },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }],
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream]), staticCluster('keys', [keys])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, [jwt])])] });
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k' }).setIssuer('me').sign(privateKey);
  const port = await proxy.port();
  assert.equal((await call(port, { headers: { authorization: `Bearer ${token}` } })).status, 200);
  assert.equal((await call(port, { headers: { authorization: `Bearer ${token}` } })).status, 200);
  assert.equal(fetched, 1);
  const missing = await call(port);
  assert.deepEqual([missing.status, missing.body], [401, 'Jwt is missing']);
  assert.match(String(missing.headers['www-authenticate']), /^Bearer realm="http:/);
});

test('an unknown filter is refused by name, unless it is optional', (t) => {
  const strange = typed('my.filter', 'envoy.extensions.filters.http.router.v3.Router');
  const proxy = startProxy(t, {});
  const unknown = { ...strange, typed_config: { '@type': `${ANY}xds.type.v3.TypedStruct`, type_url: `${ANY}my.Config`, value: {} } };
  const [rejected] = proxy.apply({ listeners: [listener([hcm(inlineRoutes([]), {}, [unknown])])] });
  assert.match(rejected?.message ?? '', /HTTP filter my\.filter.*my\.Config.*not supported/);
  assert.deepEqual(proxy.apply({ listeners: [listener([hcm(inlineRoutes([]), {}, [{ ...unknown, is_optional: true }])])] }), []);
});

for (const [template, text, want] of [
  ['/a/{*}/c', '/a/b/c', true], ['/a/{*}/c', '/a/b/x/c', false], ['/a/*', '/a/', false], ['/a/{**}', '/a/b/c', true], ['/{**}/z', '/a/b/z', true], ['/{**}/z', '/a/b', false], ['/a', '/a', true], ['/a', '/a/', false], ['/v/{id}', '/v/7', true],
] as const) {
  test(`the path template ${template} takes ${text}: ${want}`, () => assert.equal(compilePathTemplate(template)(text), want));
}
