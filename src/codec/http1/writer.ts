/** Serializes HTTP/1.1 heads and body framing. */
import type { Duplex } from 'node:stream';
import type { Headers } from '../headers.ts';
import type { RequestHead } from '../stream.ts';
import { writeHeld } from '../socket/held-writes.ts';
import { writeLent } from '../socket/lent-writes.ts';
import { limitUnsent } from '../socket/unsent-limit.ts';
import { latin1Write } from './latin1.ts';

export const LAST_CHUNK = '0\r\n\r\n';
const MERGE_LIMIT = 16 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue', 101: 'Switching Protocols', 103: 'Early Hints', 200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content',
  205: 'Reset Content', 206: 'Partial Content', 300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified',
  307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed',
  406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required', 412: 'Precondition Failed', 413: 'Payload Too Large',
  414: 'URI Too Long', 415: 'Unsupported Media Type', 417: 'Expectation Failed', 421: 'Misdirected Request', 422: 'Unprocessable Entity', 426: 'Upgrade Required',
  428: 'Precondition Required', 429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 500: 'Internal Server Error', 501: 'Not Implemented',
  502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout', 505: 'HTTP Version Not Supported',
};

export function reasonOf(status: number): string {
  return REASONS[status] ?? 'Unknown';
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
}

/** Methods whose requests have no body as a rule, so that nothing need be said about it. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** @param body `chunked` and `none` are told to the server, where `none` is not what it expects (RFC 9112 §6.3) */
export function requestHeadText(head: RequestHead, body: 'chunked' | 'counted' | 'none'): string {
  const target = head.method === 'CONNECT' ? head.authority : head.path;
  let text = `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${head.headers.serialize()}`;
  if (head.upgrade !== undefined) text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
  if (body === 'chunked') text += 'transfer-encoding: chunked\r\n';
  else if (body === 'none' && !BODILESS.has(head.method) && !head.headers.has('content-length')) text += 'content-length: 0\r\n';
  return `${text}\r\n`;
}

/** The last chunk with its trailer section. */
export function chunkEnd(trailers: Headers | undefined): string {
  return trailers === undefined ? LAST_CHUNK : `0\r\n${trailers.serialize()}\r\n`;
}

/** A piece of a body, with the framing around it. */
export interface BodyPiece {
  /** Head or chunk size; may be empty. */
  readonly before: string;
  /** Only lent. */
  readonly chunk: Buffer;
  readonly after: string;
}

/** Writes it with as few system calls as copying a little allows.
 * @param onTaken called when this returned false, or by the socket's `drain`
 * @returns false when the socket asks to wait */
export function writePiece(socket: Duplex, { before, chunk, after }: BodyPiece, onTaken: () => void): boolean {
  const total = before.length + chunk.length + after.length;
  if (total > MERGE_LIMIT) {
    limitUnsent(socket);
    return writeLent(socket, [text(before), chunk, text(after)].filter((piece) => piece.length > 0), onTaken);
  }
  const merged = Buffer.allocUnsafe(total);
  latin1Write(merged, before, 0);
  merged.set(chunk, before.length);
  if (after !== '') latin1Write(merged, after, before.length + chunk.length);
  return writeHeld(socket, merged);
}

const text = (content: string): Buffer => Buffer.from(content, 'latin1');
