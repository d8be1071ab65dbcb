/** HTTP/2 towards clients: one connection, one DownstreamStream per request. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import { Headers } from '../headers.ts';
import { isAuthority, isMethod, isOriginForm } from '../http1/head.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResponseHead } from '../http/stream.ts';
import { DEFAULT_CLOSE_DELAY_MS } from '../net/ending.ts';
import { Http2Connection, type Http2Limits } from './connection.ts';
import { ErrorCode, goAwayFrame, MAX_WINDOW, pingFrame, PREFACE, Setting } from './frames.ts';
import type { HeaderBlock } from './header-block.ts';
import { sendsOverHttp2 } from './headers.ts';
import { Http2Stream } from './stream.ts';

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
}

/** Envoy's default of `drain_timeout`. */
export const DEFAULT_DRAIN_MS = 5000;
/** Sent with the first GOAWAY: its answer tells that the client has read it. */
const DRAIN_PING = Buffer.from('draining', 'latin1');

export class Http2ServerConnection extends Http2Connection<DownstreamHttp2Stream> {
  readonly #handler: Http2ServerHandler;
  readonly #options: Http2ServerOptions;
  #preface = 0;
  #draining: 'no' | 'announced' | 'final' = 'no';
  #drainTimer: Timer | undefined;

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
    if (from < chunk.length) this.feed(chunk, from);
  }

  protected override onUnknownStream(streamId: number, block: HeaderBlock, end: boolean): void {
    if (streamId % 2 === 0) return this.fail(ErrorCode.Protocol, 'a client opened a stream with an even number');
    if (streamId <= this.lastRemoteId) return this.fail(ErrorCode.StreamClosed, 'HEADERS on a closed stream');
    if (this.#draining === 'final') return;
    this.lastRemoteId = streamId;
    if (this.streams.size >= this.#options.maxConcurrentStreams) return this.writeReset(streamId, ErrorCode.RefusedStream);
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
    stream.attach(this.#handler.onRequest(stream, head));
  }

  /** An answer without a request that anybody heard of. */
  #refuse(streamId: number, refusal: Refusal): void {
    const fields = this.#handler.onRefusedHead?.(refusal);
    this.sender.writeHead(streamId, () => {
      this.sender.field(':status', String(refusal.status));
      for (const [name, value] of fields ?? []) this.sender.field(name, value);
    }, true);
    this.writeReset(streamId, ErrorCode.None);
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.lastRemoteId;
  }

  protected override onStreamOver(): void {
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

class DownstreamHttp2Stream extends Http2Stream implements DownstreamStream {
  readonly #connection: Http2ServerConnection;
  readonly #isHead: boolean;
  /** RFC 8441: an upgrade is accepted by 200. */
  readonly #isTunnel: boolean;
  #sink: RequestSink | undefined;
  /** Answered, perhaps before the sink was known. */
  #answered = false;
  /** Why it broke before the sink was known. */
  #brokenEarly = false;

  constructor(connection: Http2ServerConnection, id: number, head: RequestHead) {
    super(connection, id);
    this.#connection = connection;
    this.#isHead = head.method === 'HEAD';
    this.#isTunnel = head.upgrade !== undefined;
  }

  attach(sink: RequestSink): void {
    if (this.#answered) return;
    if (this.#brokenEarly) return sink.onReset('remote reset');
    this.#sink = sink;
  }

  // From the connection

  override onBlock(block: HeaderBlock, end: boolean): void {
    // Trailers: RFC 9113 §8.1.
    if (!end || block.malformed || block.tooLarge || block.hasPseudo) return this.reset(ErrorCode.Protocol);
    this.endRemote(new Headers(block.list));
  }

  protected override onBody(chunk: Buffer, end: boolean): void {
    // A request's body may have to wait, or be sent again.
    this.#sink?.onData(Buffer.from(chunk), end);
  }

  protected override onBodyEnd(trailers: Headers | undefined): void {
    this.#sink?.onEnd(trailers);
  }

  protected override onDrain(): void {
    this.#sink?.onDrain();
  }

  protected override onBroken(code: ErrorCode | undefined, byPeer: boolean): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#brokenEarly = true;
    if (code === undefined) sink?.onReset('connection termination');
    else sink?.onReset(byPeer ? 'remote reset' : 'protocol error');
  }

  // The answer

  sendInterim(status: number, headers: Headers): void {
    if (status !== 101) this.#writeHead(status, headers, false);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    const isLast = end || this.#isHead;
    const { status } = head;
    if (isLast) this.#done();
    this.#writeHead(status === 101 && this.#isTunnel ? 200 : status, head.headers, isLast);
    if (isLast) this.#stopRequest();
  }

  sendData(chunk: Buffer, end: boolean, isKept = false): boolean {
    if (!end) return this.writeData(chunk, false, isKept);
    this.#done();
    this.writeData(chunk, true, isKept);
    this.#stopRequest();
    return true;
  }

  sendEnd(trailers: Headers | undefined): void {
    this.#done();
    this.writeEnd(trailers);
    this.#stopRequest();
  }

  /** @param code undefined: the exchange gives it up, and need not be told */
  override reset(code?: ErrorCode): void {
    if (code === undefined) this.#done();
    super.reset(code ?? ErrorCode.Internal);
  }

  /** A stream of its own ends by itself; the other streams go on. */
  closeAfter(): void {}

  #writeHead(status: number, headers: Headers, end: boolean): void {
    const { sender } = this.#connection;
    this.writeHead(() => {
      sender.field(':status', String(status));
      const { list } = headers;
      for (let i = 0; i < list.length; i += 3) {
        const name = list[i] ?? '';
        if (sendsOverHttp2(name)) sender.field(name, list[i + 1] ?? '');
      }
    }, end);
  }

  #done(): void {
    this.#answered = true;
    this.#sink = undefined;
  }

  /** RFC 9113 §8.1: a complete answer before the end of the request tells the client to stop sending. */
  #stopRequest(): void {
    this.resume();
    if (this.localEnded && !this.remoteEnded) this.abandon(ErrorCode.None);
  }
}
