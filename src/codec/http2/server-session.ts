/** HTTP/2 towards clients: one connection, one DownstreamStream per request. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import { Headers } from '../headers.ts';
import { isAuthority, isMethod, isOriginForm } from '../http1/head.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResetReason } from '../stream.ts';
import { DEFAULT_CLOSE_DELAY_MS } from '../socket/ending.ts';
import { newcomers, type Newcomers } from '../socket/newcomers.ts';
import { TurnQueue, type Backlog } from '../socket/turn-queue.ts';
import { Http2Connection } from './connection.ts';
import { ErrorCode, FrameType, goAwayFrame, MAX_WINDOW, pingFrame, PREFACE, Setting } from './frames.ts';
import type { HeaderBlock } from './header-block.ts';
import type { Http2Limits } from './limits.ts';
import { DownstreamHttp2Stream } from './server-stream.ts';

interface Refusal {
  readonly status: number;
  /** Envoy's RESPONSE_CODE_DETAILS. */
  readonly details: string;
}

/** Envoy has one reason for too many fields and for too long ones. */
const TOO_LARGE: Refusal = { status: 431, details: 'http2.too_many_headers' };

export interface Http2ServerHandler {
  onRequest(stream: DownstreamStream, head: RequestHead): RequestSink;
  /** A head that is answered without anybody having heard of it. @returns fields for the answer */
  onRefusedHead?(refusal: Refusal): Headers;
  /** A request ended before its turn had come. */
  onUnbegun?(head: RequestHead, reason: ResetReason): void;
  onIdle(): void;
  onClosed(): void;
}

export interface Http2ServerOptions {
  readonly maxConcurrentStreams: number;
  /** Offers tunnels in streams (RFC 8441). Envoy: allow_connect. */
  readonly allowConnect?: boolean;
  readonly limits?: Partial<Http2Limits>;
  /** Of a client that broke a rule; default 1000. Envoy: `delayed_close_timeout`. */
  readonly closeDelayMs?: number;
  /** For a client that does not answer when it is told to go; default 5000. Envoy: `drain_timeout`, which waits for all of it in any case. */
  readonly drainMs?: number;
  readonly clock?: Clock;
  /** In which first requests wait; default: one queue for all connections. */
  readonly newcomers?: Newcomers;
}

/** Envoy's default of `drain_timeout`. */
export const DEFAULT_DRAIN_MS = 5000;
/** Sent with the first GOAWAY: its answer tells that the client has read it. */
const DRAIN_PING = Buffer.from('draining', 'latin1');

/** Requests of one read that begin at once; those after them wait for a turn, and may be given up until then. Envoy: http.max_requests_per_io_cycle. */
const REQUESTS_OF_A_READ = 8;
/** Of all connections that have been served before, in each turn of the event loop. */
const beginnings = new TurnQueue(4);
/** Requests that ended before their turn and are still to be told of. */
const MOST_UNTOLD = 1000;

export class Http2ServerConnection extends Http2Connection<DownstreamHttp2Stream> implements Backlog {
  readonly #handler: Http2ServerHandler;
  readonly #options: Http2ServerOptions;
  #preface = 0;
  #draining: 'no' | 'announced' | 'final' = 'no';
  #drainTimer: Timer | undefined;
  /** Its head has been read just now: what follows may give it up. */
  #newest: DownstreamHttp2Stream | undefined;
  /** Streams whose turn has not come, also those that are over already. */
  #unbegun: DownstreamHttp2Stream[] = [];
  #untold = 0;
  /** A request of it has been answered. */
  #isKnown = false;
  #atOnce = REQUESTS_OF_A_READ;

  constructor(socket: Duplex, handler: Http2ServerHandler, options: Http2ServerOptions) {
    super({ socket, limits: options.limits, clock: options.clock, failure: { patienceMs: options.closeDelayMs ?? DEFAULT_CLOSE_DELAY_MS, isHeld: true } });
    this.#handler = handler;
    this.#options = options;
    this.open([
      [Setting.MaxConcurrentStreams, options.maxConcurrentStreams],
      [Setting.InitialWindowSize, this.limits.streamWindow],
      [Setting.MaxHeaderListSize, this.limits.maxHeadBytes],
      ...(options.allowConnect === true ? [[Setting.EnableConnectProtocol, 1] as const] : []),
    ]);
  }

