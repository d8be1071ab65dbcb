/** Incremental HTTP/1 reader: bytes in, heads, body pieces and ends out. Bodies are passed on as slices of what was read, never collected. */
import type { Headers } from '../headers.ts';
import { CLASS, TOKEN } from './chars.ts';
import { type HeadError, type NameMemo, type ParsedRequest, type ParsedResponse, parseRequestHead, parseResponseHead, parseTrailers } from './head.ts';
import { latin1Slice } from './latin1.ts';

export interface ParserLimits {
  /** Request line, fields and terminator together. Envoy: 60 KiB. */
  readonly maxHeadBytes: number;
  /** Envoy: 100. */
  readonly maxHeaders: number;
}

export const DEFAULT_LIMITS: ParserLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** Hears what was parsed. Calls come synchronously from `feed`. */
export interface ParserSink<Parsed> {
  /** @param more bytes of this message's body are already here, `onData` or `onEnd` follows at once */
  onHead(parsed: Parsed, more: boolean): void;
  onData(chunk: Buffer, end: boolean): void;
  onEnd(trailers: Headers | undefined): void;
  onError(error: HeadError): void;
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-crlf' | 'trailers' | 'until-close' | 'tunnel' | 'failed';

const CR = 0x0d;
const LF = 0x0a;
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n', 'latin1');
const MAX_CHUNK_LINE = 4096;
const EMPTY = Buffer.alloc(0);

abstract class Http1Parser<Parsed extends ParsedRequest | ParsedResponse> {
  readonly #sink: ParserSink<Parsed>;
  protected readonly limits: ParserLimits;
  protected readonly names: NameMemo = [];
  #state: State = 'head';
  #remaining = 0;
  /** Bytes of an incomplete head, chunk line or trailer section. */
  #partial: Buffer = EMPTY;
  #partialLength = 0;
  /** The last byte read was the CR of an empty line before a message. */
  #blankCr = false;
  #stopped = false;
  #isOver = false;
  /** What came while stopped. */
  #rest: Buffer = EMPTY;

  constructor(sink: ParserSink<Parsed>, limits: ParserLimits = DEFAULT_LIMITS) {
    this.#sink = sink;
    this.limits = limits;
  }

  protected abstract parse(text: string): Parsed | HeadError;
  /** What the first line looks like at the least. */
  protected abstract readonly firstLine: RegExp;

  /** True between messages with nothing read of the next one. */
  get idle(): boolean {
    return this.#state === 'head' && this.#partialLength === 0 && this.#rest.length === 0;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** True while a message body may still come. */
  get inBody(): boolean {
    return this.#state !== 'head' && this.#state !== 'failed';
  }

  /** Keeps further bytes until `proceed`; may be called from the sink, takes effect after that call. */
  stop(): void {
    this.#stopped = true;
  }

  /** Nothing is read any more, and nothing is kept. */
  discard(): void {
    this.#stopped = true;
    this.#isOver = true;
    this.#state = 'head';
    this.#partial = EMPTY;
    this.#partialLength = 0;
    this.#rest = EMPTY;
  }

  proceed(): void {
    if (!this.#stopped || this.#isOver) return;
    this.#stopped = false;
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length > 0) this.feed(rest);
  }

  /** All further bytes are passed through `onData` untouched (after an upgrade or CONNECT). */
  tunnel(): void {
    this.#state = 'tunnel';
  }

  feed(chunk: Buffer): void {
    let pos = 0;
    while (pos < chunk.length && !this.#isOver) {
      if (this.#stopped) {
        this.#rest = Buffer.concat([this.#rest, chunk.subarray(pos)]);
        return;
      }
      pos = this.#step(chunk, pos);
    }
  }

  /** The peer closed its side. */
  finish(): void {
    if (this.#state === 'until-close' || this.#state === 'tunnel') {
      this.#state = 'failed';
      this.#sink.onEnd(undefined);
    } else if (!this.idle) {
      this.#fail({ status: 400, details: 'http1.codec_error' });
    }
  }

  #step(chunk: Buffer, pos: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(chunk, pos);
      case 'length':
        return this.#readLength(chunk, pos);
      case 'chunk-size':
        return this.#readChunkSize(chunk, pos);
      case 'chunk-data':
        return this.#readChunkData(chunk, pos);
      case 'chunk-crlf':
        return this.#readChunkCrlf(chunk, pos);
      case 'trailers':
        return this.#readTrailers(chunk, pos);
      case 'until-close':
      case 'tunnel':
        this.#sink.onData(pos === 0 ? chunk : chunk.subarray(pos), false);
        return chunk.length;
      case 'failed':
        return chunk.length;
    }
  }

