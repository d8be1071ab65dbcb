/** Request streams that different readers might frame differently: hand-written ones, and combinations of tricks by a seeded generator. */
import { randomFrom } from '../fuzz/target.ts';

const LINE_ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\n\r\n', ' \r\n', '\t\r\n'];
const LENGTH_NAMES = ['Content-Length', 'content-length', 'Content-Length ', 'Content_Length', 'Content-Length\t', '\tContent-Length', 'Content-Length\x00', 'X-A: b\r\nContent-Length'];
const LENGTHS = ['5', '05', '+5', '5 ', ' 5', '5,5', '5, 6', '0', '0x5', '5\x0b', '5\x00', '1', '3', '50', '', '\t5', '5;a'];
const CODING_NAMES = ['Transfer-Encoding', 'transfer-encoding', 'Transfer-Encoding ', 'Transfer_Encoding', 'X-A: b\nTransfer-Encoding', 'Transfer-Encoding:\r\n ', ' Transfer-Encoding', 'Transfer-Encoding\x0b', 'TE'];
const CODINGS = ['chunked', 'Chunked', 'chunked ', ' chunked', '\tchunked', 'xchunked', 'chunked, identity', 'identity, chunked', 'identity', 'chunked;', '"chunked"', 'chunked\x0b', 'chunked,', 'gzip, chunked', 'cow', ''];
const BODIES = ['hello', '5\r\nhello\r\n0\r\n\r\n', '5;a=b\r\nhello\r\n0\r\n\r\n', '5\nhello\n0\n\n', '0\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n00\r\n\r\n', '5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n', '5;\nhello\r\n0\r\n\r\n', ''];
const METHODS = ['POST', 'POST', 'GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.01', 'http/1.1'];
const EXTRAS = ['Connection: keep-alive', 'Connection: close', 'Connection: content-length', 'Connection: transfer-encoding', 'Expect: 100-continue', 'X-A: b', 'X-A: b\r\n c', 'Upgrade: h2c', 'Host: b', ''];

/** @returns the stream without the request that is appended to see where it ends */
export function* framingInputs(count: number, seed: number): Iterable<Buffer> {
  const random = randomFrom(seed);
  // The lists are not empty.
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  for (let i = 0; i < count; i++) {
    // One thing is odd, seldom two: with more of them everybody refuses.
    const odd = new Set([random(8), random(3) === 0 ? random(8) : -1]);
    const usually = (part: number, usual: string, others: readonly string[]) => (odd.has(part) ? pick(others) : usual);
    const coding = random(2) === 0;
    const both = odd.has(0);
    const fields = ['Host: a'];
    if (coding || both) fields.push(`${usually(1, 'Transfer-Encoding', CODING_NAMES)}: ${usually(2, 'chunked', CODINGS)}`);
    if (!coding || both) fields.push(`${usually(3, 'Content-Length', LENGTH_NAMES)}: ${usually(4, '5', LENGTHS)}`);
    if (odd.has(5)) fields.push(pick(EXTRAS));
    if (random(2) === 0) fields.reverse();
    const method = usually(6, 'POST', METHODS);
    const oddLine = odd.has(7) ? random(fields.length + 2) : -1;
    const end = (line: number) => (line === oddLine ? pick(LINE_ENDS) : '\r\n');
    const head = [`${method} /${i} ${random(16) === 0 ? pick(VERSIONS) : 'HTTP/1.1'}`, ...fields].map((line, at) => line + end(at)).join('');
    const body = random(4) === 0 ? pick(BODIES) : coding ? '5\r\nhello\r\n0\r\n\r\n' : 'hello';
    yield Buffer.from(head + end(fields.length + 1) + body, 'latin1');
  }
}
