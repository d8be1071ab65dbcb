/** Requests that nobody has got go on to another host; those that somebody may have got are not sent twice. */
import assert from 'node:assert/strict';
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { hcm, http2Options, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed } from './testkit/proxy.ts';
import { call, deadPort, httpUpstream, tcpUpstream } from '../testkit/loopback.ts';

const DEFAULT = 'connect-failure,refused-stream,unavailable,cancelled,undelivered';
const retrying = (retryOn = DEFAULT, retries = 2) => ({ retry_policy: { retry_on: retryOn, num_retries: retries } });

const deadPorts = (count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, () => deadPort()));

function proxyTo(t: TestContext, ports: readonly number[], action = retrying()) {
  return startProxy(t, { clusters: [staticCluster('up', ports)], listeners: [listener([hcm(inlineRoutes([routeTo('up', action)]))])] });
}

test('a request looks for a host that is there, however many are not', async (t) => {
  const alive = await httpUpstream(t, (_request, response) => response.end('here'));
  const proxy = proxyTo(t, [...(await deadPorts(6)), alive]);
  const port = await proxy.port();
  for (let i = 0; i < 20; i++) assert.equal((await call(port, { method: 'POST', body: 'x' })).body, 'here');
  const tries = proxy.http.map((outcome) => outcome.upstream?.attempts ?? 0);
  assert.ok(tries.reduce((sum, n) => sum + n, 0) <= 20 + 6, `hosts at which nobody was found are not asked again at once: ${tries.join()}`);
});

test('a count of retries that was asked for is kept', async (t) => {
  const proxy = proxyTo(t, await deadPorts(6), retrying('connect-failure', 2));
  assert.equal((await call(await proxy.port())).status, 503);
  assert.deepEqual([proxy.http[0]?.upstream?.attempts, proxy.http[0]?.flags], [3, ['URX', 'UF']]);
});

test('when nobody is anywhere, each host is asked once and then as often as the policy says', async (t) => {
  const proxy = proxyTo(t, await deadPorts(4));
  assert.equal((await call(await proxy.port())).status, 503);
  assert.equal(proxy.http[0]?.upstream?.attempts, 4 + 2);
});

for (const [method, status, seen] of [['POST', 503, 1], ['PATCH', 503, 1], ['GET', 200, 2], ['PUT', 200, 2]] as const) {
  test(`${method} is seen ${seen === 1 ? 'once' : 'again'} when its connection breaks after the server has read it`, async (t) => {
    let taken = 0;
    const upstream = await tcpUpstream(t, (socket) => socket.once('data', () => {
      taken++;
      if (taken === 1) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    }));
    const answer = await call(await proxyTo(t, [upstream]).port(), { method, body: 'x', agent: false });
    assert.deepEqual([answer.status, taken], [status, seen]);
  });
}

/** Answers as the sidecar of a workload does that could not finish the request. */
async function workload(t: TestContext, delivery: string | undefined, grpc = false): Promise<{ port: number; seen(): number }> {
  let seen = 0;
  const port = await httpUpstream(t, (request, response) => {
    seen++;
    request.resume();
    const headers = { ...(delivery === undefined ? {} : { 'x-lateen-delivery': delivery }), ...(grpc ? { 'content-type': 'application/grpc', 'grpc-status': '14' } : {}) };
    response.writeHead(grpc ? 200 : 503, headers).end();
  });
  return { port, seen: () => seen };
}

for (const [name, delivery, grpc, tries] of [
  ['said to have reached nobody', 'none', false, 4],
  ['said to have reached nobody, over gRPC', 'none', true, 4],
  ['that may be repeated', 'repeatable', false, 3],
  ['that an application may have got', 'possible', false, 1],
  ['that an application may have got, over gRPC', 'possible', true, 1],
  ['answered with 503 by an application', undefined, false, 1],
  ['answered with UNAVAILABLE by an application', undefined, true, 3],
] as const) {
  test(`a request ${name} is tried ${tries} times on two hosts`, async (t) => {
    const hosts = [await workload(t, delivery, grpc), await workload(t, delivery, grpc)];
    const proxy = proxyTo(t, hosts.map(({ port }) => port));
    await call(await proxy.port(), { method: 'POST', body: 'x', headers: grpc ? { 'content-type': 'application/grpc' } : {} });
    assert.equal(hosts.reduce((sum, { seen }) => sum + seen(), 0), tries);
  });
}

