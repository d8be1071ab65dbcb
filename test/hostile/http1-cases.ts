/** Bytes that mean harm, or are merely wrong, and what must become of them. `{end}` marks where the client's own idea of the message ends:
 * a request that follows it is another one. */

/** Statuses that a client may be told; `close` stands for an end without an answer. */
export type Verdict = 'ok' | 'refused' | 'close' | 400 | 413 | 426 | 431 | 501 | 505;

export interface Http1Case {
  readonly name: string;
  readonly bytes: string;
  readonly verdict: Verdict;
  /** `METHOD path body` of each request that the upstream may see; default: none when refused. */
  readonly reaches?: readonly string[];
}

const get = (headers: string, path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const post = (headers: string, body = '', path = '/') => `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
const chunked = (body: string, more = '') => post(`Transfer-Encoding: chunked\r\n${more}`, body);
/** What an attacker would want to see answered as a request of its own. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const TE = 'Transfer-Encoding: chunked\r\n';

export const HTTP1_CASES: readonly Http1Case[] = [
  // Two ideas of where a body ends
  { name: 'Content-Length and Transfer-Encoding', bytes: post(`Content-Length: 4\r\n${TE}`, `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'Transfer-Encoding and Content-Length', bytes: post(`${TE}Content-Length: 4\r\n`, `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'Content-Length 0 and Transfer-Encoding', bytes: post(`Content-Length: 0\r\n${TE}`, `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'two different Content-Lengths', bytes: post('Content-Length: 0\r\nContent-Length: 38\r\n', SMUGGLED), verdict: 400 },
  { name: 'two equal Content-Lengths', bytes: post('Content-Length: 2\r\nContent-Length: 2\r\n', 'hi'), verdict: 'refused' },
  { name: 'a list of Content-Lengths', bytes: post('Content-Length: 2, 2\r\n', 'hi'), verdict: 400 },
  ...['+5', '-5', '0x5', '5 5', '5;', '٥', '', ' ', '5e0', '05.0', '99999999999999999999', '18446744073709551621'].map((value): Http1Case => ({ name: `Content-Length ${JSON.stringify(value)}`, bytes: post(`Content-Length: ${value}\r\n`, 'hello'), verdict: 400 })),
  { name: 'a space before the colon of Content-Length', bytes: post('Content-Length : 5\r\n', 'hello'), verdict: 400 },
  { name: 'a tab before the colon of Transfer-Encoding', bytes: post('Transfer-Encoding\t: chunked\r\n', `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'a vertical tab before the value', bytes: post('Transfer-Encoding:\x0bchunked\r\n', `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  ...['xchunked', 'chunked, xchunked', 'identity', 'chunked, identity', 'chunked, chunked', 'gzip, chunked', 'chunked;q=1', '"chunked"', 'chunked,', ',chunked', 'chu\tnked', 'chunked\x00'].map((value): Http1Case => ({ name: `Transfer-Encoding ${JSON.stringify(value)}`, bytes: post(`Transfer-Encoding: ${value}\r\n`, `0\r\n\r\n${SMUGGLED}`), verdict: 'refused' })),
  { name: 'two Transfer-Encodings', bytes: post(`${TE}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'Transfer-Encoding in upper case', bytes: post('TRANSFER-ENCODING: CHUNKED\r\n', '2\r\nhi\r\n0\r\n\r\n'), verdict: 'ok', reaches: ['POST / hi'] },
  { name: 'Transfer-Encoding in HTTP/1.0', bytes: `POST / HTTP/1.0\r\nHost: a\r\n${TE}\r\n0\r\n\r\n${SMUGGLED}`, verdict: 'refused' },
  { name: 'an obs-fold in Transfer-Encoding', bytes: post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'an obs-fold in an ordinary field', bytes: get('X-A: 1\r\n 2\r\n'), verdict: 400 },
  { name: 'a field that begins with a space after the request line', bytes: 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', verdict: 400 },
  { name: 'Transfer-Encoding hidden behind a bare CR', bytes: post(`X-A: b\r${TE}`, `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'Transfer-Encoding hidden behind a bare LF', bytes: post(`X-A: b\n${TE}`, `0\r\n\r\n${SMUGGLED}`), verdict: 400 },
  { name: 'underscores for hyphens', bytes: post('Content_Length: 38\r\n', ''), verdict: 'ok', reaches: ['POST / '] },
  { name: 'GET with a body', bytes: `${get('Content-Length: 5\r\n')}hello`, verdict: 'ok', reaches: ['GET / hello'] },
  { name: 'GET without a length does not take the next request as its body', bytes: get('') + SMUGGLED, verdict: 'ok', reaches: ['GET / ', 'GET /smuggled '] },
  // Chunks
  { name: 'chunks', bytes: chunked('2\r\nhi\r\n3\r\n!!!\r\n0\r\n\r\n'), verdict: 'ok', reaches: ['POST / hi!!!'] },
  { name: 'a chunk size in capitals with zeros before it', bytes: chunked('00A\r\n0123456789\r\n0\r\n\r\n'), verdict: 'ok', reaches: ['POST / 0123456789'] },
  { name: 'a chunk extension', bytes: chunked('2;a=b\r\nhi\r\n0\r\n\r\n'), verdict: 'ok', reaches: ['POST / hi'] },
  { name: 'a bare LF in a chunk extension', bytes: chunked(`2;a\nhi\r\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'a bare CR in a chunk extension', bytes: chunked(`2;a\rb\r\nhi\r\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'a chunk extension without end', bytes: chunked(`2;${'a'.repeat(20_000)}\r\nhi\r\n0\r\n\r\n`), verdict: 'refused' },
  ...['0x2', '-2', '+2', ' 2', '2 ', '2\t', 'g', '', '2h', '2_0', 'fffffffffffffffff', '100000000000000000002'].map((size): Http1Case => ({ name: `a chunk size ${JSON.stringify(size)}`, bytes: chunked(`${size}\r\nhi\r\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' })),
  { name: 'a chunk line that ends with LF', bytes: chunked(`2\nhi\r\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'a chunk that ends with LF', bytes: chunked(`2\r\nhi\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'a chunk longer than its size', bytes: chunked(`2\r\nhiho\r\n0\r\n\r\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'a last chunk that ends with LF', bytes: chunked(`2\r\nhi\r\n0\n\n${SMUGGLED}`), verdict: 'refused' },
  { name: 'trailers', bytes: chunked('2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n'), verdict: 'ok', reaches: ['POST / hi'] },
  ...['Content-Length: 5', 'Transfer-Encoding: chunked', 'Host: b', 'X-A : 1', ': 1', 'X-A: 1\r\n folded', 'X\x00: 1'].map((field): Http1Case => ({ name: `a trailer ${JSON.stringify(field)}`, bytes: chunked(`2\r\nhi\r\n0\r\n${field}\r\n\r\n${SMUGGLED}`), verdict: 'refused' })),
  // The request line
  ...['GET / HTTP/1.1 ', 'GET  / HTTP/1.1', 'GET /  HTTP/1.1', 'GET\t/ HTTP/1.1', ' GET / HTTP/1.1', 'GET / HTTP/1.1\t', 'GET / http/1.1', 'GET / HTTP/1.2', 'GET / HTTP/01.1', 'GET / HTTP/1.1x', 'GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET / HTTP/1,1', 'G ET / HTTP/1.1', 'G(T / HTTP/1.1', 'GÉT / HTTP/1.1', 'GET', 'GET /', 'GET HTTP/1.1', '/ HTTP/1.1', 'GET a HTTP/1.1', 'GET ?a HTTP/1.1', 'GET /a#b HTTP/1.1', 'GET /a\x00b HTTP/1.1', 'GET /a\x7fb HTTP/1.1', 'GET /\xc3\xa9 HTTP/1.1', 'GET * HTTP/1.1', 'GET //a HTTP/1.1\rX: 1', 'PRI * HTTP/2.0x'].map(
    (line): Http1Case => ({ name: `the request line ${JSON.stringify(line)}`, bytes: `${line}\r\nHost: a\r\n\r\n`, verdict: 'refused' }),
  ),
  { name: 'HTTP/0.9', bytes: 'GET /\r\n', verdict: 'refused' },
  { name: 'a request line that ends with LF', bytes: 'GET / HTTP/1.1\nHost: a\r\n\r\n', verdict: 400 },
  { name: 'lines that all end with LF', bytes: 'GET / HTTP/1.1\nHost: a\n\n', verdict: 400 },
  { name: 'empty lines before the request', bytes: `\r\n\r\n${get('')}`, verdict: 'ok', reaches: ['GET / '] },
  { name: 'a bare CR before the request', bytes: `\r${get('')}`, verdict: 400 },
  { name: 'a request line of 100 KB', bytes: `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, verdict: 431 },
  { name: 'a method of 100 KB', bytes: `${'A'.repeat(100_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`, verdict: 'refused' },
  { name: 'TLS on a plain port', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', verdict: 'close' },
  { name: 'HTTP/1.0', bytes: 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', verdict: 426 },
  // Where to
  { name: 'no Host', bytes: 'GET / HTTP/1.1\r\n\r\n', verdict: 400 },
  { name: 'two Hosts', bytes: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', verdict: 400 },
  { name: 'the same Host twice', bytes: 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', verdict: 400 },
  ...['a b', 'a,b', 'a/b', 'user@a', 'a\\b', 'a?b', 'a#b', 'a\x00', 'a\tb'].map((host): Http1Case => ({ name: `Host ${JSON.stringify(host)}`, bytes: `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, verdict: 400 })),
  { name: 'absolute form decides against Host', bytes: 'GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n', verdict: 'ok', reaches: ['GET /x '] },
  { name: 'absolute form with user info', bytes: 'GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n', verdict: 400 },
  { name: 'absolute form of another scheme', bytes: 'GET ftp://b/x HTTP/1.1\r\nHost: a\r\n\r\n', verdict: 400 },
  { name: 'CONNECT without a port', bytes: 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', verdict: 400 },
  { name: 'CONNECT with a path', bytes: 'CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n', verdict: 400 },
  { name: 'CONNECT where nobody asked for tunnels', bytes: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', verdict: 'refused' },
  // Fields
  ...['X\x00A: 1', 'X-A: 1\x002', 'X-A: \x7f', 'X-A: 1\x01', 'X A: 1', ': 1', 'X-A', '(X): 1', 'X-Ä: 1', 'X-A;: 1', 'X-A: 1\rX-B: 2'].map((field): Http1Case => ({ name: `the field ${JSON.stringify(field)}`, bytes: get(`${field}\r\n`), verdict: 400 })),
  { name: 'a value with bytes above ASCII', bytes: get('X-A: \xe4\r\n'), verdict: 'ok', reaches: ['GET / '] },
  { name: 'an empty value', bytes: get('X-A:\r\n'), verdict: 'ok', reaches: ['GET / '] },
  { name: 'a field of 100 KB', bytes: get(`X-A: ${'a'.repeat(100_000)}\r\n`), verdict: 431 },
  { name: '10,000 fields', bytes: get('a: b\r\n'.repeat(10_000)), verdict: 431 },
  { name: '101 fields', bytes: get('a: b\r\n'.repeat(101)), verdict: 431 },
  // Upgrades and expectations
  { name: 'an upgrade to h2c is not followed', bytes: get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'), verdict: 'ok', reaches: ['GET / '] },
  { name: 'an upgrade that is not configured', bytes: get('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n'), verdict: 'refused' },
  { name: 'an expectation that nobody knows', bytes: post('Content-Length: 2\r\nExpect: 200-maybe\r\n', 'hi'), verdict: 'refused' },
  { name: '100-continue with the body at once', bytes: post('Content-Length: 2\r\nExpect: 100-continue\r\n', 'hi'), verdict: 'ok', reaches: ['POST / hi'] },
  { name: 'connection names a field that frames', bytes: post(`Connection: Transfer-Encoding\r\n${TE}`, `2\r\nhi\r\n0\r\n\r\n`), verdict: 'ok', reaches: ['POST / hi'] },
  { name: 'connection names the host', bytes: get('Connection: Host\r\n'), verdict: 'ok', reaches: ['GET / '] },
  { name: 'an HTTP/2 preface and then rubbish', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrubbish rubbish rubbish', verdict: 'close' },
];
