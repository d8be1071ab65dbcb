import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { ResourceType } from './config/decode.ts';
import { address, assignment, endpoint, hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from './testkit/proxy.ts';
import { call, deadPort, httpUpstream } from '../testkit/loopback.ts';

const eds = (name: string) => ({ name, type: 'EDS', connect_timeout: '1s', eds_cluster_config: { eds_config: { ads: {} }, service_name: name } });
const rds = (name: string) => hcm({ rds: { route_config_name: name, config_source: { ads: {} } } });
const routes = (name: string, cluster: string) => ({ name, virtual_hosts: [{ name: 'all', domains: ['*'], routes: [routeTo(cluster)] }] });

test('a cluster waits for its endpoints and a listener for its routes; the interest says so', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, {});
  const interest = new Map<string, string[]>();
  proxy.runtime.onInterest((type, names) => void interest.set(type, [...names]));
  proxy.apply({ clusters: [eds('outbound|80||a')], listeners: [listener([rds('80')])] });
  assert.deepEqual([interest.get(ResourceType.Endpoints), interest.get(ResourceType.Route)], [['outbound|80||a'], ['80']]);
  assert.equal(proxy.runtime.ready(), false);
  proxy.apply({ endpoints: [assignment('outbound|80||a', [upstream])] });
  assert.equal(proxy.runtime.ready(), false);
  proxy.apply({ routes: [routes('80', 'outbound|80||a')] });
  const port = await proxy.port();
  assert.equal(proxy.runtime.ready(), true);
  assert.equal((await call(port)).body, 'ok');
  proxy.remove(ResourceType.Cluster, 'outbound|80||a');
  assert.deepEqual(interest.get(ResourceType.Endpoints), []);
});

test('an empty configuration is ready once it has come', (t) => {
  const proxy = startProxy(t, {});
  assert.equal(proxy.runtime.ready(), false);
  proxy.apply({ clusters: [], listeners: [] });
  assert.equal(proxy.runtime.ready(), true);
});

test('a bad resource is refused and the last good one stays; the good ones beside it take effect', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([rds('r')])], routes: [routes('r', 'up')] });
  const port = await proxy.port();
  const bad = { name: 'r', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { safe_regex: { regex: '(' } }, route: { cluster: 'x' } }] }] };
  const rejected = proxy.apply({ routes: [bad, routes('other', 'up')] });
  assert.deepEqual(rejected.map(({ name }) => name), ['r']);
  assert.match(rejected[0]?.message ?? '', /invalid regular expression/);
  assert.equal((await call(port)).body, 'ok');
  const states = proxy.runtime.snapshot().resources.get(ResourceType.Route);
  assert.deepEqual(states?.map(({ name, version, refused }) => [name, version, refused?.version]), [['r', '1', '2'], ['other', '2', undefined]]);
});

test('a route change applies to the next request of a connection that stays', async (t) => {
  const [one, two] = await Promise.all(['1', '2'].map((text) => httpUpstream(t, (_request, response) => response.end(text))));
  const proxy = startProxy(t, { clusters: [staticCluster('one', [one ?? 0]), staticCluster('two', [two ?? 0])], listeners: [listener([rds('r')])], routes: [routes('r', 'one')] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (chunk) => resolve(chunk.toString().slice(-1)));
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    });
  assert.equal(await ask(), '1');
  proxy.apply({ routes: [routes('r', 'two')] });
  assert.equal(await ask(), '2');
  socket.destroy();
});

test('endpoints that stay keep their connections when others come and go', async (t) => {
  const connections = new Set<unknown>();
  const upstream = await httpUpstream(t, (request, response) => {
    connections.add(request.socket);
    response.end('ok');
  });
  const dead = await deadPort();
  const proxy = startProxy(t, { clusters: [eds('a')], endpoints: [assignment('a', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('a')]))])] });
  const port = await proxy.port();
  await call(port);
  proxy.apply({ endpoints: [{ cluster_name: 'a', endpoints: [{ lb_endpoints: [endpoint(upstream), endpoint(dead, { health_status: 'UNHEALTHY' })] }] }] });
  await call(port);
  proxy.apply({ endpoints: [assignment('a', [upstream])] });
  await call(port);
  assert.equal(connections.size, 1);
});

test('a changed cluster takes over with the endpoints that are known', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, { clusters: [eds('a')], endpoints: [assignment('a', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('a')]))])] });
  const port = await proxy.port();
  await call(port);
  proxy.apply({ clusters: [{ ...eds('a'), lb_policy: 'RANDOM' }] });
  assert.equal((await call(port)).body, 'ok');
  assert.equal(proxy.runtime.ready(), true);
});

