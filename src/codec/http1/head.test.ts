import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Headers } from '../headers.ts';
import { type NameMemo, parseRequestHead, parseResponseHead } from './head.ts';

const request = (text: string) => parseRequestHead(text.replaceAll('\n', '\r\n'), 100);
const response = (text: string, method = 'GET') => parseResponseHead(text.replaceAll('\n', '\r\n'), method, 100);

for (const [name, text, want] of [
  ['origin form', 'GET /a?b HTTP/1.1\nHost: x\n', { path: '/a?b', authority: 'x', scheme: '', bodyLength: 0 }],
  ['absolute form overrides Host', 'GET http://y:81/z HTTP/1.1\nHost: x\n', { path: '/z', authority: 'y:81', scheme: 'http', bodyLength: 0 }],
  ['absolute form without path', 'GET http://y HTTP/1.1\nHost: x\n', { path: '/', authority: 'y', scheme: 'http', bodyLength: 0 }],
  ['asterisk form', 'OPTIONS * HTTP/1.1\nHost: x\n', { path: '*', authority: 'x', scheme: '', bodyLength: 0 }],
  ['authority form', 'CONNECT h:443 HTTP/1.1\nHost: h\n', { path: '', authority: 'h:443', scheme: '', bodyLength: 0 }],
  ['content length', 'POST / HTTP/1.1\nHost: x\nContent-Length: 12\n', { path: '/', authority: 'x', scheme: '', bodyLength: 12 }],
  ['chunked', 'POST / HTTP/1.1\nHost: x\nTransfer-Encoding: Chunked\n', { path: '/', authority: 'x', scheme: '', bodyLength: -1 }],
  ['unknown method', 'PURGE / HTTP/1.1\nHost: x\n', { path: '/', authority: 'x', scheme: '', bodyLength: 0 }],
] as const) {
  test(`a request head in good form is read: ${name}`, () => {
    const parsed = request(text);
    assert.ok('head' in parsed, JSON.stringify(parsed));
    const { path, authority, scheme, bodyLength } = parsed.head;
    assert.deepEqual({ path, authority, scheme, bodyLength }, want);
  });
}

