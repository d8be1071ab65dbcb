/** Frames that break a rule of HTTP/2, and what must become of the connection or the stream. */
import { Flag, FrameType, PREFACE, Setting, settingsFrame } from '../../src/codec/http2/frames.ts';
import { frame, headerBlock, headers, number, REQUEST, type Field } from './raw-http2.ts';

export interface Http2Case {
  readonly name: string;
  readonly frames: readonly Buffer[];
  /** `goaway CODE`: the connection ends; `reset CODE`: stream 1; `status N`: stream 1 is answered. */
  readonly becomes: `goaway ${string}` | `reset ${string}` | `status ${number}`;
  /** Without preface and settings before it. */
  readonly raw?: true;
}

const with_ = (...more: Field[]): Field[] => [...REQUEST, ...more];
const without = (name: string): Field[] => REQUEST.filter(([n]) => n !== name);
const replaced = (name: string, value: string): Field[] => REQUEST.map(([n, v]) => [n, n === name ? value : v]);
const post = (more: readonly Field[] = []): Buffer => headers(1, [...replaced(':method', 'POST'), ...more], Flag.EndHeaders);
const { Data, Headers, Priority, RstStream, Settings, PushPromise, Ping, GoAway, WindowUpdate, Continuation } = FrameType;
const OPEN = post();

