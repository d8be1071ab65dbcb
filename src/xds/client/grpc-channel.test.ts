import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { createGrpcChannel } from './grpc-channel.ts';
import { FrameReader, encodeFrame } from '../../grpc/frames.ts';

const raw = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };

async function startEcho(t: TestContext): Promise<number> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService({ Echo: { path: '/t.T/Echo', requestStream: false, responseStream: false, ...raw } }, {
    Echo(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
      if (call.request.toString() === 'no') reply({ code: status.PERMISSION_DENIED, details: 'not you, señor' });
      else if (call.request.toString() !== 'silence') reply(null, call.request);
    },
  });
  t.after(() => server.forceShutdown());
  return new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))));
}

test('unary calls return the message, the status with its text, or the end of patience', async (t) => {
  const channel = createGrpcChannel({ host: '127.0.0.1', port: await startEcho(t) });
  t.after(() => channel.close());
  const call = (text: string, timeoutMs = 2000) => channel.unary('/t.T/Echo', {}, { message: Buffer.from(text), timeoutMs });
  assert.equal((await call('hello')).toString(), 'hello');
  const big = 'x'.repeat(3_000_000);
  assert.equal((await call(big)).length, big.length);
  await assert.rejects(call('no'), /PERMISSION_DENIED: not you, señor/);
  await assert.rejects(call('silence', 30), /CANCELLED|DEADLINE_EXCEEDED/);
});

test('a server that is not there, or that never answers the handshake, is UNAVAILABLE', async (t) => {
  const closed = createGrpcChannel({ host: '127.0.0.1', port: 1 });
  await assert.rejects(closed.unary('/t.T/Echo', {}, { message: Buffer.alloc(0), timeoutMs: 2000 }), /UNAVAILABLE.*ECONNREFUSED/);
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  t.after(() => mute.close());
  // A TCP server's address is never a path.
  const { port } = mute.address() as AddressInfo;
  const channel = createGrpcChannel({ host: '127.0.0.1', port, tls: { trustedCaPem: '', serverName: 'x' }, connectTimeoutMs: 50 });
  await assert.rejects(channel.unary('/t.T/Echo', {}, { message: Buffer.alloc(0), timeoutMs: 2000 }), /UNAVAILABLE.*50 ms/);
});

test('frames are found whatever the chunks are', () => {
  const bytes = Buffer.concat([encodeFrame(Buffer.from('one')), encodeFrame(Buffer.alloc(0)), encodeFrame(Buffer.from('three'))]);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new FrameReader();
    const seen: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const messages = reader.push(bytes.subarray(at, at + size));
      assert.ok(typeof messages !== 'string');
      seen.push(...messages.map(String));
    }
    assert.deepEqual(seen, ['one', '', 'three'], `chunks of ${size}`);
    assert.equal(reader.isPartial, false);
  }
});

test('a compressed or oversized frame ends the stream with a reason', () => {
  assert.match(String(new FrameReader().push(Buffer.from([1, 0, 0, 0, 0]))), /compressed/);
  assert.match(String(new FrameReader(10).push(Buffer.from([0, 0, 0, 0, 11]))), /larger/);
});