for (const [name, text, status] of [
  ['length and chunked together', 'POST / HTTP/1.1\nHost: x\nContent-Length: 1\nTransfer-Encoding: chunked\n', 400],
  ['two lengths', 'POST / HTTP/1.1\nHost: x\nContent-Length: 1\nContent-Length: 1\n', 400],
  ['a list of lengths', 'POST / HTTP/1.1\nHost: x\nContent-Length: 1, 1\n', 400],
  ['a signed length', 'POST / HTTP/1.1\nHost: x\nContent-Length: +1\n', 400],
  ['an empty length', 'POST / HTTP/1.1\nHost: x\nContent-Length:\n', 400],
  ['a length beyond integers', 'POST / HTTP/1.1\nHost: x\nContent-Length: 99999999999999999999\n', 400],
  ['chunked twice', 'POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked, chunked\n', 400],
  ['chunked that is not last', 'POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked, identity\n', 400],
  ['another coding', 'POST / HTTP/1.1\nHost: x\nTransfer-Encoding: gzip\n', 501],
  ['chunked in HTTP/1.0', 'POST / HTTP/1.0\nHost: x\nTransfer-Encoding: chunked\n', 400],
  ['a space before the colon', 'GET / HTTP/1.1\nHost : x\n', 400],
  ['a folded line', 'GET / HTTP/1.1\nHost: x\nA: b\n c\n', 400],
  ['a NUL in a value', 'GET / HTTP/1.1\nHost: x\nA: b\0c\n', 400],
  ['an empty name', 'GET / HTTP/1.1\nHost: x\n: v\n', 400],
  ['a bare CR in a value', 'GET / HTTP/1.1\nHost: x\nA: b\rc\n', 400],
  ['two hosts', 'GET / HTTP/1.1\nHost: x\nHost: x\n', 400],
  ['a host with a user', 'GET / HTTP/1.1\nHost: a@b\n', 400],
  ['a host with a path', 'GET / HTTP/1.1\nHost: a/b\n', 400],
  ['a fragment in the target', 'GET /a#b HTTP/1.1\nHost: x\n', 400],
  ['a target that is not a path', 'GET a HTTP/1.1\nHost: x\n', 400],
  ['two spaces in the request line', 'GET  / HTTP/1.1\nHost: x\n', 400],
  ['a lower-case version', 'GET / http/1.1\nHost: x\n', 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\nHost: x\n', 400],
  ['HTTP/0.9', 'GET /\n', 400],
  ['an unknown expectation', 'GET / HTTP/1.1\nHost: x\nExpect: miracle\n', 417],
] as const) {
  test(`an ambiguous request head is refused: ${name}`, () => {
    const parsed = request(text);
    assert.ok('details' in parsed, JSON.stringify(parsed));
    assert.equal(parsed.status, status);
  });
}

test('fields of this hop are not passed on, and neither are those that Connection names', () => {
  const parsed = request('GET / HTTP/1.1\nHost: x\nConnection: close, X-Mine\nX-Mine: 1\nKeep-Alive: 5\nTE: gzip\nX-Yours: 2\n');
  assert.ok('head' in parsed);
  assert.deepEqual([...parsed.head.headers], [['x-yours', '2']]);
  assert.equal(parsed.keepAlive, false);
});

test('names keep their spelling on the way out and are found in lower case', () => {
  const parsed = request('GET / HTTP/1.1\nhOST: x\nX-CamelCase:  v \t\n');
  assert.ok('head' in parsed);
  assert.equal(parsed.head.headers.get('x-camelcase'), 'v');
  assert.equal(parsed.head.headers.serialize(), 'X-CamelCase: v\r\n');
});

for (const [name, change, written] of [
  ['as it came', () => undefined, 'X-One: 1\r\nX-Long: a longer value, with  spaces\r\nX-Odd: v\r\nX-None: \r\n'],
  ['with another value', (headers) => headers.set('x-long', 'short'), 'X-One: 1\r\nX-Long: short\r\nX-Odd: v\r\nX-None: \r\n'],
  ['with another value, and then the one it had', (headers) => (headers.set('x-one', '2'), headers.set('x-one', '1')), 'X-One: 1\r\nX-Long: a longer value, with  spaces\r\nX-Odd: v\r\nX-None: \r\n'],
  ['without one before it', (headers) => headers.remove('x-one'), 'X-Long: a longer value, with  spaces\r\nX-Odd: v\r\nX-None: \r\n'],
  ['from a copy', (headers) => headers.clone().set('x-long', 'of the copy'), 'X-One: 1\r\nX-Long: a longer value, with  spaces\r\nX-Odd: v\r\nX-None: \r\n'],
] as const satisfies readonly (readonly [string, (headers: Headers) => unknown, string])[]) {
  test(`a field that was read is written ${name}`, () => {
    for (const memo of [undefined, [], [{ lower: 'x-one', written: 'X-One', isHeeded: false }, { lower: 'x-long', written: 'X-Long', isHeeded: false }]]) {
      const parsed = parseRequestHead('GET / HTTP/1.1\r\nX-One: 1\r\nX-Long: a longer value, with  spaces\r\nX-Odd:\tv \t\r\nX-None: \r\n', 100, memo);
      assert.ok('head' in parsed);
      change(parsed.head.headers);
      assert.equal(parsed.head.headers.serialize(), written);
    }
  });
}

test('a memo of names does not change what is read', () => {
  const memo: NameMemo = [];
  const texts = ['GET / HTTP/1.1\nHost: x\nA: 1\nB: 2\n', 'GET / HTTP/1.1\nHost: x\nAB: 1\nB: 2\nC: 3\n', 'GET / HTTP/1.1\nHost: x\nA: 1\nB: 2\n', 'GET / HTTP/1.1\nA: 1\nHost: x\n'].map((text) => text.replaceAll('\n', '\r\n'));
  for (const text of [...texts, ...texts]) assert.deepEqual(parseRequestHead(text, 100, memo), parseRequestHead(text, 100));
});

for (const [name, text, method, want] of [
  ['with a length', 'HTTP/1.1 200 OK\nContent-Length: 5\n', 'GET', { bodyLength: 5, keepAlive: true }],
  ['to HEAD there is no body', 'HTTP/1.1 200 OK\nContent-Length: 5\n', 'HEAD', { bodyLength: 0, keepAlive: true }],
  ['204 has no body', 'HTTP/1.1 204 No Content\n', 'GET', { bodyLength: 0, keepAlive: true }],
  ['304 has no body', 'HTTP/1.1 304 Not Modified\nContent-Length: 5\n', 'GET', { bodyLength: 0, keepAlive: true }],
  ['without a length it ends with the connection', 'HTTP/1.1 200 OK\n', 'GET', { bodyLength: -1, keepAlive: false }],
  ['chunked', 'HTTP/1.1 200\nTransfer-Encoding: chunked\n', 'GET', { bodyLength: -1, keepAlive: true }],
  ['HTTP/1.0 closes unless told', 'HTTP/1.0 200 OK\nContent-Length: 1\n', 'GET', { bodyLength: 1, keepAlive: false }],
  ['HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 1\n', 'GET', { bodyLength: 1, keepAlive: true }],
] as const) {
  test(`a response ends as it says: ${name}`, () => {
    const parsed = response(text, method);
    assert.ok('head' in parsed, JSON.stringify(parsed));
    assert.deepEqual({ bodyLength: parsed.head.bodyLength, keepAlive: parsed.keepAlive }, want);
  });
}

for (const text of ['HTTP/1.1 99 Low\n', 'HTTP/1.1 2000 X\n', 'HTTP/1.1 20a X\n', 'HTTP/2 200 X\n', 'ICY 200 OK\n', 'HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n']) {
  test(`an unreadable response head is refused: ${JSON.stringify(text)}`, () => assert.ok('details' in response(text)));
}