  #readHead(chunk: Buffer, from: number): number {
    let pos = from;
    // RFC 9112 §2.2: empty lines before a request line are ignored.
    while (this.#partialLength === 0 && (this.#blankCr || chunk[pos] === CR)) {
      if (!this.#blankCr) pos++;
      this.#blankCr = pos >= chunk.length;
      if (this.#blankCr) return pos;
      if (chunk[pos] !== LF) return this.#refuse(chunk);
      pos++;
    }
    if (pos >= chunk.length) return pos;
    const found = this.#section(chunk, pos);
    if (found === undefined) return chunk.length;
    const parsed = this.parse(found.text);
    if ('details' in parsed) {
      this.#fail(parsed);
      return chunk.length;
    }
    this.#begin(parsed, found.next < chunk.length);
    return found.next;
  }

  /** Text up to and with the CRLF before an empty line, or undefined when more must come (or it is too long). */
  #section(chunk: Buffer, pos: number): { text: string; next: number } | undefined {
    if (this.#partialLength === 0) {
      const end = chunk.indexOf('\r\n\r\n', pos, 'latin1');
      if (end >= 0 && end - pos <= this.limits.maxHeadBytes) return { text: latin1Slice(chunk, pos, end + 2), next: end + 4 };
    }
    const before = this.#partialLength;
    this.#keep(chunk, pos);
    const kept = this.#partial.subarray(0, this.#partialLength);
    const end = kept.indexOf('\r\n\r\n', Math.max(0, before - 3), 'latin1');
    if (end > this.limits.maxHeadBytes || (end < 0 && kept.length > this.limits.maxHeadBytes)) {
      this.#fail({ status: 431, details: 'http1.headers_too_large' });
      return undefined;
    }
    if (end < 0) {
      if (hasBareLf(kept, before)) this.#fail({ status: 400, details: 'http1.invalid_characters' });
      else if (this.#state === 'head' && !this.#canBegin(kept, before)) this.#fail({ status: 400, details: 'http1.codec_error' });
      return undefined;
    }
    this.#partialLength = 0;
    return { text: latin1Slice(kept, 0, end + 2), next: pos + (end + 4 - before) };
  }

  /** Whoever speaks something else (TLS, HTTP/0.9) is told at once, instead of being waited for. */
  #canBegin(kept: Buffer, before: number): boolean {
    if (((CLASS[kept[0] ?? 0] ?? 0) & TOKEN) === 0) return false;
    const line = kept.indexOf('\r\n', Math.max(0, before - 1), 'latin1');
    // The first line is complete with these bytes, and only then looked at.
    if (line < 0 || kept.indexOf('\r\n', 0, 'latin1') !== line) return true;
    return this.firstLine.test(latin1Slice(kept, 0, line));
  }

