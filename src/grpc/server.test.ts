/** Our server, called by grpc-js and by a bare HTTP/2 client. */
import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { connect, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { Client, credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { PREFACE, settingsFrame } from '../codec/http2/frames.ts';
import { eventually } from '../testkit/eventually.ts';
import { FakeClock } from '../testkit/fake-clock.ts';
import { unary, type GrpcCall, type GrpcService } from './call.ts';
import { GrpcCode } from './errors.ts';
import { encodeFrame } from './frames.ts';
import { createGrpcServer } from './server.ts';

const bytes = (value: Buffer) => value;

async function start(t: TestContext, options: { clock?: FakeClock; keepaliveMs?: number } = {}) {
  const lost: string[] = [];
  const calls: GrpcCall[] = [];
  const service: GrpcService = {
    '/test.Echo/Stream'(call) {
      calls.push(call);
      return {
        message: (message) => {
          if (message.toString() === 'no') call.end({ code: GrpcCode.PermissionDenied, details: 'not you, señor 100%\n' });
          else call.send(Buffer.from(`${call.peer.metadata('who')}: ${message.toString()}`));
        },
        ended: () => call.end(),
        lost: () => void lost.push('lost'),
      };
    },
    '/test.Echo/Once': unary(async (request) => {
      if (request.length === 0) throw new Error('nothing was asked');
      return request.toString() === 'no' ? { code: GrpcCode.Unauthenticated, details: 'who are you' } : Buffer.from(request.toString().toUpperCase());
    }),
  };
  const server = createGrpcServer({ services: [service], maxMessageBytes: 100_000, ...options });
  const port = await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => client.close());
  const stream = (): ClientDuplexStream<Buffer, Buffer> => {
    const metadata = new Metadata();
    metadata.set('who', 'me');
    return client.makeBidiStreamRequest('/test.Echo/Stream', bytes, bytes, metadata);
  };
  const once = (path: string, request: string) =>
    new Promise<string>((resolve, reject) => void client.makeUnaryRequest(path, bytes, bytes, Buffer.from(request), (error: ServiceError | null, value) => (error ? reject(error) : resolve(String(value)))));
  return { server, port, calls, lost, stream, once };
}

/** One call over node:http2: headers, trailers and messages as they are. */
async function bare(t: TestContext, port: number, over: { path?: string; method?: string; type?: string; body?: Buffer }) {
  const session = connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const call: ClientHttp2Stream = session.request({ ':path': over.path ?? '/test.Echo/Stream', ':method': over.method ?? 'POST', 'content-type': over.type ?? 'application/grpc', te: 'trailers' });
  let [headers, trailers]: [IncomingHttpHeaders, IncomingHttpHeaders] = [{}, {}];
  call.on('response', (fields) => void (headers = fields));
  call.on('trailers', (fields) => void (trailers = fields));
  call.resume();
  if (over.body) call.end(over.body);
  await new Promise<void>((resolve) => void call.once('close', () => resolve()));
  return { status: headers[':status'], grpc: trailers['grpc-status'] ?? headers['grpc-status'], message: trailers['grpc-message'] ?? headers['grpc-message'] };
}

test('messages go both ways until the client has said everything', async (t) => {
  const { stream } = await start(t);
  const call = stream();
  const answers: string[] = [];
  call.on('data', (message: Buffer) => void answers.push(message.toString()));
  const ended = new Promise<number>((resolve) => void call.on('status', ({ code }) => resolve(code)));
  const large = 'x'.repeat(90_000);
  for (const word of ['a', large, 'b']) call.write(Buffer.from(word));
  call.end();
  assert.equal(await ended, GrpcCode.Ok);
  assert.deepEqual(answers, ['me: a', `me: ${large}`, 'me: b']);
});

test('a failure says its code and its reason, before and after a message', async (t) => {
  const { stream } = await start(t);
  for (const words of [['no'], ['hello', 'no']]) {
    const call = stream();
    call.resume();
    const error = new Promise<ServiceError>((resolve) => void call.on('error', resolve));
    for (const word of words) call.write(Buffer.from(word));
    const { code, details } = await error;
    assert.deepEqual([code, details], [GrpcCode.PermissionDenied, 'not you, señor 100%\n']);
  }
});

test('a call with one request has one answer', async (t) => {
  const { once } = await start(t);
  assert.equal(await once('/test.Echo/Once', 'hello'), 'HELLO');
  await assert.rejects(once('/test.Echo/Once', 'no'), { code: GrpcCode.Unauthenticated, details: 'who are you' });
  await assert.rejects(once('/test.Echo/Once', ''), { code: GrpcCode.Internal, details: 'nothing was asked' });
  await assert.rejects(once('/test.Echo/Nothing', 'x'), { code: GrpcCode.Unimplemented, details: 'there is no method /test.Echo/Nothing' });
});

test('what is no call, or no message, is refused', async (t) => {
  const { port, lost } = await start(t);
  assert.equal((await bare(t, port, { type: 'application/json', body: Buffer.from('{}') })).status, 415);
  assert.equal((await bare(t, port, { method: 'PUT', body: Buffer.from('') })).status, 415);
  const compressed = encodeFrame(Buffer.from('x'));
  compressed[0] = 1;
  const tooLarge = Buffer.from([0, 0, 2, 0, 0]);
  for (const body of [compressed, tooLarge]) {
    const { status, grpc, message } = await bare(t, port, { body });
    assert.deepEqual([status, grpc], [200, String(GrpcCode.ResourceExhausted)], String(message));
  }
  assert.deepEqual(lost, ['lost', 'lost'], 'the service hears that it is over');
});

test('a service hears that its client has gone, once', async (t) => {
  const { port, calls, lost } = await start(t);
  const session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({ ':path': '/test.Echo/Stream', ':method': 'POST', 'content-type': 'application/grpc' });
  call.on('error', () => {});
  await eventually(() => assert.equal(calls.length, 1));
  session.destroy();
  await eventually(() => assert.deepEqual(lost, ['lost']));
  calls[0]?.send(Buffer.from('too late'));
  calls[0]?.end();
  assert.deepEqual(lost, ['lost']);
});

test('a client that reads slowly gets everything, and others do not wait for it', async (t) => {
  const { stream, calls, once } = await start(t);
  const slow = stream();
  slow.on('error', () => {});
  slow.write(Buffer.from('a'));
  await eventually(() => assert.equal(calls.length, 1));
  slow.pause();
  const large = Buffer.alloc(1 << 20, 1);
  for (let i = 0; i < 8; i++) calls[0]?.send(large);
  assert.equal(await once('/test.Echo/Once', 'quick'), 'QUICK');
  const all = 'me: a'.length + 8 * large.length;
  let received = 0;
  // However long a busy machine takes for it.
  await new Promise<void>((resolve) => {
    slow.on('data', (message: Buffer) => {
      received += message.length;
      if (received >= all) resolve();
    });
    slow.resume();
  });
  assert.equal(received, all);
});

test('a connection that has gone silent is asked whether it lives, and closed when it does not say so', async (t) => {
  const clock = new FakeClock();
  const { port, stream, lost } = await start(t, { clock, keepaliveMs: 1000 });
  const alive = stream();
  alive.on('error', () => {});
  alive.write(Buffer.from('a'));
  await new Promise<void>((resolve) => void alive.once('data', () => resolve()));
  // A client that begins and then says nothing more.
  const mute = connectTcp(port, '127.0.0.1');
  t.after(() => mute.destroy());
  mute.resume();
  mute.write(Buffer.concat([PREFACE, settingsFrame([])]));
  const closed = new Promise<void>((resolve) => void mute.once('close', () => resolve()));
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  let echoes = 0;
  alive.on('data', () => void echoes++);
  for (let i = 1; i <= 6 && !isClosed; i++) {
    alive.write(Buffer.from('b'));
    await eventually(() => assert.equal(echoes, i));
    await clock.advance(1000);
  }
  await closed;
  alive.write(Buffer.from('c'));
  await eventually(() => assert.ok(echoes >= 3, 'the other goes on'));
  assert.deepEqual(lost, []);
});
