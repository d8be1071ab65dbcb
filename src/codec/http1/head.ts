/** Parses one HTTP/1 message head. Strict: whatever two implementations could read differently is an error. RFC 9110, RFC 9112. */
import { Headers, lowerName } from '../headers.ts';
import type { RequestHead, ResponseHead } from '../stream.ts';
import { CLASS, FIELD, TARGET, TOKEN } from './chars.ts';

/** Why a message was refused. `details` are Envoy's RESPONSE_CODE_DETAILS. */
export interface HeadError {
  readonly status: number;
  readonly details: string;
  /** Envoy's response flag; '': none; default: DPE. */
  readonly flag?: string;
  /** Default: the words of the status. */
  readonly body?: string;
}

/** The fields that say how the message ends and what becomes of the connection. */
export interface Framing {
  contentLength: number;
  chunked: boolean;
  keepAlive: boolean;
}

export interface ParsedRequest extends Framing {
  readonly head: RequestHead;
}

export interface ParsedResponse extends Framing {
  readonly head: ResponseHead;
  readonly upgrade: boolean;
  /** The Keep-Alive field: how long the server leaves the connection open. */
  readonly keepAliveHint: string | undefined;
}

interface FieldFacts {
  host: string | undefined;
  contentLength: number;
  transferEncoding: string | undefined;
  connection: string;
  upgrade: string | undefined;
  keepAliveHint: string | undefined;
  expectContinue: boolean;
  error: HeadError | undefined;
}

const bad = (details: string, status = 400): HeadError => ({ status, details });
const BAD_CHARACTERS = bad('http1.invalid_characters');
const BAD_NAME = bad('http1.codec_error');
const BAD_CODEC = bad('http1.codec_error');
const VERSION_LENGTH = 8;
const COLON = 0x3a;
const MEMO_FIELDS = 64;

/** @param text the head with its last CRLF, one char per byte */
export function parseRequestHead(text: string, maxHeaders: number, memo?: NameMemo): ParsedRequest | HeadError {
  let pos = 0;
  while (((CLASS[text.charCodeAt(pos)] ?? 0) & TOKEN) !== 0) pos++;
  if (pos === 0 || text.charCodeAt(pos) !== 0x20) return BAD_CODEC;
  const method = text.slice(0, pos);
  const targetStart = ++pos;
  while (((CLASS[text.charCodeAt(pos)] ?? 0) & TARGET) !== 0) pos++;
  if (pos === targetStart || text.charCodeAt(pos) !== 0x20) return BAD_CODEC;
  const target = text.slice(targetStart, pos);
  const version = text.slice(pos + 1, pos + 1 + VERSION_LENGTH);
  const minor = version === 'HTTP/1.1' ? 1 : version === 'HTTP/1.0' ? 0 : -1;
  pos += 1 + VERSION_LENGTH;
  if (minor < 0 || text.charCodeAt(pos) !== 0x0d || text.charCodeAt(pos + 1) !== 0x0a) return BAD_CODEC;
  const headers = new Headers();
  const facts = newFacts();
  const error = parseFields(text, pos + 2, headers, { facts, maxHeaders, memo });
  if (error) return error;
  return finishRequest({ method, target, minor, headers }, facts);
}

/** @param text the head with its last CRLF @param method of the request: HEAD and CONNECT change how a response ends */
export function parseResponseHead(text: string, method: string, maxHeaders: number, memo?: NameMemo): ParsedResponse | HeadError {
  const minor = text.startsWith('HTTP/1.1 ') ? 1 : text.startsWith('HTTP/1.0 ') ? 0 : -1;
  const status = Number(text.slice(9, 12));
  if (minor < 0 || !(status >= 100 && status < 600) || !Number.isInteger(status)) return BAD_CODEC;
  const end = text.indexOf('\r\n', 12);
  const after = text.charCodeAt(12);
  if (end < 0 || (after !== 0x20 && after !== 0x0d)) return BAD_CODEC;
  for (let i = 13; i < end; i++) if (((CLASS[text.charCodeAt(i)] ?? 0) & FIELD) === 0) return BAD_CHARACTERS;
  const headers = new Headers();
  const facts = newFacts();
  const error = parseFields(text, end + 2, headers, { facts, maxHeaders, memo });
  if (error) return error;
  return finishResponse({ status, minor, method, headers }, facts);
}

