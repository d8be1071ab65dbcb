/** The channel beside servers that are not ours: node:http2, and one that has nothing but a socket. */
import assert from 'node:assert/strict';
import { createSecureServer, createServer, constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { encodeFrame, FrameReader } from '../../grpc/frames.ts';
import type { GrpcStatus } from '../../grpc/client-call.ts';
import { createAuthority } from '../../pki/authority.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createGrpcChannel, type ChannelOptions, type GrpcChannel } from './grpc-channel.ts';

const HOUR_MS = 3_600_000;
const OK = { 'grpc-status': '0' };
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

async function listen(t: TestContext, server: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => server.close());
  // A TCP server's address is never a path.
  return (server.address() as AddressInfo).port;
}

type Serve = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

/** A server by node:http2, and a channel to it. */
async function startPeer(t: TestContext, serve: Serve, options: Partial<ChannelOptions> = {}): Promise<GrpcChannel> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    if (stream.session) serve(stream, stream.session as ServerHttp2Session);
  });
  const channel = createGrpcChannel({ host: '127.0.0.1', port: await listen(t, server), ...options });
  t.after(() => channel.close());
  return channel;
}

interface Heard {
  readonly messages: Buffer[];
  readonly status: GrpcStatus;
}

/** Opens a stream, sends the messages, leaves it open, and waits for its end. */
const hear = (channel: GrpcChannel, messages: readonly Buffer[] = [Buffer.from('hello')]): Promise<Heard> =>
  new Promise((resolve) => {
    const heard: Buffer[] = [];
    const stream = channel.open('/t.T/Stream', { 'x-who': 'me' }, { onMessage: (message) => void heard.push(message), onEnd: (status) => resolve({ messages: heard, status }) });
    for (const message of messages) stream.send(message);
  });

/** Answers every message with itself. */
function echo(stream: ServerHttp2Stream, onMessage: (message: Buffer) => void = () => {}): void {
  const reader = new FrameReader();
  stream.on('data', (chunk: Buffer) => {
    const messages = reader.push(chunk);
    assert.ok(typeof messages !== 'string');
    for (const message of messages) {
      stream.write(encodeFrame(message));
      onMessage(message);
    }
  });
}

test('a stream carries messages of any size both ways, through windows smaller than they are', async (t) => {
  const sent = [Buffer.from('small'), Buffer.alloc(0), Buffer.alloc(20_000_000, 7), Buffer.alloc(1_100_000, 1)];
  let count = 0;
  const channel = await startPeer(t, (stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(OK));
    echo(stream, () => ++count === sent.length && stream.end());
  });
  const { messages, status } = await hear(channel, sent);
  assert.deepEqual(status, { code: 0, message: '' });
  assert.deepEqual(messages.map((m) => m.length), sent.map((m) => m.length));
  assert.ok(messages.every((message, i) => message.equals(sent[i] ?? Buffer.alloc(0))));
});

test('the request is one of gRPC, with its metadata', async (t) => {
  const heads: Record<string, unknown>[] = [];
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    heads.push(Object.fromEntries(Object.entries(headers)));
    stream.respond({ ...HEAD, ...OK }, { endStream: true });
  });
  const port = await listen(t, server);
  const channel = createGrpcChannel({ host: '127.0.0.1', port });
  t.after(() => channel.close());
  await hear(channel);
  assert.deepEqual(heads, [{ ':method': 'POST', ':scheme': 'http', ':path': '/t.T/Stream', ':authority': `127.0.0.1:${port}`, 'x-who': 'me', 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'lateen' }]);
});

