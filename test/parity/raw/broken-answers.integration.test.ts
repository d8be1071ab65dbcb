/** Upstreams that break the protocol of one stream, or of the whole connection: what the client is told, and the flags and details of the
 * access log, are those of Envoy. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { ErrorCode, Flag, FrameType, goAwayFrame, numberFrame, PREFACE, settingsFrame } from '../../../src/codec/http2/frames.ts';
import { FrameReader } from '../../../src/codec/http2/frame-reader.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { ServerProcess } from '../../../src/testkit/server-process.ts';
import { bundleStaticProxy, startEnvoy, startStaticProxy } from '../../../src/testkit/static-proxy/start.ts';
import { frame, headerBlock, headers, type Field } from '../../hostile/raw-http2.ts';
import { sendRaw } from './raw-client.ts';
import { resourcesOf, typed } from './scenario.ts';

interface Case {
  readonly name: string;
  /** What is sent when the head of the request has come. */
  readonly bytes: (streamId: number) => Buffer[];
  readonly method?: 'GET' | 'POST';
}

const OK: readonly Field[] = [[':status', '200']];
const OPEN = Flag.EndHeaders;
const head = (id: number, fields: readonly Field[] = OK, flags: number = OPEN): Buffer => headers(id, fields, flags);
const data = (id: number, text: string, flags = 0): Buffer => frame(FrameType.Data, flags, id, text);
const rst = (id: number, code: number): Buffer => numberFrame(FrameType.RstStream, id, code);
const whole = (fields: readonly Field[]) => (id: number) => [head(id, fields, OPEN | Flag.EndStream)];

/** 80 KB in as many frames as it takes. */
function tooLarge(id: number): Buffer[] {
  const more = (letter: string, flags = 0) => frame(FrameType.Continuation, flags, id, headerBlock([[`x-${letter}`, letter.repeat(16_000)]]));
  return [head(id, OK, Flag.EndStream), more('a'), more('b'), more('c'), more('d'), more('e', Flag.EndHeaders)];
}

