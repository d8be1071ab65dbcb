/** What a harmful upstream can do to others: nothing. Its bytes become one answer to one request, or a 502/503, and what is left over of them
 * is never taken for the answer to somebody else. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from '../../src/proxy/testkit/proxy.ts';
import { exchange, type Reply } from './raw-exchange.ts';
import { llhttpCases } from './llhttp-suite.ts';

interface ResponseCase {
  readonly name: string;
  readonly bytes: string;
  readonly request?: string;
  /** Final status that the client sees; `broken`: the connection ends, with a head of 200 or without. */
  readonly status: number | 'broken';
  readonly body?: string;
  /** The upstream goes on to say nothing; otherwise it closes. */
  readonly open?: true;
}

const head = (fields: string, body = '', line = 'HTTP/1.1 200 OK') => `${line}\r\n${fields}\r\n${body}`;
const REFUSED = 502;
const QUIET_MS = 100;

const CASES: readonly ResponseCase[] = [
  { name: 'an answer', bytes: head('Content-Length: 2\r\n', 'hi'), status: 200, body: 'hi', open: true },
  { name: 'an answer that ends with the connection', bytes: head('', 'hi'), status: 200, body: 'hi' },
  { name: 'Content-Length and Transfer-Encoding', bytes: head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\n\r\n'), status: REFUSED, open: true },
  { name: 'two Content-Lengths', bytes: head('Content-Length: 2\r\nContent-Length: 3\r\n', 'hi!'), status: REFUSED, open: true },
  { name: 'a Content-Length that is no number', bytes: head('Content-Length: 2x\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'an unknown Transfer-Encoding', bytes: head('Transfer-Encoding: cow\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'a bare LF in the head', bytes: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nhi', status: REFUSED, open: true },
  { name: 'a bare CR in a field', bytes: head('X-A: b\rSet-Cookie: c\r\nContent-Length: 2\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'a NUL in a field', bytes: head('X-A: b\x00c\r\nContent-Length: 2\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'a folded field', bytes: head('X-A: b\r\n c\r\nContent-Length: 2\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'a space before the colon', bytes: head('X-A : b\r\nContent-Length: 2\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'HTTP/0.9', bytes: 'hello\r\n', status: REFUSED },
  { name: 'another protocol', bytes: '220 mail.example ESMTP\r\n', status: REFUSED, open: true },
  { name: 'a status of two digits', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 20 OK'), status: REFUSED, open: true },
  { name: 'a status of 099', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 099 Odd'), status: REFUSED, open: true },
  { name: 'a status that is no number', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 abc OK'), status: REFUSED, open: true },
  { name: 'a control character in the reason', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 200 O\x01K'), status: REFUSED, open: true },
  { name: 'HTTP/2.0 in the status line', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/2.0 200 OK'), status: REFUSED, open: true },
  { name: 'a head of 100 KB', bytes: head(`X-A: ${'a'.repeat(100_000)}\r\nContent-Length: 2\r\n`, 'hi'), status: REFUSED, open: true },
  { name: '10,000 fields', bytes: head(`${'x: y\r\n'.repeat(10_000)}Content-Length: 2\r\n`, 'hi'), status: REFUSED, open: true },
  { name: 'a bad chunk size after the head', bytes: head('Transfer-Encoding: chunked\r\n', 'zz\r\nhi\r\n0\r\n\r\n'), status: 'broken', open: true },
  { name: 'a body shorter than it says', bytes: head('Content-Length: 5\r\n', 'hi'), status: 'broken' },
  { name: 'a 204 with a body', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 204 No Content'), status: 204, body: '', open: true },
  { name: 'a 304 with a body', bytes: head('Content-Length: 2\r\n', 'hi', 'HTTP/1.1 304 Not Modified'), status: 304, body: '', open: true },
  { name: 'an answer to HEAD with a body', request: 'HEAD', bytes: head('Content-Length: 2\r\n', 'hi'), status: 200, body: '', open: true },
  { name: 'a switch of protocols that nobody asked for', bytes: head('Upgrade: x\r\nConnection: upgrade\r\n', 'bytes', 'HTTP/1.1 101 Switching Protocols'), status: REFUSED, open: true },
  { name: 'a flood of interim answers', bytes: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000) + head('Content-Length: 2\r\n', 'hi'), status: REFUSED, open: true },
  { name: 'interim answers with 100 KB of fields', bytes: `HTTP/1.1 103 Early Hints\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n${head('Content-Length: 2\r\n', 'hi')}`, status: REFUSED, open: true },
  { name: 'fields that mean the connection do not travel', bytes: head('Connection: x-secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=1\r\nProxy-Connection: a\r\nContent-Length: 2\r\n', 'hi'), status: 200, body: 'hi', open: true },
];

/** Sends the same bytes to whoever asks, and counts who does. */
async function upstreamOf(t: TestContext, bytes: Buffer, isOpen: boolean): Promise<{ port: number; connections: () => number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      if (isOpen) socket.write(bytes);
      else socket.end(bytes);
      // A second request on this connection gets an answer that must not be seen by the first.
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // A TCP server's address is never a path.
  return { port: (server.address() as AddressInfo).port, connections: () => sockets.length };
}

const isAnswered = ({ statuses }: Reply): boolean => statuses.some((status) => status >= 200);

async function ask(t: TestContext, bytes: Buffer, options: { open: boolean; request: string; isEnough?: (reply: Reply) => boolean }) {
  const upstream = await upstreamOf(t, bytes, options.open);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream.port])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const request = Buffer.from(`${options.request} / HTTP/1.1\r\nHost: a\r\n\r\n`);
  const reply = await exchange(await proxy.port(), request, QUIET_MS, { isEnough: options.isEnough ?? isAnswered });
  return { reply, proxy, request, upstream };
}

function bodyOf(text: string): string {
  const end = text.lastIndexOf('\r\n\r\n', text.endsWith('\r\n0\r\n\r\n') ? text.length - 8 : undefined);
  const body = text.slice(end + 4);
  return text.includes('transfer-encoding: chunked') ? body.replaceAll(/(^|\r\n)[0-9a-f]+\r\n|\r\n$/g, '') : body;
}

for (const one of CASES) {
  test(`an upstream sends ${one.name}`, async (t) => {
    const isEnough = (now: Reply) => one.status !== 'broken' && isAnswered(now) && (one.body === undefined || bodyOf(now.text) === one.body);
    const { reply, proxy, request } = await ask(t, Buffer.from(one.bytes, 'latin1'), { open: one.open === true, request: one.request ?? 'GET', isEnough });
    const final = reply.statuses.filter((status) => status >= 200);
    if (one.status === 'broken') {
      assert.ok(reply.closed && final.every((status) => status === 200), reply.text);
      assert.doesNotMatch(reply.text, /\r\n0\r\n\r\n$/, 'it does not look complete');
    } else assert.deepEqual(final, [one.status]);
    assert.ok(reply.statuses.length <= 101, `${reply.statuses.length} interim answers`);
    if (one.body !== undefined) assert.equal(bodyOf(reply.text), one.body);
    assert.doesNotMatch(reply.text, /x-secret|keep-alive: timeout|set-cookie/i);
    // Whoever comes next gets an answer of its own.
    const next = await exchange(await proxy.port(), request, QUIET_MS);
    assert.ok(next.statuses.filter((status) => status >= 200).length <= 1, next.text);
  });
}

test('bytes after an answer are not the answer to the next request', async (t) => {
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  const { proxy, request, upstream } = await ask(t, bytes, { open: true, request: 'GET' });
  const next = await exchange(await proxy.port(), request, QUIET_MS, { isEnough: ({ text }) => text.endsWith('hi') });
  assert.match(next.text, /\r\n\r\nhi$/);
  assert.equal(upstream.connections(), 2, 'the connection that said too much is not used again');
});

test('answers out of the suite of Node’s parser never come out as two', { skip: llhttpCases('response').length > 0 ? false : 'the suite is not beside the repository' }, async (t) => {
  for (const { name, bytes } of llhttpCases('response')) {
    await t.test(name, async (t) => {
      const { reply } = await ask(t, bytes, { open: false, request: 'GET', isEnough: ({ text }) => text !== '' });
      // Each answer that leaves the proxy names it once.
      assert.ok(reply.text.split('server: envoy').length <= 2 && reply.text.length > 0, reply.text);
    });
  }
});
