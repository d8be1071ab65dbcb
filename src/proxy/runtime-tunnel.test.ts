/** TCP through a proxy that is asked by CONNECT or POST. */
import assert from 'node:assert/strict';
import { createServer as createHttp1 } from 'node:http';
import { constants, createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { connect, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { http2Options, listener, startProxy, staticCluster, tcpProxy } from './testkit/proxy.ts';

async function port(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A forward proxy that sends everything back, after the name that it was asked for. */
function echoing(t: TestContext, asked: string[], refuses = false): Promise<number> {
  const server = createHttp1();
  server.on('connect', (request, socket, head: Buffer) => {
    asked.push(`CONNECT ${request.url} ${request.headers.host}`);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(refuses ? 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n' : 'HTTP/1.1 200 OK\r\n\r\n');
    if (head.length > 0) socket.write(head);
    socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk}`));
    socket.on('end', () => socket.end('bye'));
  });
  return port(t, server);
}

async function exchange(at: number, text: string): Promise<string> {
  const socket = connect({ port: at, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk));
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()).on('error', () => resolve()).on('end', () => socket.end()));
  socket.write(text);
  await Promise.race([ended, eventually(() => assert.match(received, new RegExp(text)))]);
  socket.end();
  await ended;
  return received;
}

test('a proxy is asked by CONNECT, and then bytes pass both ways to the end', async (t) => {
  const asked: string[] = [];
  const proxy = startProxy(t, { clusters: [staticCluster('up', [await echoing(t, asked)])], listeners: [listener([tcpProxy('up', { tunneling_config: { hostname: 'example.com:443' } })])] });
  assert.equal(await exchange(await proxy.port(), 'hello'), 'echo hellobye');
  assert.deepEqual(asked, ['CONNECT example.com:443 example.com:443']);
  await eventually(() => assert.deepEqual(proxy.tcp.map(({ flags, receivedBytes, sentBytes }) => [flags.join(), receivedBytes, sentBytes]), [['', 5, 13]]));
  const [cluster] = proxy.runtime.snapshot().clusters;
  await eventually(() => assert.equal(proxy.runtime.snapshot().clusters[0]?.open.connections, 0));
  assert.equal(cluster?.hosts[0]?.counters.connections, 1);
});

test('a proxy that refuses ends the connection', async (t) => {
  const proxy = startProxy(t, { clusters: [staticCluster('up', [await echoing(t, [], true)])], listeners: [listener([tcpProxy('up', { tunneling_config: { hostname: 'example.com:443' } })])] });
  assert.equal(await exchange(await proxy.port(), 'hello'), '');
  await eventually(() => assert.match(proxy.tcp[0]?.flags.join() ?? '', /UF/));
});

test('over HTTP/2 a tunnel is a stream, by CONNECT or POST', async (t) => {
  const asked: string[] = [];
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    asked.push(`${headers[constants.HTTP2_HEADER_METHOD]} ${headers[constants.HTTP2_HEADER_PATH] ?? ''} ${headers[constants.HTTP2_HEADER_AUTHORITY]}`);
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk}`));
    stream.on('end', () => stream.end('bye'));
  });
  const up = await port(t, server);
  for (const [i, usePost] of [false, true].entries()) {
    const proxy = startProxy(t, { clusters: [staticCluster('up', [up], { typed_extension_protocol_options: http2Options })], listeners: [listener([tcpProxy('up', { tunneling_config: { hostname: 'example.com:443', use_post: usePost } })])] });
    assert.equal(await exchange(await proxy.port(), 'hello'), 'echo hellobye');
    assert.equal(asked[i], usePost ? 'POST / example.com:443' : 'CONNECT  example.com:443');
  }
});
