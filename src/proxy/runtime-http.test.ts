import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from './testkit/proxy.ts';
import { call, deadPort, exchangeBytes, httpUpstream } from '../testkit/loopback.ts';

test('a request goes from listener over route and cluster to the endpoint and back', async (t) => {
  const upstream = await httpUpstream(t, (request, response) => {
    response.setHeader('x-seen', `${request.method} ${request.url} ${request.headers.host}`);
    response.end('hello');
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const answer = await call(await proxy.port(), { path: '/a?b=c', headers: { host: 'svc.example' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, 'hello');
  assert.equal(answer.headers['x-seen'], 'GET /a?b=c svc.example');
  assert.equal(answer.headers['server'], 'envoy');
  assert.match(answer.headers['x-envoy-upstream-service-time'] as string, /^\d+$/);
  const [outcome] = proxy.http;
  assert.equal(proxy.http.length, 1);
  assert.deepEqual([outcome?.responseCode, outcome?.flags, outcome?.details, outcome?.responseBytes, outcome?.upstream?.host], [200, [], 'via_upstream', 5, `127.0.0.1:${upstream}`]);
});

test('request bodies are forwarded, chunked or with a length', async (t) => {
  const upstream = await httpUpstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`${request.headers['content-length'] ?? request.headers['transfer-encoding']}:${body.length}`));
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  assert.equal((await call(port, { method: 'POST', body: 'x'.repeat(200_000), headers: { 'content-length': 200_000 } })).body, '200000:200000');
  assert.equal((await call(port, { method: 'POST', body: 'abc', headers: { 'transfer-encoding': 'chunked' } })).body, 'chunked:3');
});

test('pipelined requests are answered in order on one connection', async (t) => {
  const upstream = await httpUpstream(t, (request, response) => {
    setTimeout(() => response.end(request.url), request.url === '/slow' ? 30 : 0);
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const text = await exchangeBytes(await proxy.port(), 'GET /slow HTTP/1.1\r\nhost: a\r\n\r\nGET /fast HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  assert.deepEqual([...text.matchAll(/\/(?:slow|fast)/g)].map(([found]) => found), ['/slow', '/fast']);
});

for (const [name, routes, want] of [
  ['no route gives 404 and NR', [{ match: { prefix: '/other' }, route: { cluster: 'up' } }], [404, ['NR'], 'route_not_found', '']],
  ['an unknown cluster gives 503 and NC', [routeTo('nobody')], [503, ['NC'], 'cluster_not_found', '']],
  ['a cluster without endpoints gives 503 and UH', [routeTo('empty')], [503, ['UH'], 'no_healthy_upstream', 'no healthy upstream']],
  ['a direct response is given here', [{ match: { prefix: '/' }, direct_response: { status: 418, body: { inline_string: 'tea' } } }], [418, [], 'direct_response', 'tea']],
] as const) {
  test(name, async (t) => {
    const proxy = startProxy(t, { clusters: [staticCluster('empty', [])], listeners: [listener([hcm(inlineRoutes(routes))])] });
    const answer = await call(await proxy.port());
    const [outcome] = proxy.http;
    assert.deepEqual([answer.status, outcome?.flags, outcome?.details, answer.body], want);
  });
}

test('a refused connection gives 503 and UF with the reason', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [await deadPort()])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const answer = await call(await proxy.port());
  assert.equal(answer.status, 503);
  assert.equal(answer.body, 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure');
  assert.equal(proxy.http[0]?.details, 'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}');
  assert.deepEqual(proxy.http[0]?.flags, ['UF']);
});

test('an upstream that closes before answering gives 503 and UC', async (t) => {
  const upstream = await httpUpstream(t, (request) => request.socket.destroy());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const answer = await call(await proxy.port());
  assert.equal(answer.status, 503);
  assert.deepEqual([proxy.http[0]?.flags, proxy.http[0]?.details], [['UC'], 'upstream_reset_before_response_started{connection_termination}']);
});

test('a client that goes away is reported as DC with code 0', async (t) => {
  let arrived = () => {};
  const came = new Promise<void>((resolve) => (arrived = resolve));
  const upstream = await httpUpstream(t, () => arrived());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await came;
  socket.destroy();
  while (proxy.http.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([proxy.http[0]?.responseCode, proxy.http[0]?.flags, proxy.http[0]?.details], [0, ['DC'], 'downstream_remote_disconnect']);
});

test('the route timeout gives 504 and UT', async (t) => {
  const upstream = await httpUpstream(t, () => {});
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up', { timeout: '0.05s' })]))])] });
  const answer = await call(await proxy.port());
  assert.deepEqual([answer.status, answer.body, proxy.http[0]?.flags, proxy.http[0]?.details], [504, 'upstream request timeout', ['UT'], 'response_timeout']);
});

test('retries go on until an attempt succeeds and are counted', async (t) => {
  let calls = 0;
  const seen: (string | string[] | undefined)[] = [];
  const upstream = await httpUpstream(t, (request, response) => {
    seen.push(request.headers['x-envoy-attempt-count']);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.statusCode = ++calls < 3 ? 503 : 200;
      response.end(body);
    });
  });
  const retry = { retry_policy: { retry_on: '5xx', num_retries: 3, retry_back_off: { base_interval: '0.001s' } } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up', retry)], { include_request_attempt_count: true }))])] });
  const answer = await call(await proxy.port(), { method: 'POST', body: 'again' });
  assert.deepEqual([answer.status, answer.body, seen], [200, 'again', ['1', '2', '3']]);
  assert.equal(proxy.http[0]?.upstream?.attempts, 3);
});

test('when all retries fail the last answer is given with URX', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => {
    response.statusCode = 503;
    response.end('busy');
  });
  const retry = { retry_policy: { retry_on: 'gateway-error', num_retries: 2, retry_back_off: { base_interval: '0.001s' } } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up', retry)]))])] });
  const answer = await call(await proxy.port());
  assert.deepEqual([answer.status, answer.body, proxy.http[0]?.flags, proxy.http[0]?.upstream?.attempts], [503, 'busy', ['URX'], 3]);
});

test('a request without Host is refused and its connection ends', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const text = await exchangeBytes(await proxy.port(), 'GET / HTTP/1.1\r\na: b\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n(?:.+\r\n)*connection: close\r\n\r\n$/);
  assert.equal(proxy.http[0]?.details, 'missing_host_header');
});

test('smuggled requests are not passed on', async (t) => {
  let seen = 0;
  const upstream = await httpUpstream(t, (_request, response) => {
    seen++;
    response.end();
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const text = await exchangeBytes(await proxy.port(), 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 400 Bad Request/);
  assert.equal(seen, 0);
  assert.deepEqual([proxy.http[0]?.responseCode, proxy.http[0]?.flags, proxy.http[0]?.details], [400, ['DPE'], 'http1.content_length_and_chunked_not_allowed']);
});

test('HTTP/1.0 is told to upgrade unless it is allowed', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))]), { ...listener([hcm(inlineRoutes([routeTo('up')]), { http_protocol_options: { accept_http_10: true } })]), name: 'old' }] });
  assert.match(await exchangeBytes(await proxy.port('test'), 'GET / HTTP/1.0\r\nhost: a\r\n\r\n'), /^HTTP\/1\.1 426 Upgrade Required/);
  assert.match(await exchangeBytes(await proxy.port('old'), 'GET / HTTP/1.0\r\nhost: a\r\n\r\n'), /^HTTP\/1\.1 200 OK[^]*ok$/);
});

test('a body that cannot be read is answered 400 while no answer has begun', async (t) => {
  const upstream = await httpUpstream(t, () => {});
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const text = await exchangeBytes(await proxy.port(), 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*connection: close/);
  assert.equal(text.split('HTTP/1.1 ').length, 2);
  assert.deepEqual([proxy.http.length, proxy.http[0]?.flags, proxy.http[0]?.details], [1, ['DPE'], 'http1.codec_error']);
});