export const HTTP2_CASES: readonly Http2Case[] = [
  { name: 'a plain request', frames: [headers(1)], becomes: 'status 200' },
  // The connection
  { name: 'no preface', raw: true, frames: [Buffer.from('GET / HTTP/2.0\r\n\r\n')], becomes: 'goaway Protocol' },
  { name: 'a preface without settings', raw: true, frames: [PREFACE, headers(1)], becomes: 'goaway Protocol' },
  { name: 'a frame longer than allowed', frames: [frame(Data, 0, 1, Buffer.alloc(16_385))], becomes: 'goaway FrameSize' },
  { name: 'settings on a stream', frames: [frame(Settings, 0, 1)], becomes: 'goaway Protocol' },
  { name: 'settings of a wrong size', frames: [frame(Settings, 0, 0, 'abc')], becomes: 'goaway FrameSize' },
  { name: 'an acknowledgement with a payload', frames: [frame(Settings, Flag.Ack, 0, 'abcdef')], becomes: 'goaway FrameSize' },
  { name: 'ENABLE_PUSH 2', frames: [settingsFrame([[Setting.EnablePush, 2]])], becomes: 'goaway Protocol' },
  { name: 'a window beyond 2^31-1', frames: [settingsFrame([[Setting.InitialWindowSize, 0x80000000]])], becomes: 'goaway FlowControl' },
  { name: 'a frame size below the least', frames: [settingsFrame([[Setting.MaxFrameSize, 16_383]])], becomes: 'goaway Protocol' },
  { name: 'a ping on a stream', frames: [frame(Ping, 0, 1, '12345678')], becomes: 'goaway Protocol' },
  { name: 'a ping of seven octets', frames: [frame(Ping, 0, 0, '1234567')], becomes: 'goaway FrameSize' },
  { name: 'GOAWAY on a stream', frames: [frame(GoAway, 0, 1, Buffer.alloc(8))], becomes: 'goaway Protocol' },
  { name: 'GOAWAY of a wrong size', frames: [frame(GoAway, 0, 0, Buffer.alloc(7))], becomes: 'goaway FrameSize' },
  { name: 'a push by a client', frames: [frame(PushPromise, Flag.EndHeaders, 1, Buffer.concat([number(2), headerBlock(REQUEST)]))], becomes: 'goaway Protocol' },
  { name: 'unknown frames are ignored', frames: [frame(0x42, 0xff, 7, 'anything'), headers(1)], becomes: 'status 200' },
  // Streams
  { name: 'a stream with an even number', frames: [headers(2)], becomes: 'goaway Protocol' },
  { name: 'headers on stream 0', frames: [headers(0)], becomes: 'goaway Protocol' },
  { name: 'a stream lower than the last', frames: [headers(5), headers(1)], becomes: 'goaway StreamClosed' },
  { name: 'data on stream 0', frames: [frame(Data, 0, 0, 'x')], becomes: 'goaway Protocol' },
  { name: 'data on an idle stream', frames: [frame(Data, 0, 1, 'x')], becomes: 'goaway Protocol' },
  { name: 'data after the end of the request', frames: [headers(1, replaced(':path', '/slow')), frame(Data, 0, 1, 'x')], becomes: 'reset StreamClosed' },
  { name: 'a reset of an idle stream', frames: [frame(RstStream, 0, 1, number(8))], becomes: 'goaway Protocol' },
  { name: 'a reset of a wrong size', frames: [OPEN, frame(RstStream, 0, 1, 'abc')], becomes: 'goaway FrameSize' },
  { name: 'a window update on an idle stream', frames: [frame(WindowUpdate, 0, 1, number(1))], becomes: 'goaway Protocol' },
  { name: 'a window update by 0', frames: [frame(WindowUpdate, 0, 0, number(0))], becomes: 'goaway Protocol' },
  { name: 'a window update by 0 on a stream', frames: [OPEN, frame(WindowUpdate, 0, 1, number(0))], becomes: 'reset Protocol' },
  { name: 'a window update of a wrong size', frames: [frame(WindowUpdate, 0, 0, 'abc')], becomes: 'goaway FrameSize' },
  { name: 'the window of the connection overflows', frames: [frame(WindowUpdate, 0, 0, number(0x7fffffff))], becomes: 'goaway FlowControl' },
  { name: 'the window of a stream overflows', frames: [OPEN, frame(WindowUpdate, 0, 1, number(0x7fffffff))], becomes: 'reset FlowControl' },
  { name: 'settings make a window overflow', frames: [OPEN, frame(WindowUpdate, 0, 1, number(0x7fffffff - 65_535)), settingsFrame([[Setting.InitialWindowSize, 65_536]])], becomes: 'goaway FlowControl' },
  { name: 'a stream that depends on itself', frames: [frame(Headers, Flag.EndHeaders | Flag.EndStream | Flag.Priority, 1, Buffer.concat([number(1), Buffer.from([0]), headerBlock(REQUEST)]))], becomes: 'goaway Protocol' },
  { name: 'priority of a wrong size', frames: [OPEN, frame(Priority, 0, 1, 'abcd')], becomes: 'reset FrameSize' },
  { name: 'more padding than data', frames: [OPEN, frame(Data, Flag.Padded, 1, Buffer.from([5, 1, 2]))], becomes: 'goaway Protocol' },
  { name: 'more padding than headers', frames: [frame(Headers, Flag.Padded | Flag.EndHeaders, 1, Buffer.from([9, 1, 2]))], becomes: 'goaway Protocol' },
  { name: 'padded data counts without its padding', frames: [post([['content-length', '1']]), frame(Data, Flag.Padded | Flag.EndStream, 1, Buffer.from([2, 0x78, 0, 0]))], becomes: 'status 200' },
  { name: 'padding of a whole frame', frames: [post(), frame(Data, Flag.Padded | Flag.EndStream, 1, Buffer.from([2, 0, 0]))], becomes: 'status 200' },
  // Header sections
  { name: 'CONTINUATION without headers', frames: [frame(Continuation, Flag.EndHeaders, 1)], becomes: 'goaway Protocol' },
  { name: 'a section that is interrupted', frames: [headers(1, REQUEST, 0), frame(Ping, 0, 0, '12345678')], becomes: 'goaway Protocol' },
  { name: 'a section that is interrupted by data', frames: [headers(1, REQUEST, 0), frame(Data, 0, 1, 'x')], becomes: 'goaway Protocol' },
  { name: 'a section that goes on on another stream', frames: [headers(1, REQUEST, 0), frame(Continuation, Flag.EndHeaders, 3)], becomes: 'goaway Protocol' },
  { name: 'a section in pieces', frames: [frame(Headers, Flag.EndStream, 1, headerBlock(REQUEST.slice(0, 2))), frame(Continuation, Flag.EndHeaders, 1, headerBlock(REQUEST.slice(2)))], becomes: 'status 200' },
  { name: 'a block that cannot be decompressed', frames: [frame(Headers, Flag.EndHeaders | Flag.EndStream, 1, Buffer.from([0x80]))], becomes: 'goaway Compression' },
  ...(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'] as const).map((name): Http2Case => ({ name: `the field ${name}`, frames: [headers(1, with_([name, 'x']))], becomes: 'reset Protocol' })),
  { name: 'te other than trailers', frames: [headers(1, with_(['te', 'gzip']))], becomes: 'reset Protocol' },
  { name: 'te: trailers', frames: [headers(1, with_(['te', 'trailers']))], becomes: 'status 200' },
  { name: 'a name in capitals', frames: [headers(1, with_(['X-A', '1']))], becomes: 'reset Protocol' },
  ...['x a', 'x\0a', 'x:a', '', 'x\r\na', 'xä'].map((name): Http2Case => ({ name: `the name ${JSON.stringify(name)}`, frames: [headers(1, with_([name, '1']))], becomes: 'reset Protocol' })),
  ...['1\r\n2', '1\n2', '1\r2', '1\x002', ' 1', '1 ', '\t1', '1\x7f'].map((value): Http2Case => ({ name: `the value ${JSON.stringify(value)}`, frames: [headers(1, with_(['x-a', value]))], becomes: 'reset Protocol' })),
  ...[':method', ':scheme', ':path'].map((name): Http2Case => ({ name: `no ${name}`, frames: [headers(1, without(name))], becomes: 'reset Protocol' })),
  ...[':method', ':scheme', ':path', ':authority'].map((name): Http2Case => ({ name: `${name} twice`, frames: [headers(1, [REQUEST.find(([n]) => n === name) ?? ['', ''], ...REQUEST])], becomes: 'reset Protocol' })),
  { name: 'an unknown pseudo header', frames: [headers(1, [[':x', '1'], ...REQUEST])], becomes: 'reset Protocol' },
  { name: 'a pseudo header of answers', frames: [headers(1, [[':status', '200'], ...REQUEST])], becomes: 'reset Protocol' },
  { name: 'a pseudo header after a field', frames: [headers(1, [['x-a', '1'], ...REQUEST])], becomes: 'reset Protocol' },
  ...['', 'a', '*', '/a#b', '/a b', '/a\r\nx: y', 'http://b/'].map((path): Http2Case => ({ name: `the path ${JSON.stringify(path)}`, frames: [headers(1, replaced(':path', path))], becomes: 'reset Protocol' })),
  ...['GET /x HTTP/1.1\r\nx: y', 'G T', '', 'G\r\n'].map((method): Http2Case => ({ name: `the method ${JSON.stringify(method)}`, frames: [headers(1, replaced(':method', method))], becomes: 'reset Protocol' })),
  ...['a b', 'u@a', 'a/b', 'a\r\nx: y', 'a,b'].map((authority): Http2Case => ({ name: `the authority ${JSON.stringify(authority)}`, frames: [headers(1, replaced(':authority', authority))], becomes: 'reset Protocol' })),
  { name: 'a host that is not the authority', frames: [headers(1, with_(['host', 'b']))], becomes: 'reset Protocol' },
  { name: 'two hosts', frames: [headers(1, [...without(':authority'), ['host', 'a'], ['host', 'b']])], becomes: 'reset Protocol' },
  { name: 'the protocol of a tunnel that is not offered', frames: [headers(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':path', '/'], [':authority', 'a']], Flag.EndHeaders)], becomes: 'reset Protocol' },
  { name: 'CONNECT with a path', frames: [headers(1, replaced(':method', 'CONNECT'), Flag.EndHeaders)], becomes: 'reset Protocol' },
  { name: 'a section of 15 KB', frames: [headers(1, with_(...Array.from({ length: 5 }, (): Field => ['x-a', 'a'.repeat(3000)])))], becomes: 'status 200' },
  { name: 'a section of 70 KB', frames: [headers(1, REQUEST, Flag.EndStream), ...Array.from({ length: 7 }, (_, i) => frame(Continuation, i === 6 ? Flag.EndHeaders : 0, 1, headerBlock([['x-a', 'a'.repeat(10_000)]])))], becomes: 'status 431' },
  { name: 'more fields than allowed', frames: [headers(1, with_(...Array.from({ length: 200 }, (): Field => ['x', 'y'])))], becomes: 'status 431' },
  // Bodies, and what a downgrade to HTTP/1 would make of them
  { name: 'a length longer than the body', frames: [post([['content-length', '5']]), frame(Data, Flag.EndStream, 1, 'abc')], becomes: 'reset Protocol' },
  { name: 'a length shorter than the body', frames: [post([['content-length', '2']]), frame(Data, Flag.EndStream, 1, 'abc')], becomes: 'reset Protocol' },
  { name: 'a length without a body', frames: [headers(1, [...replaced(':method', 'POST'), ['content-length', '5']])], becomes: 'reset Protocol' },
  ...['5, 5', '+3', '3x', '', '-1', '0x3', '99999999999999999999'].map((value): Http2Case => ({ name: `the length ${JSON.stringify(value)}`, frames: [post([['content-length', value]]), frame(Data, Flag.EndStream, 1, 'abc')], becomes: 'reset Protocol' })),
  { name: 'two lengths', frames: [post([['content-length', '3'], ['content-length', '4']]), frame(Data, Flag.EndStream, 1, 'abc')], becomes: 'reset Protocol' },
  { name: 'trailers with a pseudo header', frames: [OPEN, headers(1, [[':path', '/x']])], becomes: 'reset Protocol' },
  { name: 'trailers without the end of the stream', frames: [OPEN, headers(1, [['x-t', '1']], Flag.EndHeaders)], becomes: 'reset Protocol' },
  { name: 'trailers that frame', frames: [OPEN, headers(1, [['transfer-encoding', 'chunked']])], becomes: 'reset Protocol' },
  { name: 'trailers', frames: [OPEN, headers(1, [['x-t', '1']])], becomes: 'status 200' },
];
