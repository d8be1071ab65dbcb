import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestParser, ResponseParser } from './parser.ts';

function read(bytes: string, cut: number, limits = { maxHeadBytes: 1000, maxHeaders: 20 }): string[] {
  const events: string[] = [];
  let body = '';
  const flush = (): void => {
    if (body !== '') events.push(`body ${body}`);
    body = '';
  };
  const parser: RequestParser = new RequestParser(
    {
      onHead: ({ head }) => events.push(`head ${head.method} ${head.path}${head.bodyLength === 0 ? ' .' : ''}`),
      onData(chunk, end) {
        body += chunk.toString('latin1');
        if (end) {
          flush();
          events.push('end');
        }
      },
      onEnd(trailers) {
        flush();
        events.push(`end${trailers ? ` ${[...trailers].map((pair) => pair.join('=')).join('&')}` : ''}`);
      },
      onError(error) {
        flush();
        events.push(`error ${error.status}`);
      },
    },
    limits,
  );
  const whole = Buffer.from(bytes.replaceAll('\n', '\r\n'), 'latin1');
  for (let pos = 0; pos < whole.length; pos += cut) parser.feed(whole.subarray(pos, pos + cut));
  flush();
  return events;
}

const CASES: readonly (readonly [name: string, bytes: string, want: readonly string[]])[] = [
  ['two requests in a row', 'GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n', ['head GET /a .', 'head GET /b .']],
  ['empty lines before a request', '\n\nGET /a HTTP/1.1\nHost: x\n\n', ['head GET /a .']],
  ['a body with a length, then a request', 'POST /a HTTP/1.1\nHost: x\nContent-Length: 5\n\nhelloGET /b HTTP/1.1\nHost: x\n\n', ['head POST /a', 'body hello', 'end', 'head GET /b .']],
  ['a chunked body', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\nA;x="y"\n0123456789\n0\n\n', ['head POST /a', 'body abc0123456789', 'end']],
  ['an empty chunked body', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\nGET /b HTTP/1.1\nHost: x\n\n', ['head POST /a', 'end', 'head GET /b .']],
  ['trailers', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n1\na\n0\nX-Sum: 1\nY: 2\n\n', ['head POST /a', 'body a', 'end x-sum=1&y=2']],
  ['a chunk size that is no number', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nxyz\nabc\n', ['head POST /a', 'error 400']],
  ['a chunk size with a space', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3 \nabc\n', ['head POST /a', 'error 400']],
  ['a chunk line that does not end', `POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3;${'x'.repeat(5000)}\nabc\n`, ['head POST /a', 'error 400']],
  ['a negative chunk size', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n-1\nabc\n', ['head POST /a', 'error 400']],
  ['a chunk longer than its size', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabcdef\n', ['head POST /a', 'body abc', 'error 400']],
  ['framing fields in trailers', 'POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\nContent-Length: 5\n\n', ['head POST /a', 'error 400']],
  ['too many fields', `GET / HTTP/1.1\nHost: x\n${'A: b\n'.repeat(20)}\n`, ['error 431']],
  ['a head that is too long', `GET / HTTP/1.1\nHost: x\nA: ${'b'.repeat(1000)}\n\n`, ['error 431']],
];

for (const [name, bytes, want] of CASES) {
  test(`however the bytes are cut, the reading is the same: ${name}`, () => {
    for (const cut of [1, 2, 3, 7, 64, 100_000]) assert.deepEqual(read(bytes, cut), want, `in pieces of ${cut}`);
  });
}

test('a bare line feed is refused at once, not waited on', () => {
  const events: number[] = [];
  const parser = new RequestParser({ onHead() {}, onData() {}, onEnd() {}, onError: (error) => events.push(error.status) });
  parser.feed(Buffer.from('GET / HTTP/1.1\nHost: x\n\n'));
  assert.deepEqual(events, [400]);
});

test('a stopped parser keeps the bytes until it may go on', () => {
  const heads: string[] = [];
  const parser = new RequestParser({ onHead: ({ head }) => void (heads.push(head.path), parser.stop()), onData() {}, onEnd() {}, onError: () => assert.fail() });
  parser.feed(Buffer.from('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3'));
  assert.deepEqual(heads, ['/1']);
  parser.proceed();
  assert.deepEqual(heads, ['/1', '/2']);
  parser.feed(Buffer.from(' HTTP/1.1\r\nHost: x\r\n\r\n'));
  parser.proceed();
  assert.deepEqual(heads, ['/1', '/2', '/3']);
});

test('a response without a length ends with its connection', () => {
  const events: string[] = [];
  const parser = new ResponseParser({ onHead() {}, onData: (chunk) => events.push(chunk.toString()), onEnd: () => events.push('end'), onError: () => assert.fail() });
  parser.feed(Buffer.from('HTTP/1.1 200 OK\r\n\r\nabc'));
  parser.feed(Buffer.from('def'));
  parser.finish();
  assert.deepEqual(events, ['abc', 'def', 'end']);
});

test('a response cut short is an error', () => {
  let failed = 0;
  const parser = new ResponseParser({ onHead() {}, onData() {}, onEnd() {}, onError: () => failed++ });
  parser.feed(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'));
  parser.finish();
  assert.equal(failed, 1);
});

test('what was discarded is not kept, and nothing is read any more', () => {
  const heads: string[] = [];
  const parser = new RequestParser({ onHead: ({ head }) => heads.push(head.path), onData() {}, onEnd() {}, onError: () => assert.fail() });
  parser.feed(Buffer.from('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HT'));
  parser.discard();
  parser.feed(Buffer.from('TP/1.1\r\nHost: x\r\n\r\n'));
  parser.proceed();
  assert.deepEqual(heads, ['/1']);
  assert.ok(parser.idle);
});
