/** Header blocks between our flat form and node:http2's objects. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { Headers } from '../headers.ts';

/** Fields that mean a connection and do not exist in HTTP/2. RFC 9113 §8.2.2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host']);

/** Ordinary fields; pseudo headers are left to the caller. */
export function fromHttp2(received: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received)) {
    if (name.charCodeAt(0) === 0x3a || value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) headers.list.push(name, one, name);
    else headers.list.push(name, value, name);
  }
  return headers;
}

/** Adds the fields to `target`; repeated ones become arrays. */
export function toHttp2(headers: Headers, target: OutgoingHttpHeaders): void {
  const { list } = headers;
  for (let i = 0; i < list.length; i += 3) {
    const name = list[i] ?? '';
    const value = list[i + 1] ?? '';
    if (CONNECTION_FIELDS.has(name)) continue;
    const present = target[name];
    if (present === undefined) target[name] = value;
    else if (Array.isArray(present)) present.push(value);
    else target[name] = SINGLE_VALUE.has(name) ? value : [String(present), value];
  }
}

/** node:http2 refuses repetition of these; the last one wins. */
const SINGLE_VALUE: ReadonlySet<string> = new Set([
  'content-length', 'content-type', 'authorization', 'etag', 'expires', 'from', 'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'referer',
  'retry-after', 'user-agent', 'date', 'age', 'te', 'access-control-allow-credentials', 'access-control-max-age', 'access-control-request-method', 'content-encoding', 'content-language', 'content-location',
  'content-md5', 'content-range', 'dnt', 'proxy-authorization', 'range', 'sec-websocket-key', 'tk', 'upgrade-insecure-requests', 'x-content-type-options', 'if-match', 'if-none-match', 'if-range', 'host',
]);