for (const [what, change, expected] of [
  ['the load balancer', { lb_policy: 'RANDOM' }, 1],
  ['the limits', { circuit_breakers: { thresholds: [{ max_requests: 7 }] } }, 1],
  ['outlier detection', { outlier_detection: { consecutive_5xx: 3 } }, 1],
  ['its metadata', { metadata: { filter_metadata: { istio: { config: '/x' } } } }, 1],
  ['the time to connect', { connect_timeout: '7s' }, 2],
  ['the protocol', { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions', common_http_protocol_options: { max_requests_per_connection: 9 }, explicit_http_config: { http_protocol_options: {} } } } }, 2],
] as const) {
  test(`a cluster of which ${what} changes ${expected === 1 ? 'keeps' : 'makes anew'} its connections`, async (t) => {
    const connections = new Set<unknown>();
    const upstream = await httpUpstream(t, (request, response) => {
      connections.add(request.socket);
      response.end('ok');
    });
    const proxy = startProxy(t, { clusters: [eds('a')], endpoints: [assignment('a', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('a')]))])] });
    const port = await proxy.port();
    await call(port);
    proxy.apply({ clusters: [{ ...eds('a'), ...change }] });
    await call(port);
    assert.equal(connections.size, expected);
  });
}

test('limits of a changed cluster hold at once, and an ejection under rules that are no more is over', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  const ejecting = { ...eds('a'), outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 100 }, common_lb_config: { healthy_panic_threshold: { value: 0 } } };
  const proxy = startProxy(t, { clusters: [ejecting], endpoints: [assignment('a', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('a')]))])] });
  const port = await proxy.port();
  assert.equal((await call(port)).status, 500);
  assert.equal((await call(port)).status, 503, 'it is out');
  proxy.apply({ clusters: [{ ...ejecting, outlier_detection: { consecutive_5xx: 100 } }] });
  assert.equal((await call(port)).status, 500, 'it is back');
  proxy.apply({ clusters: [{ ...ejecting, outlier_detection: { consecutive_5xx: 100 }, circuit_breakers: { thresholds: [{ max_requests: 0 }] } }] });
  assert.equal((await call(port)).status, 503, 'nothing is allowed');
});

test('a removed listener stops accepting', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  proxy.remove(ResourceType.Listener, 'test');
  await assert.rejects(call(port, { agent: false }), /ECONNREFUSED/);
});

test('the operation of a route may have percent signs: paths of rules are in it', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([{ ...routeTo('up'), decorator: { operation: 'one:80/a%20b/100%*' } }]))])] });
  assert.equal((await call(await proxy.port())).status, 200);
  await eventually(() => assert.deepEqual(proxy.http.map(({ operation }) => operation), ['one:80/a%20b/100%*']));
});

test('a port that is taken does not stop the others, and is not ready', async (t) => {
  const taken = await httpUpstream(t, (_request, response) => response.end());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [{ ...listener([hcm(inlineRoutes([routeTo('up')]))]), name: 'taken', address: address(taken) }, listener([hcm(inlineRoutes([routeTo('up')]))])] });
  assert.equal((await call(await proxy.port('test'))).status, 503);
});

test('an outlier is taken out after errors in a row and requests go to the others', async (t) => {
  const bad = await httpUpstream(t, (_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  const good = await httpUpstream(t, (_request, response) => response.end('ok'));
  const detection = { outlier_detection: { consecutive_5xx: 2, interval: '60s', base_ejection_time: '60s', max_ejection_percent: 100 } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [bad, good], detection)], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await call(port)).status);
  assert.equal(statuses.filter((status) => status === 500).length, 2);
  assert.deepEqual(proxy.runtime.snapshot().clusters[0]?.hosts.map((host) => host.ejected), [true, false]);
});

test('the circuit breaker refuses what exceeds its limits with UO', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await httpUpstream(t, (_request, response) => void held.push(() => response.end('ok')));
  const limits = { circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream], limits)], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  const first = call(port, { agent: false });
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = call(port, { agent: false });
  while (proxy.runtime.snapshot().clusters[0]?.open.pending !== 1) await new Promise((resolve) => setImmediate(resolve));
  const third = await call(port, { agent: false });
  assert.deepEqual([third.status, third.headers['x-envoy-overloaded'], proxy.http[0]?.flags], [503, 'true', ['UO']]);
  held.shift()?.();
  assert.equal((await first).status, 200);
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  held.shift()?.();
  assert.equal((await second).status, 200);
  assert.deepEqual(proxy.runtime.snapshot().clusters[0]?.open, { connections: 1, pending: 0, requests: 0, retries: 0 });
});