const HTTP2: readonly Case[] = [
  { name: 'an answer', bytes: (id) => [head(id), data(id, 'hi', Flag.EndStream)] },
  { name: 'no status', bytes: whole([['x-a', '1']]) },
  { name: 'a status that is no number', bytes: whole([[':status', 'abc']]) },
  { name: 'a status of two digits', bytes: whole([[':status', '20']]) },
  { name: 'a status of 600', bytes: whole([[':status', '600']]) },
  { name: 'two statuses', bytes: whole([[':status', '200'], [':status', '200']]) },
  { name: 'status 101', bytes: whole([[':status', '101']]) },
  { name: 'a pseudo header of requests', bytes: whole([...OK, [':path', '/']]) },
  { name: 'a pseudo header after others', bytes: whole([['x-a', '1'], ...OK]) },
  { name: 'a name in capitals', bytes: whole([...OK, ['X-A', '1']]) },
  { name: 'a name with a space', bytes: whole([...OK, ['x a', '1']]) },
  { name: 'a value with a line end', bytes: whole([...OK, ['x-a', '1\r\nx-b: 2']]) },
  { name: 'a value with a NUL', bytes: whole([...OK, ['x-a', '1\x00']]) },
  { name: 'a field of connections', bytes: whole([...OK, ['connection', 'close']]) },
  { name: 'transfer-encoding', bytes: whole([...OK, ['transfer-encoding', 'chunked']]) },
  { name: 'a body shorter than it says', bytes: (id) => [head(id, [...OK, ['content-length', '5']]), data(id, 'hi', Flag.EndStream)] },
  { name: 'a body longer than it says', bytes: (id) => [head(id, [...OK, ['content-length', '1']]), data(id, 'hi', Flag.EndStream)] },
  { name: 'no body where one is announced', bytes: whole([...OK, ['content-length', '5']]) },
  { name: 'a length that is no number', bytes: (id) => [head(id, [...OK, ['content-length', '2x']]), data(id, 'hi', Flag.EndStream)] },
  { name: 'a body before the head', bytes: (id) => [data(id, 'hi')] },
  { name: 'a head that is too large', bytes: tooLarge },
  { name: 'more fields than may be', bytes: whole([...OK, ...Array.from({ length: 150 }, (_, i): Field => [`x-${i}`, '1'])]) },
  { name: 'trailers that do not end', bytes: (id) => [head(id), data(id, 'hi'), head(id, [['x-t', '1']])] },
  { name: 'a pseudo header in trailers', bytes: (id) => [head(id), data(id, 'hi'), head(id, [[':status', '200']], OPEN | Flag.EndStream)] },
  { name: 'an interim answer that ends', bytes: whole([[':status', '100']]) },
  { name: 'RST_STREAM: refused', bytes: (id) => [rst(id, ErrorCode.RefusedStream)] },
  { name: 'RST_STREAM: cancel', bytes: (id) => [rst(id, ErrorCode.Cancel)] },
  { name: 'RST_STREAM: no error', bytes: (id) => [rst(id, ErrorCode.None)] },
  { name: 'RST_STREAM: protocol error', bytes: (id) => [rst(id, ErrorCode.Protocol)] },
  { name: 'RST_STREAM: HTTP/1.1 is required', bytes: (id) => [rst(id, ErrorCode.Http11Required)] },
  { name: 'RST_STREAM after the head', bytes: (id) => [head(id), rst(id, ErrorCode.Cancel)] },
  { name: 'GOAWAY for streams not looked at', bytes: () => [goAwayFrame(0, ErrorCode.None)] },
  { name: 'no HTTP/2', bytes: () => [Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')] },
  { name: 'a frame that is too large', bytes: (id) => [frame(FrameType.Data, 0, id, 'a'.repeat(40_000))] },
  { name: 'WINDOW_UPDATE of 0', bytes: (id) => [numberFrame(FrameType.WindowUpdate, id, 0)] },
  { name: 'WINDOW_UPDATE of too much', bytes: (id) => [numberFrame(FrameType.WindowUpdate, id, 0x7fffffff)] },
  { name: 'an answer to somebody else', bytes: () => [head(77)] },
  { name: 'header compression that cannot be read', bytes: (id) => [frame(FrameType.Headers, OPEN, id, Buffer.from([0xff, 0xff, 0xff, 0xff]))] },
  { name: 'a whole answer before the request has ended', method: 'POST', bytes: (id) => [head(id), data(id, 'hi', Flag.EndStream)] },
  { name: 'a whole answer before the request has ended, and a reset without error', method: 'POST', bytes: (id) => [head(id), data(id, 'hi', Flag.EndStream), rst(id, ErrorCode.None)] },
];

const answer = (fields: string, body = '', line = 'HTTP/1.1 200 OK') => () => [Buffer.from(`${line}\r\n${fields}\r\n${body}`, 'latin1')];
const HTTP1: readonly Case[] = [
  { name: 'an answer', bytes: answer('content-length: 2\r\n', 'hi') },
  { name: 'a length and chunks', bytes: answer('content-length: 2\r\ntransfer-encoding: chunked\r\n', '2\r\nhi\r\n0\r\n\r\n') },
  { name: 'two lengths', bytes: answer('content-length: 2\r\ncontent-length: 3\r\n', 'hi!') },
  { name: 'a length that is no number', bytes: answer('content-length: 2x\r\n', 'hi') },
  { name: 'an unknown transfer-encoding', bytes: answer('transfer-encoding: cow\r\n', 'hi') },
  { name: 'a NUL in a field', bytes: answer('x-a: b\x00c\r\ncontent-length: 2\r\n', 'hi') },
  { name: 'a space before the colon', bytes: answer('x-a : b\r\ncontent-length: 2\r\n', 'hi') },
  { name: 'another protocol', bytes: () => [Buffer.from('220 mail.example ESMTP\r\n')] },
  { name: 'a status of two digits', bytes: answer('content-length: 2\r\n', 'hi', 'HTTP/1.1 20 OK') },
  { name: 'a status that is no number', bytes: answer('content-length: 2\r\n', 'hi', 'HTTP/1.1 abc OK') },
  { name: 'a status of 600', bytes: answer('content-length: 2\r\n', 'hi', 'HTTP/1.1 600 Odd') },
  { name: 'a head of 100 KB', bytes: answer(`x-a: ${'a'.repeat(100_000)}\r\ncontent-length: 2\r\n`, 'hi') },
  { name: 'more fields than may be', bytes: answer(`${Array.from({ length: 150 }, (_, i) => `x-${i}: 1\r\n`).join('')}content-length: 2\r\n`, 'hi') },
  { name: 'a bad chunk size', bytes: answer('transfer-encoding: chunked\r\n', 'zz\r\nhi\r\n0\r\n\r\n') },
  { name: 'an answer and then another one that nobody asked for', bytes: answer('content-length: 2\r\n', 'hiHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n') },
  { name: 'a switch of protocols that nobody asked for', bytes: answer('upgrade: x\r\nconnection: upgrade\r\n', 'bytes', 'HTTP/1.1 101 Switching Protocols') },
  { name: 'HTTP/2.0 in the status line', bytes: answer('content-length: 2\r\n', 'hi', 'HTTP/2.0 200 OK') },
  { name: 'a bare LF', bytes: () => [Buffer.from('HTTP/1.1 200 OK\ncontent-length: 2\n\nhi')] },
  { name: 'a folded field', bytes: answer('x-a: b\r\n c\r\ncontent-length: 2\r\n', 'hi') },
  { name: 'a whole answer before the request has ended', method: 'POST', bytes: answer('content-length: 2\r\n', 'hi') },
];

const http1Server = ({ bytes }: Case): Server => createServer((socket: Socket) => void socket.on('error', () => {}).once('data', () => socket.write(Buffer.concat(bytes(0)))));

function http2Server({ bytes }: Case): Server {
  return createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.write(settingsFrame([]));
    const reader = new FrameReader({
      onFrame: (type, _flags, streamId) => void (type === FrameType.Headers && socket.write(Buffer.concat(bytes(streamId)))),
      onDataHead() {}, onDataPiece() {}, onDataEnd() {}, onFrameError() {},
    });
    let skip = PREFACE.length;
    socket.on('data', (part: Buffer) => {
      const from = Math.min(skip, part.length);
      skip -= from;
      if (from < part.length) reader.feed(part.subarray(from), 0);
    });
  });
}

