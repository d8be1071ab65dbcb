/** One HTTP/1 client connection: reads requests one after the other, writes their responses. It is itself the stream of the request
 * in progress, since HTTP/1 has only one; a pipelined next request waits unread until the response before it is complete. */
import type { Duplex } from 'node:stream';
import { systemClock } from '../../base/clock.ts';
import type { Headers } from '../headers.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResetReason, ResponseHead } from '../stream.ts';
import { DEFAULT_CLOSE_DELAY_MS, dismiss } from '../socket/ending.ts';
import { writeHeld, writeOut } from '../socket/held-writes.ts';
import { bulkReads } from '../socket/bulk-reads.ts';
import { MESSAGE_READ_BYTES, readLent } from '../socket/lent-reads.ts';
import { newcomers, type Newcomers } from '../socket/newcomers.ts';
import { remoteAddress } from '../socket/remote-address.ts';
import type { Backlog } from '../socket/turn-queue.ts';
import type { HeadError, ParsedRequest } from './head.ts';
import { type ParserLimits, type ParserSink, RequestParser } from './parser.ts';
import { chunkEnd, LAST_CHUNK, reasonOf, statusLine, writePiece } from './writer.ts';

export interface Http1ServerHandler {
  /** A request head is complete. @returns where its body goes */
  onRequest(stream: DownstreamStream, head: RequestHead): RequestSink;
  /** An unreadable head: the handler counts and logs; the connection answers and closes. @returns fields for the answer */
  onBadRequest(error: HeadError, body: string): Headers;
  /** The client went away in the middle of a head. */
  onHeadAbandoned(): void;
  /** The client went away before its request was begun. */
  onUnbegun(head: RequestHead, reason: ResetReason): void;
  /** A request was answered and read completely; the connection is idle or ends. */
  onIdle(): void;
  onClosed(): void;
}

export interface Http1ServerOptions {
  readonly limits: ParserLimits;
  /** Otherwise HTTP/1.0 requests are answered 426. Envoy: `accept_http_10`. */
  readonly acceptHttp10: boolean;
  /** Trailers pass in both directions. Envoy: `enable_trailers`; otherwise they are read and dropped. */
  readonly trailers: boolean;
  /** Default 1000. Envoy: `delayed_close_timeout`. */
  readonly closeDelayMs?: number;
  /** In which first requests wait; default: one queue for all connections. */
  readonly newcomers?: Newcomers;
}

export class Http1ServerConnection implements DownstreamStream, ParserSink<ParsedRequest>, Backlog {
  readonly #socket: Duplex;
  readonly #handler: Http1ServerHandler;
  readonly #options: Http1ServerOptions;
  readonly #parser: RequestParser;
  #sink: RequestSink | undefined;
  /** Its first request has begun. */
  #isKnown = false;
  /** The first request, until its turn comes. */
  #first: ParsedRequest | undefined;
  /** The client closed its side meanwhile. */
  #hasEndedEarly = false;
  #requestDone = true;
  #keepAlive = true;
  #draining = false;
  #closed = false;
  /** Its last answer is written. */
  #finishing = false;
  #http10 = false;
  #method = '';
  /** Head text that waits for the first body bytes. */
  #pending = '';
  #chunked = false;
  #continueOwed = false;
  #tunnel = false;
  /** The head of the response to the request in progress has been handed over. */
  #headSent = false;
  /** Also when it was completed inside `onRequest`, before the sink was known. */
  #responseDone = true;