  #begin(parsed: Parsed, more: boolean): void {
    const { bodyLength } = parsed.head;
    if (bodyLength === 0) this.#state = 'head';
    else if (parsed.chunked) this.#state = 'chunk-size';
    else if (bodyLength > 0) this.#state = 'length';
    else this.#state = 'until-close';
    this.#remaining = Math.max(0, bodyLength);
    this.#sink.onHead(parsed, more && bodyLength !== 0);
  }

  #readLength(chunk: Buffer, pos: number): number {
    const end = Math.min(chunk.length, pos + this.#remaining);
    this.#remaining -= end - pos;
    const last = this.#remaining === 0;
    if (last) this.#state = 'head';
    this.#sink.onData(pos === 0 && end === chunk.length ? chunk : chunk.subarray(pos, end), last);
    return end;
  }

  #readChunkSize(chunk: Buffer, pos: number): number {
    const lf = chunk.indexOf(LF, pos);
    let line: string;
    if (lf < 0 || this.#partialLength > 0) {
      const before = this.#partialLength;
      this.#keep(chunk.subarray(0, lf < 0 ? chunk.length : lf + 1), pos);
      if (this.#partialLength > MAX_CHUNK_LINE) return this.#refuse(chunk);
      if (lf < 0) return chunk.length;
      line = latin1Slice(this.#partial, 0, before + lf + 1 - pos);
      this.#partialLength = 0;
    } else {
      // The same limit, whether the line came whole or in pieces.
      if (lf + 1 - pos > MAX_CHUNK_LINE) return this.#refuse(chunk);
      line = latin1Slice(chunk, pos, lf + 1);
    }
    // RFC 9112 §7.1.1: extensions are ignored, but only well-formed ones.
    const match = /^([0-9a-fA-F]{1,13})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/.exec(line);
    if (!match) return this.#refuse(chunk);
    this.#remaining = Number.parseInt(match[1] ?? '', 16);
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data';
    return lf + 1;
  }

  #readChunkData(chunk: Buffer, pos: number): number {
    const end = Math.min(chunk.length, pos + this.#remaining);
    this.#remaining -= end - pos;
    if (this.#remaining > 0) {
      this.#sink.onData(chunk.subarray(pos, end), false);
      return end;
    }
    // The usual end of a message is already here: pass data and end on together.
    if (chunk.length - end >= LAST_CHUNK.length && LAST_CHUNK.compare(chunk, end, end + LAST_CHUNK.length) === 0) {
      this.#state = 'head';
      this.#sink.onData(chunk.subarray(pos, end), true);
      return end + LAST_CHUNK.length;
    }
    this.#state = 'chunk-crlf';
    this.#remaining = 2;
    this.#sink.onData(chunk.subarray(pos, end), false);
    return end;
  }

  #readChunkCrlf(chunk: Buffer, pos: number): number {
    if (chunk[pos] !== (this.#remaining === 2 ? CR : LF)) return this.#refuse(chunk);
    this.#remaining--;
    if (this.#remaining === 0) this.#state = 'chunk-size';
    return pos + 1;
  }

  #readTrailers(chunk: Buffer, pos: number): number {
    if (this.#partialLength === 0 && chunk[pos] === CR && chunk[pos + 1] === LF) {
      this.#state = 'head';
      this.#sink.onEnd(undefined);
      return pos + 2;
    }
    if (this.#partialLength === 1 && this.#partial[0] === CR && chunk[pos] === LF) {
      this.#partialLength = 0;
      this.#state = 'head';
      this.#sink.onEnd(undefined);
      return pos + 1;
    }
    const found = this.#section(chunk, pos);
    if (found === undefined) return chunk.length;
    const trailers = parseTrailers(found.text, this.limits.maxHeaders);
    if ('details' in trailers) {
      this.#fail(trailers);
      return chunk.length;
    }
    this.#state = 'head';
    this.#sink.onEnd(trailers);
    return found.next;
  }

  #keep(chunk: Buffer, pos: number): void {
    const needed = this.#partialLength + chunk.length - pos;
    if (this.#partial.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(1024, needed * 2));
      this.#partial.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialLength, pos);
    this.#partialLength = needed;
  }

  #refuse(chunk: Buffer): number {
    this.#fail({ status: 400, details: 'http1.codec_error' });
    return chunk.length;
  }

  #fail(error: HeadError): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#sink.onError(error);
  }
}

export class RequestParser extends Http1Parser<ParsedRequest> {
  protected override readonly firstLine = / HTTP\/1\.[01]$/;

  protected override parse(text: string): ParsedRequest | HeadError {
    return parseRequestHead(text, this.limits.maxHeaders, this.names);
  }
}

export class ResponseParser extends Http1Parser<ParsedResponse> {
  protected override readonly firstLine = /^HTTP\/1\.[01] /;
  /** Method of the request that the next response answers. */
  method = 'GET';

  protected override parse(text: string): ParsedResponse | HeadError {
    return parseResponseHead(text, this.method, this.limits.maxHeaders, this.names);
  }
}

/** A line feed without its carriage return would otherwise wait for an end that never comes. */
function hasBareLf(bytes: Buffer, from: number): boolean {
  // Byte by byte: a call for each line feed costs a millisecond where there are thousands.
  for (let at = from; at < bytes.length; at++) if (bytes[at] === LF && (at === 0 || bytes[at - 1] !== CR)) return true;
  return false;
}