/** Where we mean to differ. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'HTTP/2: a status of 600': 'RFC 9110 §15: no such status; Envoy passes it on',
  'HTTP/1: a status of 600': 'the same',
  'HTTP/1: a bad chunk size': 'in one read with the head: Envoy has the head on its way already, we give up both',
  'HTTP/1: a switch of protocols that nobody asked for': 'RFC 9110 §15.2.2: nothing that follows can be told from an answer; Envoy passes it on',
  'HTTP/1: HTTP/2.0 in the status line': 'RFC 9112 §2.3: no such version on such a line; Envoy reads it as 1.1',
  'HTTP/1: a bare LF': 'two readers can see two messages (RFC 9112 §2.2 lets a recipient refuse); Envoy takes it',
  'HTTP/1: a folded field': 'as in requests; Envoy joins the lines',
};

interface Upstream {
  readonly name: string;
  readonly each: Case;
  readonly server: Server;
  readonly cluster: object;
}

const OVER_HTTP2 = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } }) } };
const UPSTREAMS: readonly Upstream[] = [
  ...HTTP2.map((each) => ({ name: `HTTP/2: ${each.name}`, each, server: http2Server(each), cluster: OVER_HTTP2 })),
  ...HTTP1.map((each) => ({ name: `HTTP/1: ${each.name}`, each, server: http1Server(each), cluster: {} })),
];
const ENVOY_PORTS = 23_600;
const LATEEN_PORTS = 24_600;
const LOG_FORMAT = { flags: '%RESPONSE_FLAGS%', details: '%RESPONSE_CODE_DETAILS%', code: '%RESPONSE_CODE%', id: '%REQ(X-SCENARIO)%' };

interface Told {
  readonly status: number;
  readonly body: string;
  readonly flags: string;
  readonly details: string;
}

async function observe(proxy: { process: ServerProcess; port: number; name: string }, { method = 'GET' }: Case, i: number): Promise<Told> {
  const id = `${proxy.name}-${i}`;
  const { status, body } = await sendRaw(proxy.port + i, `${method} / HTTP/1.1\r\nhost: x\r\nx-scenario: ${id}\r\n${method === 'POST' ? 'content-length: 1000\r\n' : ''}\r\n`);
  return eventually(() => {
    const line = proxy.process.output().split('\n').find((text) => text.includes(`"${id}"`));
    assert.ok(line, `an access-log line of ${id}`);
    const { flags, details } = JSON.parse(line.slice(line.indexOf('{'))) as { flags: string | null; details: string };
    return { status, body, flags: flags ?? '-', details };
  }, { timeoutMs: 4000 });
}

test('upstreams that break the protocol are told of as by Envoy', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-broken-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const ports: number[] = [];
  for (const { server } of UPSTREAMS) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // A TCP server's address is never a path.
    ports.push((server.address() as AddressInfo).port);
    t.after(() => server.close());
  }
  const resources = (listen: number, log: Record<string, unknown>[]) => {
    const made = resourcesOf(UPSTREAMS.map(({ name, cluster }) => ({ name, cluster: { ...cluster } })), { listen, up: 1, closed: 1 }, log);
    return { listeners: made.listeners, clusters: made.clusters.map((cluster, i) => JSON.parse(JSON.stringify(cluster).replace('"port_value":1', `"port_value":${ports[i]}`)) as object) };
  };
  await bundleStaticProxy();
  process.env['LOG_OUTCOMES'] = '1';
  const lateen = await startStaticProxy(home, resources(LATEEN_PORTS, []), LATEEN_PORTS);
  t.after(() => lateen.stop());
  const envoy = await startEnvoy(home, resources(ENVOY_PORTS, [{ name: 'log', typed_config: typed('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { log_format: { json_format: LOG_FORMAT } }) }]), ENVOY_PORTS, 95);
  t.after(() => envoy.stop());
  const flags = new Set<string>();
  for (const [i, { name, each }] of UPSTREAMS.entries()) {
    await t.test(name, async () => {
      const theirs = await observe({ process: envoy, port: ENVOY_PORTS, name: 'envoy' }, each, i);
      const ours = await observe({ process: lateen, port: LATEEN_PORTS, name: 'lateen' }, each, i);
      flags.add(theirs.flags).add(ours.flags);
      const difference = DIFFERENCES[name];
      if (difference) assert.notDeepEqual(ours, theirs, `no longer differs; remove it from the list: ${difference}`);
      else assert.deepEqual(ours, theirs);
    });
  }
  await t.test('nothing that an upstream says makes LR of it', () => assert.deepEqual([...flags].toSorted(), ['-', 'UPE', 'UR']));
});