/** Fields of a trailer section; framing and routing fields are refused. */
export function parseTrailers(text: string, maxHeaders: number): Headers | HeadError {
  const headers = new Headers();
  const facts = newFacts();
  const error = parseFields(text, 0, headers, { facts, maxHeaders });
  if (error) return error;
  if (facts.host !== undefined || facts.transferEncoding !== undefined || facts.contentLength >= 0) return bad('http1.trailers_disallowed_field');
  return headers;
}

interface FieldRun {
  readonly facts: FieldFacts;
  readonly maxHeaders: number;
  readonly memo?: NameMemo;
}

/** Names of the message before on the same connection, field by field. The next message mostly has the same ones in the same order:
 * comparing is cheaper than reading them letter by letter, and asking what each of them means. */
export type NameMemo = KnownName[];

export interface KnownName {
  readonly lower: string;
  readonly written: string;
  readonly isHeeded: boolean;
}

/** Those that say something to this hop: see `heed`. */
const HEEDED: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'proxy-connection', 'upgrade', 'keep-alive', 'te', 'expect']);

function newFacts(): FieldFacts {
  return { host: undefined, contentLength: -1, transferEncoding: undefined, connection: '', upgrade: undefined, keepAliveHint: undefined, expectContinue: false, error: undefined };
}

function parseFields(text: string, from: number, headers: Headers, run: FieldRun): HeadError | undefined {
  const { facts, maxHeaders, memo } = run;
  const list = headers.list;
  let pos = from;
  let count = 0;
  while (pos < text.length) {
    const start = pos;
    let name = memo?.[count];
    if (name !== undefined && text.startsWith(name.written, pos) && text.charCodeAt(pos + name.written.length) === COLON) {
      pos += name.written.length + 1;
    } else {
      while (((CLASS[text.charCodeAt(pos)] ?? 0) & TOKEN) !== 0) pos++;
      if (pos === start || text.charCodeAt(pos) !== COLON) return BAD_NAME;
      name = knownName(text.slice(start, pos));
      if (memo) remember(memo, count, name);
      pos++;
    }
    const { lower, written, isHeeded } = name;
    let c = text.charCodeAt(pos);
    while (c === 0x20 || c === 0x09) c = text.charCodeAt(++pos);
    const valueStart = pos;
    while (((CLASS[text.charCodeAt(pos)] ?? 0) & FIELD) !== 0) pos++;
    if (text.charCodeAt(pos) !== 0x0d || text.charCodeAt(pos + 1) !== 0x0a) return BAD_CHARACTERS;
    let valueEnd = pos;
    while (valueEnd > valueStart && (text.charCodeAt(valueEnd - 1) === 0x20 || text.charCodeAt(valueEnd - 1) === 0x09)) valueEnd--;
    const value = text.slice(valueStart, valueEnd);
    pos += 2;
    if (++count > maxHeaders) return bad('http1.too_many_headers', 431);
    // Written as it came where that is how we write.
    const isUsual = valueStart === start + written.length + 2 && text.charCodeAt(valueStart - 1) === 0x20 && valueEnd === pos - 2;
    if (!isHeeded || !heed(lower, value, facts)) list.push(lower, value, isUsual ? text.slice(start, pos) : written);
    if (facts.error) return facts.error;
  }
  return undefined;
}

function knownName(written: string): KnownName {
  const lower = lowerName(written);
  return { lower, written, isHeeded: HEEDED.has(lower) };
}

