import assert from 'node:assert/strict';
import { FakeClock } from '../../../src/testkit/fake-clock.ts';
import { Headers } from '../../../src/codec/headers.ts';
import type { DownstreamStream, RequestHead } from '../../../src/codec/stream.ts';
import { Flag, FrameType, PREFACE, Setting, settingsFrame } from '../../../src/codec/http2/frames.ts';
import { HeaderBlock } from '../../../src/codec/http2/header-block.ts';
import { HpackDecoder } from '../../../src/codec/http2/hpack-decoder.ts';
import { Http2ClientSession } from '../../../src/codec/http2/client-session.ts';
import { Http2ServerConnection } from '../../../src/codec/http2/server-session.ts';
import { Newcomers } from '../../../src/codec/socket/newcomers.ts';
import { frame, headerBlock, headers, number, REQUEST } from '../../hostile/raw-http2.ts';
import { DeafSocket } from '../deaf-socket.ts';
import { http2Frames } from '../shape.ts';
import { pieces, singles, type Random, type Target } from '../target.ts';

const { Data, Priority, RstStream, Ping, GoAway, WindowUpdate, Continuation, Headers: HeadersType } = FrameType;
const POST = REQUEST.map(([name, value]): readonly [string, string] => [name, name === ':method' ? 'POST' : value]);
/** Requests of one read that are passed on at once. */
const AT_ONCE = 8;
const SEEDS: readonly Buffer[] = [
  Buffer.concat([PREFACE, settingsFrame([]), headers(1), headers(3, POST, Flag.EndHeaders), frame(Data, 0, 3, 'hello'), frame(Data, Flag.EndStream, 3, 'x'), headers(5)]),
  Buffer.concat([PREFACE, settingsFrame([[Setting.InitialWindowSize, 10], [Setting.HeaderTableSize, 0]]), headers(1, POST, Flag.EndHeaders), frame(Data, Flag.Padded, 1, Buffer.from([2, 1, 1, 0, 0])), headers(1, [['x-t', '1']]), frame(RstStream, 0, 1, number(8))]),
  Buffer.concat([PREFACE, settingsFrame([]), frame(Ping, 0, 0, '12345678'), frame(HeadersType, Flag.EndStream, 1, headerBlock(REQUEST.slice(0, 2))), frame(Continuation, Flag.EndHeaders, 1, headerBlock(REQUEST.slice(2))), frame(Priority, 0, 1, Buffer.from([0, 0, 0, 3, 1])), frame(WindowUpdate, 0, 0, number(9)), frame(GoAway, 0, 0, Buffer.alloc(8))]),
];

interface Heard {
  readonly events: string[];
  /** The connection ended by a fault, or a stream before it was complete. */
  readonly isBroken: boolean;
}

/** Every request is answered at once. */
function serve(parts: readonly Buffer[]): Heard {
  const events: string[] = [];
  const socket = new DeafSocket();
  const connection = new Http2ServerConnection(socket, {
    onRequest(stream: DownstreamStream, head: RequestHead) {
      assert.match(head.method, /^[!-~]+$/);
      assert.doesNotMatch(`${head.path}${head.authority}${[...head.headers].flat().join('')}`, /[\r\n\0]/);
      events.push(`${head.method} ${head.path} ${head.authority} ${JSON.stringify([...head.headers])}`);
      let body = '';
      const answer = () => {
        stream.sendHead({ status: 200, headers: Headers.of('x-length', String(body.length)), bodyLength: -1 }, false, true);
        stream.sendData(Buffer.from(body, 'latin1'), true);
      };
      if (head.bodyLength === 0) answer();
      return {
        onData(chunk, end) {
          body += chunk.toString('latin1');
          if (end) this.onEnd(undefined);
        },
        onEnd(trailers) {
          events.push(`end ${body} ${trailers ? JSON.stringify([...trailers]) : ''}`);
          answer();
        },
        onReset: (reason) => void events.push(`reset ${reason}`),
        onDrain() {},
      };
    },
    onIdle() {},
    onClosed: () => void events.push('closed'),
  }, { maxConcurrentStreams: 10, limits: { maxHeadBytes: 4000, maxHeaders: 20, streamWindow: 1000, connectionWindow: 70_000 }, clock: new FakeClock(), newcomers: new Newcomers((run) => run()) });
  for (const part of parts) socket.emit('data', part);
  const sent = parts.reduce((sum, part) => sum + part.length, 0);
  assert.ok(socket.writableLength + socket.written < 20_000 + sent * 20, 'what is sent follows what was received');
  const isBroken = connection.closed || events.some((event) => event.startsWith('reset'));
  connection.destroy();
  return { events, isBroken };
}

