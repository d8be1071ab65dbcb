/** HTTP/2 towards clients, on node:http2: one session per connection, one DownstreamStream per request. */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Headers, lowerName } from '../headers.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResponseHead } from '../http/stream.ts';
import { fromHttp2, toHttp2 } from './headers.ts';

export interface Http2ServerHandler {
  onRequest(stream: DownstreamStream, head: RequestHead): RequestSink;
  onIdle(): void;
  onClosed(): void;
}

export interface Http2ServerOptions {
  readonly maxConcurrentStreams: number;
  readonly maxHeadBytes: number;
}

const WINDOW = 1024 * 1024;

export class Http2ServerConnection {
  readonly #session: ServerHttp2Session;
  readonly #handler: Http2ServerHandler;
  #open = 0;

  constructor(socket: Duplex, handler: Http2ServerHandler, options: Http2ServerOptions) {
    this.#handler = handler;
    this.#session = performServerHandshake(socket, {
      maxHeaderListPairs: 256,
      settings: { maxConcurrentStreams: options.maxConcurrentStreams, maxHeaderListSize: options.maxHeadBytes, initialWindowSize: WINDOW },
    });
    // The window of the connection as a whole starts at 64 KiB and is not a setting.
    this.#session.setLocalWindowSize(WINDOW);
    this.#session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => this.#onStream(stream, headers, flags, raw));
    this.#session.on('error', () => this.#session.destroy());
    this.#session.once('close', () => handler.onClosed());
  }

  get busy(): boolean {
    return this.#open > 0;
  }

  /** GOAWAY; open requests finish. */
  drain(): void {
    if (!this.#session.closed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]): void {
    const head = requestHead(headers, raw, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
    if (head === undefined) {
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    this.#open++;
    const downstream = new Http2DownstreamStream(stream, head.method === 'HEAD');
    stream.once('close', () => {
      this.#open--;
      if (this.#open === 0) this.#handler.onIdle();
    });
    downstream.attach(this.#handler.onRequest(downstream, head));
  }
}

function requestHead(headers: IncomingHttpHeaders, raw: readonly string[], ended: boolean): RequestHead | undefined {
  const method = headers[':method'];
  const path = headers[':path'] ?? '';
  if (method === undefined || (method !== 'CONNECT' && !path.startsWith('/') && path !== '*')) return undefined;
  // An extended CONNECT would need a tunnel that is not offered here.
  if (headers[':protocol'] !== undefined) return undefined;
  const fields = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name.charCodeAt(0) === 0x3a || name === 'host') continue;
    fields.list.push(lowerName(name), raw[i + 1] ?? '', name);
  }
  joinCookies(fields);
  const length = Number(headers['content-length'] ?? -1);
  return {
    method,
    path,
    authority: headers[':authority'] ?? headers.host ?? '',
    scheme: headers[':scheme'] ?? '',
    protocol: 'HTTP/2',
    headers: fields,
    bodyLength: ended ? 0 : length > 0 ? length : -1,
  };
}

/** RFC 9113 §8.2.3: cookie crumbs become one field before they leave HTTP/2. */
function joinCookies(headers: Headers): void {
  const { list } = headers;
  let first = -1;
  let joined = '';
  for (let i = 0; i < list.length; i += 3) {
    if (list[i] !== 'cookie') continue;
    joined = first < 0 ? (list[i + 1] ?? '') : `${joined}; ${list[i + 1] ?? ''}`;
    if (first < 0) first = i;
  }
  if (first >= 0 && joined !== list[first + 1]) headers.set('cookie', joined);
}

class Http2DownstreamStream implements DownstreamStream {
  readonly #stream: ServerHttp2Stream;
  readonly #headRequest: boolean;
  #sink: RequestSink | undefined;
  #requestEnded = false;
  #trailers: Headers | undefined;
  #responseTrailers: Headers | undefined;
  #finished = false;

  constructor(stream: ServerHttp2Stream, headRequest: boolean) {
    this.#stream = stream;
    this.#headRequest = headRequest;
  }

  attach(sink: RequestSink): void {
    const stream = this.#stream;
    if (this.#finished) {
      // Answered already: what the client still sends is read and dropped.
      stream.resume();
      stream.on('error', () => {});
      return;
    }
    this.#sink = sink;
    stream.on('data', (chunk: Buffer) => this.#sink?.onData(chunk, false));
    stream.on('trailers', (received: IncomingHttpHeaders) => {
      this.#trailers = fromHttp2(received);
    });
    stream.on('end', () => {
      this.#requestEnded = true;
      this.#sink?.onEnd(this.#trailers);
    });
    stream.on('drain', () => this.#sink?.onDrain());
    stream.on('error', () => {});
    stream.on('aborted', () => this.#gone());
    stream.on('close', () => this.#gone());
  }

  sendInterim(status: number, headers: Headers): void {
    if (!this.#usable || status === 101) return;
    const block: OutgoingHttpHeaders = { ':status': status };
    toHttp2(headers, block);
    this.#stream.additionalHeaders(block);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (!this.#usable) return;
    const block: OutgoingHttpHeaders = { ':status': head.status };
    toHttp2(head.headers, block);
    const stream = this.#stream;
    if (end || this.#headRequest) {
      this.#done();
      stream.respond(block, { endStream: true });
      this.#stopReading();
      return;
    }
    stream.respond(block, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      const trailers: OutgoingHttpHeaders = {};
      if (this.#responseTrailers) toHttp2(this.#responseTrailers, trailers);
      if (Object.keys(trailers).length > 0) stream.sendTrailers(trailers);
      else stream.close();
    });
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    if (!this.#usable) return true;
    if (!end) return this.#stream.write(chunk);
    this.#done();
    this.#stream.end(chunk);
    this.#stopReading();
    return true;
  }

  sendEnd(trailers: Headers | undefined): void {
    if (!this.#usable) return;
    this.#responseTrailers = trailers;
    this.#done();
    this.#stream.end();
    this.#stopReading();
  }

  reset(): void {
    this.#done();
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  /** A stream of its own ends by itself; the other streams go on. */
  closeAfter(): void {}

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  get #usable(): boolean {
    return !this.#finished && !this.#stream.destroyed && !this.#stream.closed;
  }

  #done(): void {
    this.#finished = true;
    this.#sink = undefined;
  }

  /** RFC 9113 §8.1: a complete answer before the end of the request tells the client to stop sending. */
  #stopReading(): void {
    if (!this.#requestEnded) this.#stream.resume();
  }

  #gone(): void {
    const sink = this.#sink;
    this.#done();
    sink?.onReset('remote reset');
  }
}