const ENDS: readonly { name: string; serve: Serve; status: { code: number; message: RegExp }; messages?: number }[] = [
  { name: 'a refusal without a message', serve: (stream) => stream.respond({ ...HEAD, 'grpc-status': '7', 'grpc-message': 'not you, se%C3%B1or' }, { endStream: true }), status: { code: 7, message: /^not you, señor$/ } },
  { name: 'an answer that is no gRPC', serve: (stream) => { stream.respond({ ':status': 503, 'content-type': 'text/html' }); stream.end('<p>busy</p>'); }, status: { code: 14, message: /^HTTP status 503$/ } },
  { name: 'a refusal by HTTP', serve: (stream) => stream.respond({ ':status': 403 }, { endStream: true }), status: { code: 7, message: /^HTTP status 403$/ } },
  { name: 'an end without a status', serve: (stream) => { stream.respond(HEAD); stream.end(encodeFrame(Buffer.from('one'))); }, status: { code: 14, message: /^connection to 127\.0\.0\.1:\d+ lost/ }, messages: 1 },
  { name: 'a head that is all, without a status', serve: (stream) => stream.respond(HEAD, { endStream: true }), status: { code: 14, message: /lost/ } },
  { name: 'a reset', serve: (stream) => { stream.respond(HEAD); stream.close(constants.NGHTTP2_INTERNAL_ERROR); }, status: { code: 14, message: /remote reset/ } },
  { name: 'a refused stream', serve: (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), status: { code: 14, message: /refused/ } },
  { name: 'a compressed message', serve: (stream) => { stream.respond(HEAD); stream.write(Buffer.from([1, 0, 0, 0, 0])); }, status: { code: 13, message: /compressed/ } },
  { name: 'a message larger than is read', serve: (stream) => { stream.respond(HEAD); stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff])); }, status: { code: 13, message: /larger/ } },
  { name: 'GOAWAY with an error', serve: (_, session) => session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0), status: { code: 14, message: /lost: the server is going away \(code 11\)/ } },
  { name: 'a connection that is cut', serve: (_, session) => session.destroy(), status: { code: 14, message: /lost/ } },
];

for (const { name, serve, status, messages = 0 } of ENDS) {
  test(`${name} ends the stream with what is known of it`, async (t) => {
    const heard = await hear(await startPeer(t, serve));
    assert.equal(heard.status.code, status.code);
    assert.match(heard.status.message, status.message);
    assert.equal(heard.messages.length, messages);
  });
}

test('after GOAWAY what is open goes on, and nothing new is begun', async (t) => {
  let goOn: (() => void) | undefined;
  const channel = await startPeer(t, (stream, session) => {
    // Calls that were under way when it said so.
    if (goOn) return;
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(OK));
    stream.write(encodeFrame(Buffer.from('before')));
    session.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
    goOn = () => stream.end(encodeFrame(Buffer.from('after')));
  });
  const open = hear(channel);
  for (;;) {
    const refused = await Promise.race([channel.unary('/t.T/Echo', {}, { message: Buffer.alloc(0), timeoutMs: 20 }).then(() => 'answered', (error: Error) => error.message), open]);
    assert.ok(typeof refused === 'string', 'the open stream ended with the server’s GOAWAY');
    if (/going away/.test(refused)) break;
  }
  goOn?.();
  const { messages, status } = await open;
  assert.deepEqual(messages.map(String), ['before', 'after']);
  assert.equal(status.code, 0);
});

test('cancelling tells the server, and is heard once', async (t) => {
  const closed = Promise.withResolvers<number>();
  const channel = await startPeer(t, (stream) => {
    stream.respond(HEAD);
    stream.write(encodeFrame(Buffer.from('begun')));
    stream.on('close', () => closed.resolve(stream.rstCode));
  });
  const ends: GrpcStatus[] = [];
  const stream = channel.open('/t.T/Stream', {}, { onMessage: () => stream.cancel(), onEnd: (status) => void ends.push(status) });
  assert.equal(await closed.promise, constants.NGHTTP2_CANCEL);
  stream.cancel();
  channel.close();
  assert.deepEqual(ends, [{ code: 1, message: 'cancelled' }]);
});