  constructor(socket: Duplex, handler: Http1ServerHandler, options: Http1ServerOptions) {
    this.#socket = socket;
    this.#handler = handler;
    this.#options = options;
    this.#parser = new RequestParser(this, options.limits);
    readLent(socket, MESSAGE_READ_BYTES, (chunk) => this.#onBytes(chunk));
    socket.on('end', () => this.#onPeerEnd());
    socket.on('drain', this.#onDrain);
    socket.on('error', () => this.#onGone());
    socket.on('close', () => this.#onGone());
    // Accepted sockets come paused, so that nothing is read before somebody listens.
    socket.resume();
  }

  /** Bytes that were read before the codec was chosen. */
  receive(chunk: Buffer): void {
    this.#onBytes(chunk);
  }

  /** Of its turns. */
  get source(): string | undefined {
    return remoteAddress(this.#socket);
  }

  get #newcomers(): Newcomers {
    return this.#options.newcomers ?? newcomers;
  }

  get busy(): boolean {
    return this.#sink !== undefined || this.#first !== undefined;
  }

  get isHeadPartial(): boolean {
    return this.#responseDone && !this.#parser.stopped && !this.#parser.idle;
  }

  refuseHead(error: HeadError): void {
    this.onError(error);
  }

  /** The next answer is the last one. The client may be about to ask: an idle connection is left open. */
  announceEnd(): void {
    this.#draining = true;
  }

  /** After the request in progress, or now when idle, the connection ends. */
  drain(): void {
    this.#draining = true;
    if (!this.busy && this.#parser.idle) this.#finish(false);
  }

  destroy(): void {
    this.#cutOff();
  }

  // Parser → request

  onHead(parsed: ParsedRequest): void {
    if (this.#isKnown) {
      this.#newcomers.countKnown();
      return this.#begin(parsed);
    }
    this.#first = parsed;
    this.#parser.stop();
    this.#newcomers.requests.add(this);
  }

  /** The turn of the first request. */
  proceed(): false {
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined) return false;
    this.#isKnown = true;
    this.#newcomers.countCame();
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#begin(first);
    if (first.head.bodyLength !== 0) this.#parser.proceed();
    if (this.#hasEndedEarly) this.#onPeerEnd();
    return false;
  }

  #begin(parsed: ParsedRequest): void {
    const { head } = parsed;
    this.#keepAlive = parsed.keepAlive;
    this.#http10 = head.protocol === 'HTTP/1.0';
    this.#method = head.method;
    this.#continueOwed = head.expectContinue === true;
    this.#tunnel = false;
    if (this.#http10 && !this.#options.acceptHttp10) return this.onError({ status: 426, details: 'low_version' });
    if (head.bodyLength === 0) this.#parser.stop();
    // What follows an upgrade is of another protocol: unless it is accepted, nobody can tell where the next request begins.
    this.#requestDone = head.bodyLength === 0 && head.upgrade === undefined && head.method !== 'CONNECT';
    this.#responseDone = false;
    this.#headSent = false;
    const sink = this.#handler.onRequest(this, head);
    if (!this.#responseDone) this.#sink = sink;
  }

  onData(chunk: Buffer, end: boolean): void {
    if (end) this.#requestEnded();
    // A request's body may have to wait, or be sent again.
    this.#sink?.onData(Buffer.from(chunk), end);
  }

  onEnd(trailers: Headers | undefined): void {
    this.#requestEnded();
    this.#sink?.onEnd(this.#options.trailers ? trailers : undefined);
  }

  onError(error: HeadError): void {
    const sink = this.#sink;
    this.#sink = undefined;
    const body = error.body ?? reasonOf(error.status);
    // A request in progress counts and logs itself.
    if (sink) sink.onReset('protocol error');
    // The body cannot be read: the client can be told as long as no answer has begun, as Envoy does.
    if (sink && this.#headSent) return this.#cutOff();
    const headers = sink ? '' : this.#handler.onBadRequest(error, body).serialize();
    writeHeld(this.#socket, `${statusLine(error.status)}content-length: ${body.length}\r\ncontent-type: text/plain\r\n${headers}connection: close\r\n\r\n${body}`);
    this.#finish(true);
  }

  // Response → socket

  sendInterim(status: number, headers: Headers): void {
    if (this.#closed || this.#http10) return;
    if (status === 100) {
      if (!this.#continueOwed) return;
      this.#continueOwed = false;
    }
    writeHeld(this.#socket, `${statusLine(status)}${headers.serialize()}\r\n`);
  }

  sendHead(head: ResponseHead, end: boolean, more: boolean): void {
    if (this.#closed) return;
    this.#headSent = true;
    this.#tunnel = head.status === 101 || (this.#method === 'CONNECT' && head.status >= 200 && head.status < 300);
    const text = this.#tunnel ? this.#tunnelHead(head) : this.#headText(head, end);
    if (end) {
      writeHeld(this.#socket, text);
      this.#responseEnded();
    } else if (more && !this.#tunnel) {
      this.#pending = text;
    } else {
      writeHeld(this.#socket, text);
    }
    if (this.#tunnel && !end) this.#openTunnel();
  }

  #headText(head: ResponseHead, end: boolean): string {
    const { status, headers } = head;
    const bodyless = status === 204 || status === 304 || this.#method === 'HEAD';
    const sized = bodyless || headers.has('content-length');
    this.#chunked = !end && !sized && !this.#http10;
    if (!end && !sized && this.#http10) this.#keepAlive = false;
    const length = end && !sized ? 'content-length: 0\r\n' : '';
    // A response to HEAD says what the one to GET would.
    const silent = this.#method === 'HEAD' && !this.#http10 && status !== 204 && status !== 304 && !headers.has('content-length');
    const coding = this.#chunked || silent ? 'transfer-encoding: chunked\r\n' : '';
    return `${statusLine(status)}${headers.serialize()}${length}${coding}${this.#connectionHeader()}\r\n`;
  }

  #tunnelHead(head: ResponseHead): string {
    this.#keepAlive = false;
    this.#chunked = false;
    return `${statusLine(head.status)}${head.headers.serialize()}${head.status === 101 && !head.headers.has('connection') ? 'connection: upgrade\r\n' : ''}\r\n`;
  }

  #connectionHeader(): string {
    if (this.#draining || !this.#keepAlive || !this.#requestDone) {
      // An answer before the end of the request leaves bytes that nobody wants to read: the connection ends with it.
      this.#keepAlive = false;
      return 'connection: close\r\n';
    }
    return this.#http10 ? 'connection: keep-alive\r\n' : '';
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    if (this.#closed) return true;
    const before = this.#takePending();
    let ok: boolean;
    if (this.#chunked) {
      const size = chunk.length === 0 ? '' : `${chunk.length.toString(16)}\r\n`;
      const tail = (chunk.length === 0 ? '' : '\r\n') + (end ? LAST_CHUNK : '');
      ok = chunk.length === 0 && tail === '' && before === '' ? true : writePiece(this.#socket, { before: before + size, chunk, after: tail }, this.#onDrain);
    } else if (this.#method === 'HEAD') {
      ok = before === '' || writeHeld(this.#socket, before);
    } else {
      ok = writePiece(this.#socket, { before, chunk, after: '' }, this.#onDrain);
    }
    if (end) this.#responseEnded();
    return ok;
  }

  sendEnd(trailers: Headers | undefined): void {
    if (this.#closed) return;
    const text = this.#takePending() + (this.#chunked ? chunkEnd(this.#options.trailers ? trailers : undefined) : '');
    if (text !== '') writeHeld(this.#socket, text);
    this.#responseEnded();
  }

  reset(): void {
    this.#sink = undefined;
    this.#responseDone = true;
    this.#cutOff();
  }

  closeAfter(): void {
    this.#keepAlive = false;
  }

  pause(): void {
    bulkReads.pause(this.#socket);
  }

  resume(): void {
    bulkReads.resume(this.#socket);
  }

  #takePending(): string {
    const pending = this.#pending;
    this.#pending = '';
    return pending;
  }

  #openTunnel(): void {
    this.#parser.tunnel();
    this.#parser.proceed();
  }

  #requestEnded(): void {
    this.#requestDone = true;
    this.#parser.stop();
  }

  #responseEnded(): void {
    this.#sink = undefined;
    this.#responseDone = true;
    if (!this.#keepAlive || this.#draining || !this.#requestDone) {
      // What ends by its end (a tunnel, an answer of HTTP/1.0 without a length) ends now.
      this.#finish(!this.#requestDone && !this.#tunnel && !this.#http10);
      this.#handler.onIdle();
      return;
    }
    this.#handler.onIdle();
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#parser.proceed();
  }

  readonly #onDrain = (): void => this.#sink?.onDrain();

  #onBytes(chunk: Buffer): void {
    this.#parser.feed(chunk);
    // Pipelined bytes wait in the kernel, not here. Detecting that the client has gone waits with them.
    if (this.#parser.stopped && !this.#parser.idle && !this.#closed) this.#socket.pause();
  }

  #onPeerEnd(): void {
    if (this.#first) {
      // What can be answered at once still is.
      this.#hasEndedEarly = true;
      return;
    }
    // As Envoy: a client that closes its side before the response is complete has given up on it, in a tunnel too.
    this.#abandon();
    this.#socket.end();
  }

  #onGone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abandon();
    this.#handler.onClosed();
  }

  #abandon(): void {
    if (this.isHeadPartial) {
      this.#parser.stop();
      this.#handler.onHeadAbandoned();
    }
    const first = this.#first;
    this.#first = undefined;
    if (first) {
      this.#newcomers.requests.remove(this);
      this.#handler.onUnbegun(first.head, 'connection termination');
    }
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.onReset('connection termination');
  }

  /** What has been said is still heard. */
  #cutOff(): void {
    writeOut(this.#socket);
    this.#socket.destroy();
  }

  /** @param isHeld the client has sent what it should not have, or not all that it should */
  #finish(isHeld: boolean): void {
    if (this.#finishing) return;
    this.#finishing = true;
    this.#parser.discard();
    dismiss(this.#socket, { clock: systemClock, patienceMs: this.#options.closeDelayMs ?? DEFAULT_CLOSE_DELAY_MS, isHeld });
  }
}