test('a local reply tells what local_reply_config adds', async (t) => {
  const mapper = (flags: string[], value: string) => ({
    filter: { response_flag_filter: { flags } }, headers_to_add: [{ header: { key: 'x-lateen-delivery', value } }],
  });
  const mapped = { local_reply_config: { mappers: [{ ...mapper(['UF'], 'none') }, { ...mapper(['UC'], 'possible'), status_code: 502, body: { inline_string: 'gone' } }] } };
  const breaking = await tcpUpstream(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const proxy = startProxy(t, {
    clusters: [staticCluster('dead', [await deadPort()]), staticCluster('breaking', [breaking])],
    listeners: [listener([hcm(inlineRoutes([{ match: { prefix: '/dead' }, route: { cluster: 'dead' } }, routeTo('breaking')]), mapped)])],
  });
  const port = await proxy.port();
  const dead = await call(port, { path: '/dead' });
  assert.deepEqual([dead.status, dead.headers['x-lateen-delivery']], [503, 'none']);
  const broken = await call(port, { method: 'POST', body: 'x' });
  assert.deepEqual([broken.status, broken.headers['x-lateen-delivery'], broken.body, broken.headers['content-length']], [502, 'possible', 'gone', '4']);
  const grpc = await call(port, { path: '/dead', method: 'POST', headers: { 'content-type': 'application/grpc' } });
  assert.deepEqual([grpc.status, grpc.headers['grpc-status'], grpc.headers['x-lateen-delivery']], [200, '14', 'none']);
});

test('what a route takes from answers of others, it leaves in a local reply that local_reply_config made', async (t) => {
  const mapped = { local_reply_config: { mappers: [{ filter: { response_flag_filter: { flags: ['UF'] } }, headers_to_add: [{ header: { key: 'x-lateen-delivery', value: 'none' } }] }] } };
  const claiming = await httpUpstream(t, (_request, response) => response.writeHead(503, { 'x-lateen-delivery': 'none' }).end());
  const routes = inlineRoutes([{ match: { prefix: '/dead' }, route: { cluster: 'dead' } }, routeTo('claiming')], { response_headers_to_remove: ['x-lateen-delivery'] });
  const proxy = startProxy(t, {
    clusters: [staticCluster('dead', [await deadPort()]), staticCluster('claiming', [claiming])],
    listeners: [listener([hcm(routes, mapped)])],
  });
  const port = await proxy.port();
  assert.equal((await call(port, { path: '/dead' })).headers['x-lateen-delivery'], 'none');
  assert.equal((await call(port)).headers['x-lateen-delivery'], undefined);
});

test('a request that a filter held follows the route of now when its cluster has gone', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('new'));
  const fault = typed('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', { delay: { fixed_delay: '0.2s', percentage: { numerator: 100 } } });
  const routes = (cluster: string) => ({ name: 'r', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [routeTo(cluster)] }] });
  const proxy = startProxy(t, {
    clusters: [staticCluster('old', [upstream]), staticCluster('new', [upstream])], routes: [routes('old')],
    listeners: [listener([hcm({ rds: { route_config_name: 'r', config_source: { ads: {} } } }, {}, [fault])])],
  });
  const port = await proxy.port();
  const answer = call(port);
  while (proxy.runtime.snapshot().activeRequests === 0) await new Promise((resolve) => setImmediate(resolve));
  proxy.apply({ routes: [routes('new')] });
  proxy.remove('type.googleapis.com/envoy.config.cluster.v3.Cluster', 'old');
  assert.deepEqual([(await answer).status, (await answer).body], [200, 'new']);
});

test('a stream that an ending application refuses is found to have reached nobody', async (t) => {
  const server = createHttp2Server();
  const port = await new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    server.close();
    stream.session?.close();
  });
  t.after(() => server.close());
  const replies = { local_reply_config: { mappers: [{ filter: { response_flag_filter: { flags: ['UF'] } }, headers_to_add: [{ header: { key: 'x-lateen-delivery', value: 'none' } }] }] } };
  const proxy = startProxy(t, {
    clusters: [staticCluster('up', [port], { typed_extension_protocol_options: http2Options })],
    listeners: [listener([hcm(inlineRoutes([routeTo('up', { retry_policy: { retry_on: 'refused-stream,reset-before-request', num_retries: 2 } })]), replies)])],
  });
  const { status, headers } = await call(await proxy.port(), { method: 'POST', body: 'x' });
  assert.deepEqual([status, headers['x-lateen-delivery']], [503, 'none']);
});
