import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import test from 'node:test';
import { Headers } from '../headers.ts';
import { Newcomers } from '../socket/newcomers.ts';
import { Http1ServerConnection } from './server-connection.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody';

/** A connection whose queue of first requests is moved on by hand. */
function setUp(): { socket: Duplex; server: Http1ServerConnection; events: string[]; turn: () => void } {
  const turns: (() => void)[] = [];
  const events: string[] = [];
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const server = new Http1ServerConnection(socket, {
    onRequest(stream, head) {
      const answer = () => stream.sendHead({ status: 200, headers: Headers.of('content-length', '0'), bodyLength: 0 }, true, false);
      events.push(`${head.method} ${head.path}`);
      if (head.bodyLength === 0) answer();
      return {
        onData(chunk, end) {
          events.push(chunk.toString());
          if (end) answer();
        },
        onEnd: answer, onReset() {}, onDrain() {},
      };
    },
    onBadRequest: () => new Headers(),
    onHeadAbandoned: () => void events.push('head abandoned'),
    onUnbegun: ({ method, path }, reason) => void events.push(`${method} ${path}: ${reason}`),
    onIdle() {},
    onClosed: () => void events.push('closed'),
  }, { limits: { maxHeadBytes: 1000, maxHeaders: 10 }, acceptHttp10: false, trailers: false, newcomers: new Newcomers((run) => void turns.push(run)) });
  return { socket, server, events, turn: () => turns.shift()?.() };
}

for (const [name, bytes, expected] of [
  ['a request', GET, ['GET /a']],
  ['a request and those that are pipelined behind it', GET + POST + GET, ['GET /a', 'POST /b', 'body', 'GET /a']],
  ['a request with a body', POST + GET, ['POST /b', 'body', 'GET /a']],
] as const) {
  test(`${name}: the first of a connection waits for its turn`, () => {
    const { socket, server, events, turn } = setUp();
    socket.emit('data', Buffer.from(bytes));
    assert.deepEqual(events, []);
    assert.equal(server.busy, true);
    turn();
    assert.deepEqual(events, expected);
    socket.emit('data', Buffer.from(GET));
    assert.equal(events.length, expected.length + 1, 'the next ones do not');
    server.destroy();
  });
}

test('a body that comes while the head waits comes after it', () => {
  const { socket, server, events, turn } = setUp();
  socket.emit('data', Buffer.from(POST.slice(0, -4)));
  socket.emit('data', Buffer.from('body'));
  assert.deepEqual(events, []);
  turn();
  assert.deepEqual(events, ['POST /b', 'body']);
  server.destroy();
});

test('who goes before the turn has come is told of', async () => {
  const { socket, server, events, turn } = setUp();
  socket.emit('data', Buffer.from(GET));
  server.destroy();
  await new Promise((resolve) => socket.once('close', resolve));
  turn();
  assert.deepEqual(events, ['GET /a: connection termination', 'closed']);
});

test('who closes its side behind its first request is still answered what can be answered at once', () => {
  const { socket, events, turn } = setUp();
  socket.emit('data', Buffer.from(GET));
  socket.emit('end');
  assert.deepEqual(events, []);
  assert.equal(socket.writableEnded, false);
  turn();
  assert.deepEqual(events, ['GET /a']);
  assert.equal(socket.writableEnded, true);
});

test('a connection that is to end answers first', () => {
  const { socket, server, events, turn } = setUp();
  socket.emit('data', Buffer.from(GET));
  server.drain();
  turn();
  assert.deepEqual(events, ['GET /a']);
  assert.equal(server.busy, false);
});

test('what was said of an answer that is cut off is still heard', () => {
  const written: string[] = [];
  const socket = new Duplex({ read() {}, write: (chunk: Buffer, _encoding, done) => (written.push(chunk.toString('latin1')), done()) });
  const turns: (() => void)[] = [];
  const server = new Http1ServerConnection(socket, {
    onRequest(stream) {
      stream.sendHead({ status: 200, headers: Headers.of('content-length', '9'), bodyLength: 9 }, false, true);
      stream.sendData(Buffer.from('half'), false);
      stream.reset();
      return { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
    },
    onBadRequest: () => new Headers(), onHeadAbandoned() {}, onUnbegun() {}, onIdle() {}, onClosed() {},
  }, { limits: { maxHeadBytes: 1000, maxHeaders: 10 }, acceptHttp10: false, trailers: false, newcomers: new Newcomers((run) => void turns.push(run)) });
  socket.emit('data', Buffer.from(GET));
  turns.shift()?.();
  assert.deepEqual(written, ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf']);
  assert.deepEqual([socket.destroyed, server.busy], [true, false]);
});
