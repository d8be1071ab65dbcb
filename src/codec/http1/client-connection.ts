/** One HTTP/1 connection to an upstream: a request, its response, and again. It is itself the stream of the request in progress. */
import type { Duplex } from 'node:stream';
import type { Headers } from '../headers.ts';
import { MAX_INTERIM_RESPONSES, type RequestHead, type ResponseSink, type UpstreamStream, type UpstreamConnectionFacts } from '../stream.ts';
import { closeGently } from '../socket/ending.ts';
import { writeHeld } from '../socket/held-writes.ts';
import { bulkReads } from '../socket/bulk-reads.ts';
import { MESSAGE_READ_BYTES, readLent } from '../socket/lent-reads.ts';
import type { HeadError, ParsedResponse } from './head.ts';
import { keepAliveMs } from './keep-alive.ts';
import { type ParserLimits, type ParserSink, ResponseParser } from './parser.ts';
import { chunkEnd, LAST_CHUNK, requestHeadText, writePiece } from './writer.ts';

export interface Http1ClientHandler {
  /** The response is complete and the connection can take another request (or not). */
  onReleased(connection: Http1ClientConnection, reusable: boolean): void;
  /** The request in progress was given up or broke; `onClosed` follows. */
  onAborted(connection: Http1ClientConnection): void;
  onClosed(connection: Http1ClientConnection): void;
}

export interface Http1ClientOptions {
  readonly limits: ParserLimits;
  /** Trailers pass in both directions. Envoy: `enable_trailers`; otherwise they are read and dropped. */
  readonly trailers: boolean;
  readonly facts: UpstreamConnectionFacts;
}

export class Http1ClientConnection implements UpstreamStream, ParserSink<ParsedResponse> {
  readonly #socket: Duplex;
  readonly #handler: Http1ClientHandler;
  readonly #parser: ResponseParser;
  readonly facts: UpstreamConnectionFacts;
  readonly #trailers: boolean;
  #sink: ResponseSink | undefined;
  #pending = '';
  #chunked = false;
  #requestDone = true;
  #responseDone = true;
  #keepAlive = true;
  #tunnel = false;
  /** The request asked for another protocol. */
  #asksUpgrade = false;
  #interims = 0;
  /** Request and response are complete; the connection is given back when all that was read has been looked at. */
  #complete = false;
  #closed = false;
  /** Requests begun on this connection. */
  requests = 0;
  /** Monotonic ms at which it became idle; kept by the pool. */
  idleSince = 0;
  /** Monotonic ms at which it was made; kept by the pool. */
  openedAt = 0;
  /** How long the server says that it leaves the connection open without a request. */
  idleLimitMs = Infinity;
  /** The server ended it while it was idle. */
  closedByPeer = false;
  #keepAliveHint: string | undefined;
  /** True once a byte of the current response was read. */
  responseStarted = false;

