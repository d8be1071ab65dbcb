import assert from 'node:assert/strict';
import { connect as connectHttp2, createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { address, hcm, http2Options, inlineRoutes, listener, routeTo, startProxy, staticCluster, tcpProxy } from './testkit/proxy.ts';
import { call, exchangeBytes, httpUpstream, tcpUpstream } from '../testkit/loopback.ts';

const grpcLikeUpstream = (t: TestContext): Promise<number> =>
  http2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-path': headers[':path'] }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': 'gone' }));
    stream.pipe(stream);
  });

async function http2Upstream(t: TestContext, onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): Promise<number> {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('gRPC passes over HTTP/2 on both sides with its trailers', async (t) => {
  const upstream = await grpcLikeUpstream(t);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream], { typed_extension_protocol_options: http2Options })], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const session = connectHttp2(`http://127.0.0.1:${await proxy.port()}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/pkg.Service/Method', 'content-type': 'application/grpc', te: 'trailers' });
  const head = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
  const trailers = new Promise<Record<string, unknown>>((resolve) => stream.once('trailers', resolve));
  const parts: string[] = [];
  stream.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
  stream.write('one');
  assert.deepEqual([(await head)[':status'], (await head)['x-path']], [200, '/pkg.Service/Method']);
  stream.end('two');
  assert.deepEqual([(await trailers)['grpc-status'], (await trailers)['grpc-message']], ['5', 'gone']);
  assert.equal(parts.join(''), 'onetwo');
  while (proxy.http.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([proxy.http[0]?.protocol, proxy.http[0]?.grpcStatus, proxy.http[0]?.responseCode], ['HTTP/2', 5, 200]);
});

test('a response over HTTP/2 that has no trailers ends for the client', async (t) => {
  const server = createHttp2Server((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const upstream = (server.address() as AddressInfo).port;
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream], { typed_extension_protocol_options: http2Options })], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const session = connectHttp2(`http://127.0.0.1:${await proxy.port()}`);
  t.after(() => session.destroy());
  for (const method of ['GET', 'POST']) {
    const stream = session.request({ ':method': method, ':path': '/' }, { endStream: method === 'GET' });
    if (method === 'POST') stream.end('body');
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    await new Promise((resolve) => stream.once('close', resolve));
    assert.deepEqual([method, text, stream.rstCode], [method, 'hello', 0]);
  }
});

test('many streams share one connection to an HTTP/2 upstream', async (t) => {
  const upstream = await grpcLikeUpstream(t);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream], { typed_extension_protocol_options: http2Options })], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const port = await proxy.port();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => call(port, { method: 'POST', body: `b${i}` })));
  assert.deepEqual(answers.map((answer) => answer.body), Array.from({ length: 20 }, (_, i) => `b${i}`));
  assert.equal(proxy.runtime.snapshot().clusters[0]?.hosts[0]?.counters.connections, 1);
});

test('local replies to gRPC calls carry grpc-status', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const answer = await call(await proxy.port(), { method: 'POST', headers: { 'content-type': 'application/grpc' } });
  assert.deepEqual([answer.status, answer.headers['grpc-status'], answer.headers['grpc-message']], [200, '14', 'no healthy upstream']);
});

test('a WebSocket upgrade becomes a tunnel in both directions', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk.toString();
      if (!seen.includes('\r\n\r\n')) return;
      if (seen.includes('upgrade: websocket') && !seen.includes('tunnel')) socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nearly');
      else socket.end(`echo:${chunk.toString()}`);
    });
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { upgrade_configs: [{ upgrade_type: 'websocket' }] })])] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
    if (text.endsWith('early')) socket.write('tunnel bytes');
  });
  socket.write('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n');
  await new Promise((resolve) => socket.on('close', resolve));
  assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(text, /early(?:.|\n)*echo:tunnel bytes$/);
  assert.equal(proxy.http[0]?.responseCode, 101);
});

test('an upgrade that is not configured is refused', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const text = await exchangeBytes(await proxy.port(), 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 403/);
});

test('a TCP client may close its side and still read the answer', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    let seen = '';
    socket.on('data', (chunk) => (seen += chunk.toString()));
    socket.on('end', () => socket.end(`got ${seen}`));
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([tcpProxy('up')])] });
  const socket = connect({ port: await proxy.port(), host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.end('hello');
  await new Promise((resolve) => socket.on('end', resolve));
  assert.equal(text, 'got hello');
  while (proxy.tcp.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([proxy.tcp[0]?.receivedBytes, proxy.tcp[0]?.sentBytes, proxy.tcp[0]?.flags], [5, 9, []]);
});

test('a server that speaks first is heard through a TCP listener', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.write('220 ready\r\n'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([tcpProxy('up')], { listener_filters: [{ name: 'envoy.filters.listener.tls_inspector' }] })] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  assert.equal(first.toString(), '220 ready\r\n');
  socket.destroy();
});