/** @param at place of the field in the message */
function remember(memo: NameMemo, at: number, { lower, written, isHeeded }: KnownName): void {
  if (at >= MEMO_FIELDS) return;
  memo.length = Math.min(memo.length, at);
  // A copy: a slice would keep the whole head it was cut from alive.
  memo.push({ lower, written: Buffer.from(written, 'latin1').toString('latin1'), isHeeded });
}

/** Notes fields that belong to this hop, or say something to it. @param name of `HEEDED`
 * @returns true when the field must not be passed on as it is */
function heed(name: string, value: string, facts: FieldFacts): boolean {
  switch (name) {
    case 'host':
      if (facts.host !== undefined) facts.error = bad('http1.duplicate_host');
      facts.host = value;
      return true;
    case 'content-length':
      if (facts.contentLength >= 0 || !/^[0-9]{1,15}$/.test(value)) facts.error = bad('http1.invalid_content_length');
      facts.contentLength = Number(value);
      return false;
    case 'transfer-encoding':
      facts.transferEncoding = facts.transferEncoding === undefined ? value : `${facts.transferEncoding},${value}`;
      return true;
    case 'connection':
    case 'proxy-connection':
      facts.connection = facts.connection === '' ? value : `${facts.connection},${value}`;
      return true;
    case 'upgrade':
      facts.upgrade = value;
      return true;
    case 'keep-alive':
      facts.keepAliveHint = value;
      return true;
    case 'te':
      return value.toLowerCase() !== 'trailers';
    case 'expect':
      if (value.toLowerCase() !== '100-continue') facts.error = bad('http1.unknown_expectation', 417);
      facts.expectContinue = true;
      return false;
    default:
      return false;
  }
}

/** Values that name no other fields, which is nearly all there are. */
const USUAL_CONNECTION: ReadonlyMap<string, readonly string[]> = new Map([
  ['', []],
  ['keep-alive', ['keep-alive']],
  ['Keep-Alive', ['keep-alive']],
  ['close', ['close']],
  ['Close', ['close']],
]);

/** Applies Connection: persistence, and the fields it names belong to this hop too. @returns the lower-case tokens */
function applyConnection(facts: FieldFacts, headers: Headers): readonly string[] {
  const usual = USUAL_CONNECTION.get(facts.connection);
  if (usual) return usual;
  const tokens = facts.connection.toLowerCase().split(',').map((token) => token.trim());
  const named = tokens.filter((token) => token !== 'close' && token !== 'keep-alive' && token !== 'upgrade' && token !== '' && token !== 'te');
  if (named.length > 0) headers.removeIf((name) => named.includes(name));
  return tokens;
}

function transferCoding(facts: FieldFacts, minor: number): boolean | HeadError {
  if (facts.transferEncoding === undefined) return false;
  if (facts.contentLength >= 0) return bad('http1.content_length_and_chunked_not_allowed');
  if (minor === 0) return bad('http1.transfer_encoding_not_allowed');
  if (facts.transferEncoding.toLowerCase() === 'chunked') return true;
  return bad('http1.invalid_transfer_encoding', facts.transferEncoding.includes(',') ? 400 : 501);
}

function finishRequest(line: { method: string; target: string; minor: number; headers: Headers }, facts: FieldFacts): ParsedRequest | HeadError {
  const chunked = transferCoding(facts, line.minor);
  if (typeof chunked === 'object') return chunked;
  const where = splitTarget(line.method, line.target, facts.host ?? '');
  if (!where) return bad('http1.invalid_url');
  const tokens = applyConnection(facts, line.headers);
  const upgrade = tokens.includes('upgrade') && line.minor === 1 ? requestedUpgrade(facts, line.headers) : undefined;
  const bodyLength = chunked ? -1 : Math.max(0, facts.contentLength);
  const head: RequestHead = {
    method: line.method,
    path: where.path,
    authority: where.authority,
    scheme: where.scheme,
    protocol: line.minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
    headers: line.headers,
    bodyLength,
    upgrade,
    expectContinue: facts.expectContinue && bodyLength !== 0 && line.minor === 1,
  };
  const keepAlive = line.minor === 1 ? !tokens.includes('close') : tokens.includes('keep-alive');
  return { head, contentLength: facts.contentLength, chunked, keepAlive };
}