  constructor(socket: Duplex, handler: Http1ClientHandler, options: Http1ClientOptions) {
    this.#socket = socket;
    this.#handler = handler;
    this.#parser = new ResponseParser(this, options.limits);
    this.facts = options.facts;
    this.#trailers = options.trailers;
    readLent(socket, MESSAGE_READ_BYTES, (chunk) => this.#onBytes(chunk));
    socket.on('end', () => this.#onPeerEnd());
    socket.on('drain', this.#onDrain);
    socket.on('error', () => this.#onGone());
    socket.on('close', () => this.#onGone());
    socket.resume();
  }

  /** Can take a request: the server has not begun to close it. */
  get usable(): boolean {
    return !this.#closed && this.#keepAlive && this.#sink === undefined;
  }

  /** Assigns the connection to a request. */
  begin(sink: ResponseSink): void {
    this.#sink = sink;
    this.requests++;
    this.responseStarted = false;
    this.#parser.proceed();
  }

  sendHead(head: RequestHead, end: boolean, more: boolean): void {
    const tunnel = head.upgrade !== undefined || head.method === 'CONNECT';
    this.#asksUpgrade = head.upgrade !== undefined;
    this.#interims = 0;
    this.#chunked = !end && !tunnel && !head.headers.has('content-length');
    this.#requestDone = end;
    this.#responseDone = false;
    this.#parser.method = head.method;
    const text = requestHeadText(head, this.#chunked ? 'chunked' : end && !tunnel ? 'none' : 'counted');
    if (more && !end) this.#pending = text;
    else writeHeld(this.#socket, text);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    const before = this.#pending;
    this.#pending = '';
    let ok = true;
    if (this.#chunked) {
      const size = chunk.length === 0 ? '' : `${chunk.length.toString(16)}\r\n`;
      const tail = (chunk.length === 0 ? '' : '\r\n') + (end ? LAST_CHUNK : '');
      if (before + size + tail !== '') ok = writePiece(this.#socket, { before: before + size, chunk, after: tail }, this.#onDrain);
    } else {
      ok = writePiece(this.#socket, { before, chunk, after: '' }, this.#onDrain);
    }
    if (end) this.#requestEnded();
    return ok;
  }

  sendEnd(trailers: Headers | undefined): void {
    const text = this.#pending + (this.#chunked ? chunkEnd(this.#trailers ? trailers : undefined) : '');
    this.#pending = '';
    if (text !== '') writeHeld(this.#socket, text);
    if (this.#tunnel) this.#socket.end();
    this.#requestEnded();
  }

  abort(): void {
    if (this.#sink !== undefined) {
      this.#sink = undefined;
      this.#handler.onAborted(this);
    }
    this.#keepAlive = false;
    if (this.#tunnel) closeGently(this.#socket);
    else this.#socket.destroy();
  }

  pause(): void {
    bulkReads.pause(this.#socket);
  }

  resume(): void {
    bulkReads.resume(this.#socket);
  }

  /** Ends the connection; only for idle ones. */
  close(): void {
    this.#keepAlive = false;
    this.#socket.destroy();
  }

  // Parser → response

  onHead(parsed: ParsedResponse, more: boolean): void {
    const { head } = parsed;
    if (head.status < 200 && head.status !== 101) {
      if (++this.#interims > MAX_INTERIM_RESPONSES) return this.#refuse();
      this.#sink?.onInterim(head.status, head.headers);
      return;
    }
    // RFC 9110 §15.2.2: a server switches only to what it was asked for.
    if (head.status === 101 && !this.#asksUpgrade) return this.#refuse();
    this.#keepAlive &&= parsed.keepAlive;
    if (parsed.keepAliveHint !== this.#keepAliveHint) {
      this.#keepAliveHint = parsed.keepAliveHint;
      this.idleLimitMs = keepAliveMs(parsed.keepAliveHint);
    }
    if (parsed.upgrade) {
      this.#tunnel = true;
      this.#keepAlive = false;
      this.#parser.tunnel();
      head.bodyLength = -1;
    }
    const done = head.bodyLength === 0;
    const sink = this.#sink;
    if (done) this.#responseEnded();
    sink?.onHead(head, more);
  }

  onData(chunk: Buffer, end: boolean): void {
    const sink = this.#sink;
    if (end) this.#responseEnded();
    sink?.onData(chunk, end);
  }

  onEnd(trailers: Headers | undefined): void {
    const sink = this.#sink;
    this.#responseEnded();
    sink?.onEnd(this.#trailers ? trailers : undefined);
  }

  onError(_error: HeadError): void {
    this.#refuse();
  }

  readonly #onDrain = (): void => this.#sink?.onDrain();

  #onBytes(chunk: Buffer): void {
    if (this.#sink === undefined) {
      // Bytes that nobody asked for could be taken for the next answer.
      this.close();
      return;
    }
    this.responseStarted = true;
    this.#parser.feed(chunk);
    this.#settle();
  }

  #refuse(): void {
    this.#keepAlive = false;
    this.#parser.stop();
    this.#fail('protocol error');
    this.#socket.destroy();
  }

  #requestEnded(): void {
    this.#requestDone = true;
    if (!this.#responseDone) return;
    this.#complete = true;
    this.#settle();
  }

  #responseEnded(): void {
    this.#responseDone = true;
    // What follows would be the answer to a request that was not sent.
    if (!this.#tunnel) this.#parser.stop();
    if (this.#requestDone || this.#tunnel) this.#complete = true;
    else this.#keepAlive = false;
  }

  #settle(): void {
    if (!this.#complete) return;
    this.#complete = false;
    if (!this.#parser.idle) this.#keepAlive = false;
    this.#release();
  }

  #release(): void {
    if (this.#sink === undefined) return;
    this.#sink = undefined;
    if (this.#socket.isPaused()) this.#socket.resume();
    const reusable = this.#keepAlive && !this.#closed;
    if (!reusable && !this.#tunnel) this.#socket.destroy();
    this.#handler.onReleased(this, reusable);
  }

  #onPeerEnd(): void {
    this.closedByPeer = this.#sink === undefined && this.#keepAlive;
    this.#keepAlive = false;
    this.#parser.finish();
    this.#settle();
    if (this.#sink === undefined || !this.#tunnel) this.#socket.end();
  }

  #onGone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keepAlive = false;
    // Half an answer is an error of the protocol, however the connection ended.
    if (this.#sink !== undefined) this.#parser.finish();
    this.#settle();
    this.#fail('connection termination');
    this.#handler.onClosed(this);
  }

  #fail(reason: 'connection termination' | 'protocol error'): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#sink = undefined;
    this.#handler.onAborted(this);
    sink.onReset(reason);
  }
}