test('a slow reader holds the upstream back instead of filling memory', async (t) => {
  const total = 64 * 1024 * 1024;
  let written = 0;
  const upstream = await httpUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': total });
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (written < total) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
    };
    more();
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  socket.pause();
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < total / 2, `${written} bytes were taken from the upstream for a client that reads nothing`);
  socket.destroy();
});

/** Bytes that differ from one number to the next, and from place to place. */
function bodyOf(i: number): Buffer {
  const body = Buffer.alloc(i % 4 === 0 ? 12_000_000 : 300_001);
  for (let at = 0; at + 4 <= body.length; at += 4) body.writeUInt32LE((at ^ (i * 2_654_435_761)) >>> 0, at);
  return body;
}

/** Answers with what it was sent. */
const ECHOES: Readonly<Record<string, (t: TestContext) => Promise<number>>> = {
  'content-length': (t) => httpUpstream(t, (request, response) => void collect(request).then((body) => response.setHeader('content-length', body.length).end(body))),
  chunked: (t) => httpUpstream(t, (request, response) => void collect(request).then((body) => response.end(body))),
  'HTTP/2': (t) => http2Upstream(t, (stream) => void collect(stream).then((body) => stream.end(body))),
};

/** @param isSlow does not read for a while */
function collect(stream: Readable, isSlow = true): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  if (isSlow) {
    stream.pause();
    setTimeout(() => stream.resume(), 200);
  }
  return new Promise((resolve, reject) => {
    stream.on('end', () => resolve(Buffer.concat(parts)));
    stream.on('error', reject);
  });
}

const echoHttp1 = (port: number, i: number): Promise<Buffer> =>
  new Promise((resolve, reject) => void request({ port, host: '127.0.0.1', method: 'POST', agent: false }, (response) => resolve(collect(response, i % 2 === 0))).on('error', reject).end(bodyOf(i)));

function echoHttp2(t: TestContext, port: number, i: number): Promise<Buffer> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST' });
  stream.end(bodyOf(i));
  return collect(stream, i % 2 === 0);
}

for (const client of ['HTTP/1.1', 'HTTP/2'] as const) {
  for (const [upstream, start] of Object.entries(ECHOES)) {
    test(`bodies on many connections at once arrive whole and apart, whoever is slow: ${client}, upstream ${upstream}`, async (t) => {
      const options = upstream === 'HTTP/2' ? { typed_extension_protocol_options: http2Options } : {};
      const proxy = startProxy(t, { clusters: [staticCluster('up', [await start(t)], options)], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
      const port = await proxy.port();
      const sameAsSent = await Promise.all(Array.from({ length: 10 }, async (_, i) => bodyOf(i).equals(await (client === 'HTTP/2' ? echoHttp2(t, port, i) : echoHttp1(port, i)))));
      assert.deepEqual(sameAsSent, Array.from({ length: 10 }, () => true));
    });
  }
}

test('redirected connections go to the listener of their original destination, others to the virtual one', async (t) => {
  const named = await httpUpstream(t, (_request, response) => response.end('named'));
  const other = await httpUpstream(t, (_request, response) => response.end('direct'));
  let original = { address: '10.1.2.3', port: 9080 };
  const proxy = startProxy(
    t,
    {
      clusters: [staticCluster('up', [named]), { name: 'PassthroughCluster', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', connect_timeout: '1s' }],
      listeners: [
        { name: 'virtualOutbound', address: address(0), use_original_dst: true, filter_chains: [{ filters: [tcpProxy('PassthroughCluster')] }] },
        { ...listener([hcm(inlineRoutes([routeTo('up')]))]), name: '0.0.0.0_9080', address: address(9080, '0.0.0.0'), bind_to_port: false },
      ],
    },
    { bind: { originalDestination: () => original } },
  );
  const port = await proxy.port('virtualOutbound');
  assert.equal((await call(port)).body, 'named');
  original = { address: '127.0.0.1', port: other };
  assert.equal((await call(port, { agent: false })).body, 'direct');
  assert.equal(proxy.http[0]?.connection.downstreamLocal, '10.1.2.3:9080');
});
