import assert from 'node:assert/strict';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { hcm, http2Options, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed } from '../testkit/proxy.ts';
import { call } from '../../testkit/loopback.ts';

const WEB = typed('envoy.filters.http.grpc_web', 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {});
const frame = (text: string, flags = 0): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text)]);
};

/** Answers each message with itself, and tells in a trailer how it was asked. */
async function grpcServer(t: TestContext): Promise<number> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      // Given up by the proxy: Node says both.
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-asked': `${headers['content-type']} ${headers['te']} ${headers['content-length'] ?? 'none'}` }));
      stream.end(Buffer.concat(parts));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function start(t: TestContext): Promise<number> {
  const up = await grpcServer(t);
  return startProxy(t, { clusters: [staticCluster('up', [up], { typed_extension_protocol_options: http2Options } as never)], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, [WEB] as never)])] }).port();
}

const TRAILERS = 'grpc-status:0\r\nx-asked:application/grpc trailers none\r\n';

test('a browser’s call is a gRPC call, and the trailers are the last frame', async (t) => {
  const port = await start(t);
  const answer = await call(port, { method: 'POST', path: '/s/m', headers: { 'content-type': 'application/grpc-web+proto' }, body: frame('hello').toString('latin1') });
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.body], [200, 'application/grpc-web+proto', Buffer.concat([frame('hello'), frame(TRAILERS, 0x80)]).toString()]);
});

test('bodies as text are base64, frame by frame', async (t) => {
  const port = await start(t);
  const headers = { 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' };
  const body = frame('hello').toString('base64') + frame('you').toString('base64');
  const answer = await call(port, { method: 'POST', path: '/s/m', headers, body });
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.body], [200, 'application/grpc-web-text+proto', body + frame(TRAILERS, 0x80).toString('base64')]);
  const broken = await call(port, { method: 'POST', path: '/s/m', headers, body: '***' });
  assert.deepEqual([broken.headers['grpc-status'], broken.headers['content-type']], ['13', 'application/grpc-web-text+proto']);
});

test('other requests pass as they are', async (t) => {
  const port = await start(t);
  const answer = await call(port, { method: 'POST', path: '/s/m', headers: { 'content-type': 'application/grpc' }, body: frame('hello').toString('latin1') });
  assert.deepEqual([answer.headers['content-type'], answer.body], ['application/grpc', frame('hello').toString('latin1')]);
});
