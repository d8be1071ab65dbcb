/** HTTP/2 towards an upstream, on node:http2. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Headers } from '../headers.ts';
import type { RequestHead, ResetReason, ResponseSink, UpstreamStream } from '../http/stream.ts';
import { fromHttp2, toHttp2 } from './headers.ts';

export interface Http2ClientOptions {
  /** 0: no limit. */
  readonly maxRequests: number;
  onClosed(): void;
}

const WINDOW = 1024 * 1024;

export class Http2ClientSession {
  readonly #session: ClientHttp2Session;
  readonly #options: Http2ClientOptions;
  #gone = false;
  active = 0;
  requests = 0;
  /** Monotonic ms since which no stream is open; 0 while busy. Kept by the pool. */
  idleSince = 0;

  constructor(socket: Duplex, options: Http2ClientOptions) {
    this.#options = options;
    this.#session = connect('http://upstream', { createConnection: () => socket, settings: { enablePush: false, initialWindowSize: WINDOW } });
    this.#session.on('goaway', () => this.close());
    this.#session.on('error', () => this.#session.destroy());
    this.#session.once('close', () => {
      this.#gone = true;
      options.onClosed();
    });
  }

  /** Can take one more stream. */
  get available(): boolean {
    if (this.#gone || this.#session.closed || this.#session.destroyed) return false;
    const limit = this.#session.remoteSettings?.maxConcurrentStreams ?? 100;
    return this.active < limit && (this.#options.maxRequests === 0 || this.requests < this.#options.maxRequests);
  }

  /** @param onClosed called once when the stream is over, however it ended */
  open(sink: ResponseSink, onClosed: () => void): UpstreamStream {
    this.active++;
    this.requests++;
    this.idleSince = 0;
    return new Http2ClientStream(this.#session, sink, () => {
      this.active--;
      onClosed();
    });
  }

  /** No new streams; ends when the open ones have ended. */
  close(): void {
    this.#gone = true;
    if (!this.#session.destroyed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }
}

class Http2ClientStream implements UpstreamStream {
  readonly #session: ClientHttp2Session;
  #sink: ResponseSink | undefined;
  readonly #onClosed: () => void;
  #stream: ClientHttp2Stream | undefined;
  #trailers: Headers | undefined;
  #ended = false;
  #closed = false;

  constructor(session: ClientHttp2Session, sink: ResponseSink, onClosed: () => void) {
    this.#session = session;
    this.#sink = sink;
    this.#onClosed = onClosed;
  }

  sendHead(head: RequestHead, end: boolean): void {
    const headers: OutgoingHttpHeaders = { ':method': head.method, ':scheme': head.scheme === '' ? 'http' : head.scheme, ':path': head.path, ':authority': head.authority };
    if (head.method === 'CONNECT') {
      delete headers[':scheme'];
      delete headers[':path'];
    }
    toHttp2(head.headers, headers);
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(headers, { endStream: end });
    } catch {
      // The session ended between choosing it and using it.
      queueMicrotask(() => this.#finish('remote refused stream reset'));
      return;
    }
    this.#stream = stream;
    stream.on('response', (received, flags) => this.#onResponse(received, flags));
    stream.on('headers', (received) => this.#sink?.onInterim(Number(received[':status'] ?? 100), fromHttp2(received)));
    stream.on('data', (chunk: Buffer) => this.#sink?.onData(chunk, false));
    stream.on('trailers', (received) => {
      this.#trailers = fromHttp2(received);
    });
    stream.on('end', () => {
      this.#ended = true;
      const sink = this.#sink;
      this.#sink = undefined;
      sink?.onEnd(this.#trailers);
    });
    stream.on('drain', () => this.#sink?.onDrain());
    stream.on('error', () => {});
    stream.on('close', () => this.#finish(resetReason(stream.rstCode)));
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    const stream = this.#stream;
    if (!stream || stream.destroyed || stream.writableEnded) return true;
    if (end) {
      stream.end(chunk);
      return true;
    }
    return stream.write(chunk);
  }

  sendEnd(): void {
    if (this.#stream && !this.#stream.destroyed) this.#stream.end();
  }

  abort(): void {
    this.#sink = undefined;
    if (this.#stream) this.#stream.close(constants.NGHTTP2_CANCEL);
    else this.#finish('local reset');
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  #onResponse(received: IncomingHttpHeaders, flags: number): void {
    const end = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const length = Number(received['content-length'] ?? -1);
    const bodyLength = end ? 0 : length > 0 ? length : -1;
    const sink = this.#sink;
    if (end) {
      this.#ended = true;
      this.#sink = undefined;
    }
    sink?.onHead({ status: Number(received[':status'] ?? 0), headers: fromHttp2(received), bodyLength }, false);
  }

  #finish(reason: ResetReason): void {
    if (this.#closed) return;
    this.#closed = true;
    const sink = this.#sink;
    this.#sink = undefined;
    this.#onClosed();
    if (!this.#ended) sink?.onReset(reason);
  }
}

function resetReason(code: number | undefined): ResetReason {
  if (code === constants.NGHTTP2_REFUSED_STREAM) return 'remote refused stream reset';
  if (code === undefined || code === constants.NGHTTP2_NO_ERROR || code === constants.NGHTTP2_INTERNAL_ERROR) return 'connection termination';
  return 'remote reset';
}