/** What was heard is the same however the stream is cut; but a request that breaks in the read that brought it, or before its turn, is not passed on. */
function assertSame(heard: Heard, singly: Heard, how: string): void {
  const requests = singly.events.filter((event) => !/^(?:end|reset|closed)/.test(event)).length;
  if (!singly.isBroken && requests <= AT_ONCE) return assert.deepEqual(heard, singly, how);
  let at = 0;
  for (const event of heard.events) {
    const found = singly.events.indexOf(event, at);
    assert.ok(found >= 0, `${how}: heard ${JSON.stringify(heard.events)}, byte by byte ${JSON.stringify(singly.events)}`);
    at = found + 1;
  }
}

const server: Target = {
  name: 'http2-server',
  shape: http2Frames,
  seeds: SEEDS,
  words: ['\0\0\0', '\x01\x05\0\0\0\x01', '\0\0\x04\x08\0\0\0\0\x01', '\0\0\x08\x06\0\0\0\0\0', '\0\0\x05\0\x09\0\0\0\x01'],
  check(input, random) {
    const singly = serve(singles(input));
    assertSame(serve([input]), singly, 'whole');
    assertSame(serve(pieces(input, random)), singly, 'cut in pieces');
  },
};

/** An upstream's bytes, with three requests under way: each hears of one end at the most. */
const client: Target = {
  name: 'http2-client',
  shape: http2Frames,
  seeds: [Buffer.concat([settingsFrame([]), headers(1, [[':status', '100']], Flag.EndHeaders), headers(1, [[':status', '200']], Flag.EndHeaders), frame(Data, Flag.EndStream, 1, 'hi'), headers(3, [[':status', '204']]), frame(RstStream, 0, 5, number(7)), frame(GoAway, 0, 0, Buffer.alloc(8))])],
  check(input, random) {
    const socket = new DeafSocket();
    const session = new Http2ClientSession(socket, { maxRequests: 0, onClosed() {}, clock: new FakeClock() });
    const ends = [0, 0, 0];
    for (const i of [0, 1, 2]) {
      const over = () => {
        ends[i] = (ends[i] ?? 0) + 1;
      };
      const stream = session.openStream({ onInterim() {}, onHead: ({ bodyLength }) => void (bodyLength === 0 && over()), onData: (_chunk, end) => void (end && over()), onEnd: over, onReset: over, onDrain() {} }, () => {});
      stream.sendHead({ method: 'GET', path: '/', authority: 'a', scheme: 'http', protocol: 'HTTP/2', headers: new Headers(), bodyLength: 0 }, i !== 2, false);
    }
    for (const part of pieces(input, random)) socket.emit('data', part);
    session.destroy();
    assert.deepEqual(ends, [1, 1, 1]);
  },
};

const hpack: Target = {
  name: 'hpack',
  seeds: [headerBlock(REQUEST), Buffer.from('828684410f7777772e6578616d706c652e636f6d', 'hex'), Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'), Buffer.from('3fe11f400161016282', 'hex')],
  check(input: Buffer, random: Random) {
    const decoder = new HpackDecoder();
    for (const part of pieces(input, random)) {
      const block = new HeaderBlock({ maxBytes: 4000, maxFields: 20 });
      if (!decoder.decode(part, block)) return;
      assert.ok(block.list.length <= 60);
      if (!block.malformed) for (const text of block.list) assert.doesNotMatch(text, /[\r\n\0]/);
    }
  },
};

export const targets: readonly Target[] = [server, client, hpack];