test('a per-try timeout moves on to another host', async (t) => {
  const slow = await httpUpstream(t, () => {});
  const quick = await httpUpstream(t, (_request, response) => response.end('quick'));
  const retry = { retry_policy: { retry_on: '5xx', num_retries: 2, per_try_timeout: '0.4s', retry_back_off: { base_interval: '0.001s' }, retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }], host_selection_retry_max_attempts: '5' } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [slow, quick])], listeners: [listener([hcm(inlineRoutes([routeTo('up', retry)]))])] });
  const port = await proxy.port();
  for (let i = 0; i < 2; i++) assert.equal((await call(port)).body, 'quick');
});

test('a kept-alive connection that the server closed is replaced without the client noticing', async (t) => {
  let requests = 0;
  const upstream = await httpUpstream(t, (request, response) => {
    // The second request on a connection meets a server that has just decided to close it.
    if (++requests === 2) request.socket.destroy();
    else response.end('ok');
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  assert.equal((await call(port)).status, 200);
  assert.equal((await call(port)).status, 200);
  assert.deepEqual(proxy.http.map((outcome) => outcome.flags), [[], []]);
});

test('a request that changes something is not sent twice behind the client’s back', async (t) => {
  let requests = 0;
  const upstream = await httpUpstream(t, (request, response) => {
    if (++requests === 2) request.socket.destroy();
    else response.end('ok');
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  assert.equal((await call(port, { method: 'POST', body: 'a' })).status, 200);
  assert.equal((await call(port, { method: 'POST', body: 'b' })).status, 503);
  assert.equal(requests, 2);
});

test('a mirror gets a copy with its host marked, and its answer is ignored', async (t) => {
  const seen: string[] = [];
  const mirror = await httpUpstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push(`${request.headers.host} ${request.url} ${body}`);
      response.statusCode = 500;
      response.end('ignored');
    });
  });
  const upstream = await httpUpstream(t, (_request, response) => response.end('real'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream]), staticCluster('mirror', [mirror])], listeners: [listener([hcm(inlineRoutes([routeTo('up', { request_mirror_policies: [{ cluster: 'mirror' }] })]))])] });
  const answer = await call(await proxy.port(), { path: '/p', method: 'POST', body: 'payload', headers: { host: 'svc:80' } });
  assert.deepEqual([answer.status, answer.body], [200, 'real']);
  while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, ['svc-shadow:80 /p payload']);
});

test('an affinity cookie is handed out and then leads to the same host', async (t) => {
  const ports = await Promise.all(['a', 'b', 'c'].map((name) => httpUpstream(t, (_request, response) => response.end(name))));
  const hash = { hash_policy: [{ cookie: { name: 'sticky', ttl: '60s', path: '/' } }] };
  const proxy = startProxy(t, { clusters: [staticCluster('up', ports, { lb_policy: 'RING_HASH' })], listeners: [listener([hcm(inlineRoutes([routeTo('up', hash)]))])] });
  const port = await proxy.port();
  const first = await call(port);
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  assert.match(cookie, /^sticky="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/);
  for (let i = 0; i < 5; i++) assert.equal((await call(port, { headers: { cookie: cookie.split(';')[0] } })).body, first.body);
});

test('headers are added, replaced and removed on the way in and out', async (t) => {
  const upstream = await httpUpstream(t, (request, response) => {
    response.setHeader('x-got', `${request.headers['x-a']}|${request.headers['x-gone']}|${request.headers['x-from']}|${request.headers.host}`);
    response.setHeader('x-powered-by', 'secret');
    response.end();
  });
  const edits = {
    request_headers_to_add: [{ header: { key: 'x-a', value: 'new' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }, { header: { key: 'x-from', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } }],
    request_headers_to_remove: ['x-gone'],
    response_headers_to_add: [{ header: { key: 'x-code', value: '100%% %RESPONSE_CODE%' } }],
    response_headers_to_remove: ['x-powered-by'],
  };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up', { host_rewrite_literal: 'inner' }, edits)]))])] });
  const answer = await call(await proxy.port(), { headers: { 'x-a': 'old', 'x-gone': '1' } });
  assert.deepEqual([answer.headers['x-got'], answer.headers['x-code'], answer.headers['x-powered-by']], ['new|undefined|127.0.0.1|inner', '100% 200', undefined]);
});