test('a server that has gone without a word is found out by PING', async (t) => {
  const sockets: Socket[] = [];
  // Reads everything, says only what opens a connection.
  const mute = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume().write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  });
  const clock = new FakeClock();
  const channel = createGrpcChannel({ host: '127.0.0.1', port: await listen(t, mute), clock });
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await channel.connected();
  const heard = hear(channel);
  await clock.advance(30_000 + 9000);
  assert.equal(await Promise.race([heard, 'open']), 'open');
  await clock.advance(1000);
  const { status } = await heard;
  assert.equal(status.code, 14);
  assert.match(status.message, /does not answer PING/);
  await assert.rejects(channel.unary('/t.T/Echo', {}, { message: Buffer.alloc(0), timeoutMs: 60_000 }), /does not answer PING/);
});

test('a server that answers PING is kept', async (t) => {
  const clock = new FakeClock();
  let next = Promise.withResolvers<void>();
  const channel = await startPeer(t, (stream, session) => {
    stream.respond(HEAD);
    // Follows the answer.
    session.on('ping', () => stream.write(encodeFrame(Buffer.from('asked'))));
    stream.write(encodeFrame(Buffer.from('begun')));
  }, { clock });
  const ends: GrpcStatus[] = [];
  channel.open('/t.T/Stream', {}, { onMessage: () => next.resolve(), onEnd: (status) => void ends.push(status) });
  for (let pings = 0; pings < 4; pings++) {
    await next.promise;
    next = Promise.withResolvers();
    await clock.advance(30_000);
  }
  await next.promise;
  assert.deepEqual(ends, []);
});

test('over TLS the root and the name are checked, and a certificate is shown', async (t) => {
  const authority = await createAuthority({ commonName: 'mesh', lifetimeMs: HOUR_MS });
  const other = await createAuthority({ commonName: 'other', lifetimeMs: HOUR_MS });
  const issue = (dns: string) => authority.issue({ subject: { commonName: dns }, sans: { dns: [dns] }, lifetimeMs: HOUR_MS, usages: ['client', 'server'] });
  const [own, client] = await Promise.all([issue('istiod.istio-system.svc'), issue('client')]);
  const server = createSecureServer({ cert: own.certificatePem, key: own.keyPem, ca: authority.certificatePem, requestCert: true, rejectUnauthorized: false });
  const seen: unknown[] = [];
  server.on('stream', (stream: ServerHttp2Stream) => {
    const socket = stream.session?.socket as TLSSocket;
    seen.push(socket.alpnProtocol, socket.getPeerCertificate().subject?.CN, stream.sentHeaders);
    stream.respond({ ...HEAD, ...OK }, { endStream: true });
  });
  const port = await listen(t, server);
  const call = async (tls: ChannelOptions['tls']): Promise<GrpcStatus> => {
    const channel = createGrpcChannel({ host: '127.0.0.1', port, tls });
    const { status } = await hear(channel);
    channel.close();
    return status;
  };
  const trusted = { trustedCaPem: authority.certificatePem, serverName: 'istiod.istio-system.svc' };
  assert.equal((await call({ ...trusted, client: { certificateChainPem: client.certificatePem, keyPem: client.keyPem } })).code, 0);
  assert.deepEqual(seen.slice(0, 2), ['h2', 'client']);
  assert.match((await call({ ...trusted, serverName: 'elsewhere' })).message, /elsewhere/);
  assert.match((await call({ ...trusted, trustedCaPem: other.certificatePem })).message, /certificate/);
});

test('a channel that is closed before it is connected says so to who waits', async (t) => {
  const channel = createGrpcChannel({ host: '127.0.0.1', port: await listen(t, createTcpServer()) });
  const connected = channel.connected();
  const heard = hear(channel);
  channel.close();
  await assert.rejects(connected, /closed by us/);
  assert.match((await heard).status.message, /closed by us/);
  await assert.rejects(channel.connected(), /closed by us/);
});