  get #newcomers(): Newcomers {
    return this.#options.newcomers ?? newcomers;
  }

  get busy(): boolean {
    return this.streams.size > 0;
  }

  get isHeadPartial(): boolean {
    return this.hasOpenSection || (this.#preface > 0 && this.#preface < PREFACE.length);
  }

  refuseHead(): void {
    this.fail(ErrorCode.EnhanceYourCalm, 'a header section took too long');
  }

  announceEnd(): void {
    this.drain();
  }

  /** The client is told to go; what it sent before it knew is still answered. RFC 9113 §6.8 */
  drain(): void {
    if (this.#draining !== 'no' || this.closed) return;
    this.#draining = 'announced';
    const { outbox } = this.sender;
    outbox.push(goAwayFrame(MAX_WINDOW, ErrorCode.None));
    outbox.push(pingFrame(DRAIN_PING, false));
    this.#drainTimer = this.clock.after(this.#options.drainMs ?? DEFAULT_DRAIN_MS, () => this.#drainFinally());
    this.#drainTimer.unref();
  }

  protected override receive(chunk: Buffer): void {
    let from = 0;
    while (this.#preface < PREFACE.length && from < chunk.length) {
      if (chunk[from] !== PREFACE[this.#preface]) return this.fail(ErrorCode.Protocol, 'the connection does not begin with the preface of HTTP/2');
      from++;
      this.#preface++;
    }
    if (from === chunk.length) return;
    this.#atOnce = REQUESTS_OF_A_READ;
    this.feed(chunk, from);
  }

  override onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#newest !== undefined && type !== FrameType.RstStream) this.#beginNewest();
    super.onFrame(type, flags, streamId, payload);
  }

  override onDataHead(streamId: number, flags: number, length: number, dataLength: number): void {
    if (this.#newest !== undefined) this.#beginNewest();
    super.onDataHead(streamId, flags, length, dataLength);
  }

  protected override onFed(): void {
    if (this.#newest !== undefined) this.#beginNewest();
  }

  #beginNewest(): void {
    const stream = this.#newest;
    this.#newest = undefined;
    if (stream === undefined) return;
    if (this.#isKnown && !stream.over && this.#unbegun.length === 0 && this.#atOnce > 0) {
      this.#atOnce--;
      this.#newcomers.countKnown();
      return stream.begin(this.#handler);
    }
    if (stream.over) this.#untold++;
    else stream.pause();
    this.#unbegun.push(stream);
    (this.#isKnown ? beginnings : this.#newcomers.requests).add(this);
    if (this.#untold > MOST_UNTOLD) this.fail(ErrorCode.EnhanceYourCalm, 'too many streams were reset before they began');
  }

  /** The next one whose turn it is. */
  proceed(): boolean {
    const next = this.#unbegun.shift();
    if (next?.over === true && this.#untold > 0) this.#untold--;
    if (!this.#isKnown) this.#newcomers.countCame();
    next?.begin(this.#handler);
    return this.#unbegun.length > 0;
  }

  protected override onUnknownStream(streamId: number, block: HeaderBlock, end: boolean): void {
    if (streamId % 2 === 0) return this.fail(ErrorCode.Protocol, 'a client opened a stream with an even number');
    if (streamId <= this.lastRemoteId) return this.fail(ErrorCode.StreamClosed, 'HEADERS on a closed stream');
    if (this.#draining === 'final') return;
    this.lastRemoteId = streamId;
    if (this.streams.size >= this.#options.maxConcurrentStreams) {
      this.writeReset(streamId, ErrorCode.RefusedStream);
      return this.charge(this.flood.streamOpened());
    }
    if (block.tooLarge) return this.#refuse(streamId, TOO_LARGE);
    const head = block.malformed ? undefined : requestHead(block, end, this.#options.allowConnect === true);
    if (head === undefined) {
      this.writeReset(streamId, ErrorCode.Protocol);
      return this.provoked(ErrorCode.Protocol, this.flood.streamOpened());
    }
    const stream = new DownstreamHttp2Stream(this, streamId, head);
    this.streams.set(streamId, stream);
    if (end) stream.headEnded();
    else stream.expectBody(block.contentLength);
    this.#newest = stream;
  }

  /** An answer without a request that anybody heard of. */
  #refuse(streamId: number, refusal: Refusal): void {
    const fields = this.#handler.onRefusedHead?.(refusal);
    this.sender.writeHead(streamId, () => {
      this.sender.field(':status', String(refusal.status));
      for (const [name, value] of fields ?? []) this.sender.field(name, value);
    }, true);
    this.writeReset(streamId, ErrorCode.None);
    this.charge(this.flood.streamOpened());
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.lastRemoteId;
  }

  protected override onStreamOver(stream: DownstreamHttp2Stream): void {
    if (stream.localEnded) this.#isKnown = true;
    if (this.streams.size > 0) return;
    this.#handler.onIdle();
    if (this.#draining === 'final') this.finish();
  }

  protected override onGoAway(): void {
    // The client opens no more streams; it will close when it has its answers.
  }

  protected override onSettled(): void {}

  protected override onPong(payload: Buffer): void {
    if (this.#draining === 'announced' && payload.equals(DRAIN_PING)) this.#drainFinally();
  }

  protected override onGone(): void {
    this.#drainTimer?.cancel();
    this.#handler.onClosed();
  }

  #drainFinally(): void {
    this.#drainTimer?.cancel();
    if (this.#draining !== 'announced' || this.closed) return;
    this.#draining = 'final';
    this.sender.outbox.push(goAwayFrame(this.lastRemoteId, ErrorCode.None));
    if (this.streams.size === 0) this.finish();
  }
}

/** What HTTP/1 could not carry as it stands is malformed: it would become something else on the way. RFC 9113 §8.3.1, §10.3, RFC 8441 §4
 * @returns undefined for a malformed request */
function requestHead(block: HeaderBlock, ended: boolean, allowsTunnels: boolean): RequestHead | undefined {
  const { method, path, scheme, authority, protocol, contentLength } = block;
  if (method === undefined || !isMethod(method) || block.status !== undefined) return undefined;
  if (!isAuthority(authority ?? block.host ?? '') || (authority !== undefined && block.host !== undefined && block.host !== authority)) return undefined;
  const headers = new Headers(block.list);
  const common = { authority: authority ?? block.host ?? '', protocol: 'HTTP/2' as const, headers, bodyLength: ended ? 0 : contentLength };
  if (ended && contentLength > 0) return undefined;
  if (method === 'CONNECT' && protocol === undefined) {
    return path === undefined && scheme === undefined && authority ? { ...common, method, path: '', scheme: '' } : undefined;
  }
  if (scheme === undefined || path === undefined || !(isOriginForm(path) || (path === '*' && method === 'OPTIONS'))) return undefined;
  if (protocol === undefined) return { ...common, method, path, scheme };
  // To the rest of the proxy it is what an HTTP/1.1 client would have asked for.
  return allowsTunnels && method === 'CONNECT' ? { ...common, method: 'GET', path, scheme, upgrade: protocol } : undefined;
}