/** Nobody upgrades to h2c any more (RFC 9113 §3.1): a client that asks is answered by HTTP/1.1. */
function requestedUpgrade(facts: FieldFacts, headers: Headers): string | undefined {
  const upgrade = facts.upgrade?.toLowerCase();
  if (upgrade !== 'h2c') return upgrade;
  headers.remove('http2-settings');
  return undefined;
}

/** RFC 9112 §3.2: origin, absolute, authority (CONNECT) and asterisk (OPTIONS) form. */
function splitTarget(method: string, target: string, host: string): { path: string; authority: string; scheme: string } | undefined {
  if (!isAuthority(host)) return undefined;
  if (method === 'CONNECT') return isAuthority(target) && target.includes(':') ? { path: '', authority: target, scheme: '' } : undefined;
  if (target.charCodeAt(0) === 0x2f) return target.includes('#') ? undefined : { path: target, authority: host, scheme: '' };
  if (target === '*') return method === 'OPTIONS' ? { path: '*', authority: host, scheme: '' } : undefined;
  const absolute = /^(https?):\/\/([^/?#]+)([/?][^#]*)?$/i.exec(target);
  if (!absolute) return undefined;
  const [, scheme = '', authority = '', rest = '/'] = absolute;
  if (!isAuthority(authority)) return undefined;
  return { path: rest.startsWith('?') ? `/${rest}` : rest, authority, scheme: scheme.toLowerCase() };
}

/** No spaces, user info, paths or commas: what could be read as two hosts. */
export function isAuthority(host: string): boolean {
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || c === 0x40 || c === 0x2f || c === 0x5c || c === 0x2c || c === 0x3f || c === 0x23) return false;
  }
  return true;
}

function finishResponse(line: { status: number; minor: number; method: string; headers: Headers }, facts: FieldFacts): ParsedResponse | HeadError {
  const chunked = transferCoding(facts, line.minor);
  if (typeof chunked === 'object') return { status: 502, details: chunked.details };
  const { status, method } = line;
  const tokens = applyConnection(facts, line.headers);
  const upgrade = status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304 || upgrade;
  if (facts.host !== undefined) line.headers.add('host', facts.host);
  if (status === 101 && facts.upgrade !== undefined) line.headers.list.unshift('connection', facts.connection, 'connection', 'upgrade', facts.upgrade, 'upgrade');
  const bodyLength = bodyless ? 0 : chunked || facts.contentLength < 0 ? -1 : facts.contentLength;
  const closing = line.minor === 1 ? tokens.includes('close') : !tokens.includes('keep-alive');
  const untilClose = !bodyless && !chunked && facts.contentLength < 0;
  return {
    head: { status, headers: line.headers, bodyLength },
    contentLength: facts.contentLength,
    chunked: chunked && !bodyless,
    keepAlive: !closing && !untilClose && !upgrade,
    upgrade,
    keepAliveHint: facts.keepAliveHint,
  };
}

export function isMethod(text: string): boolean {
  return text !== '' && consistsOf(text, TOKEN);
}

/** `/path?query`. */
export function isOriginForm(text: string): boolean {
  return text.charCodeAt(0) === 0x2f && consistsOf(text, TARGET) && !text.includes('#');
}

function consistsOf(text: string, kind: number): boolean {
  for (let i = 0; i < text.length; i++) if (((CLASS[text.charCodeAt(i)] ?? 0) & kind) === 0) return false;
  return true;
}
