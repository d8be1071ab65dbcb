/** HTTP/2 towards an upstream: one connection, one UpstreamStream per request. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import { Headers } from '../headers.ts';
import { MAX_INTERIM_RESPONSES, type RequestHead, type ResetReason, type ResponseSink, type UpstreamStream } from '../stream.ts';
import { Http2Connection } from './connection.ts';
import { ErrorCode, goAwayFrame, pingFrame, PREFACE, Setting } from './frames.ts';
import type { HeaderBlock } from './header-block.ts';
import { sendsOverHttp2 } from './headers.ts';
import type { Http2Limits } from './limits.ts';
import { Http2Stream } from './stream.ts';

export interface Http2ClientOptions {
  /** 0: no limit. */
  readonly maxRequests: number;
  /** Streams at a time; the server may allow fewer. Default: as the server says. */
  readonly maxStreams?: number;
  readonly ping?: PingRules;
  onClosed(): void;
  readonly limits?: Partial<Http2Limits>;
  readonly clock?: Clock;
}

/** How a peer that is gone without a word is noticed. Envoy: KeepaliveSettings. */
export interface PingRules {
  readonly intervalMs: number;
  /** The connection ends when a PING is not answered within this. */
  readonly timeoutMs: number;
}

const PING = Buffer.from('lateen ?');
const LAST_STREAM_ID = 0x7fffffff;

export class Http2ClientSession extends Http2Connection<UpstreamHttp2Stream> {
  readonly #options: Http2ClientOptions;
  readonly #maxStreams: number;
  #pinging: Timer | undefined;
  #nextId = 1;
  #ending = false;
  requests = 0;
  /** Monotonic ms since which no stream is open; 0 while busy. Kept by the pool. */
  idleSince = 0;

  constructor(socket: Duplex, options: Http2ClientOptions) {
    super({ socket, limits: options.limits, clock: options.clock });
    this.#options = options;
    this.#maxStreams = options.maxStreams ?? Infinity;
    if (options.ping) this.#schedulePing(options.ping);
    this.open([[Setting.EnablePush, 0], [Setting.InitialWindowSize, this.limits.streamWindow], [Setting.MaxHeaderListSize, this.limits.maxHeadBytes]], PREFACE);
  }

  get active(): number {
    return this.streams.size;
  }

  /** Can take one more stream. */
  get available(): boolean {
    if (this.#ending || this.closed || this.#nextId > LAST_STREAM_ID) return false;
    const { maxRequests } = this.#options;
    return this.streams.size < Math.min(this.sender.peer.maxStreams, this.#maxStreams) && (maxRequests === 0 || this.requests < maxRequests);
  }

  /** @param onClosed called once when the stream is over, however it ended */
  openStream(sink: ResponseSink, onClosed: () => void): UpstreamStream {
    const stream = new UpstreamHttp2Stream(this, this.#nextId, { sink, onClosed });
    this.#nextId += 2;
    this.requests++;
    this.idleSince = 0;
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** No new streams; ends when the open ones have ended. */
  close(): void {
    if (this.#ending || this.closed) return;
    this.#ending = true;
    if (this.streams.size === 0) this.#end();
  }

  protected override onUnknownStream(streamId: number): void {
    this.fail(this.isIdle(streamId) ? ErrorCode.Protocol : ErrorCode.StreamClosed, 'HEADERS on a stream that is not open');
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextId;
  }

  protected override onStreamOver(stream: UpstreamHttp2Stream): void {
    stream.closed();
    if (this.#ending && this.streams.size === 0) this.#end();
  }

  /** Streams beyond the last one were not looked at: they can be sent again. RFC 9113 §6.8 */
  protected override onGoAway(lastStreamId: number): void {
    this.#ending = true;
    for (const stream of Array.from(this.streams.values())) if (stream.id > lastStreamId) stream.broken(ErrorCode.RefusedStream, true);
    if (this.streams.size === 0) this.#end();
  }

  protected override onSettled(): void {}

  protected override onPong(): void {
    const { ping } = this.#options;
    this.#pinging?.cancel();
    if (ping && !this.closed) this.#schedulePing(ping);
  }

  #schedulePing(rules: PingRules): void {
    this.#pinging = this.clock.after(rules.intervalMs, () => {
      this.#pinging = this.clock.after(rules.timeoutMs, () => this.destroy());
      this.#pinging.unref();
      this.sender.outbox.push(pingFrame(PING, false));
      this.sender.outbox.flush();
    });
    this.#pinging.unref();
  }

  protected override onGone(): void {
    this.#pinging?.cancel();
    this.#ending = true;
    this.#options.onClosed();
  }

  #end(): void {
    if (this.closed) return;
    this.sender.outbox.push(goAwayFrame(0, ErrorCode.None));
    this.finish();
  }
}

class UpstreamHttp2Stream extends Http2Stream implements UpstreamStream {
  readonly #session: Http2ClientSession;
  readonly #onClosed: () => void;
  #sink: ResponseSink | undefined;
  #isHeadRequest = false;
  /** RFC 8441: the answer to an upgrade is 200 here, 101 for the rest of the proxy. */
  #upgrade: string | undefined;
  #headSeen = false;
  #interims = 0;

  constructor(session: Http2ClientSession, id: number, owner: { sink: ResponseSink; onClosed: () => void }) {
    super(session, id);
    this.#session = session;
    this.#sink = owner.sink;
    this.#onClosed = owner.onClosed;
  }

  closed(): void {
    this.#onClosed();
  }

  // The request

  sendHead(head: RequestHead, end: boolean): void {
    const { sender } = this.#session;
    this.#isHeadRequest = head.method === 'HEAD';
    this.#upgrade = head.upgrade;
    this.writeHead(() => {
      const isConnect = head.method === 'CONNECT' && head.upgrade === undefined;
      sender.field(':method', head.upgrade === undefined ? head.method : 'CONNECT');
      if (!isConnect) {
        sender.field(':scheme', head.scheme === '' ? 'http' : head.scheme);
        sender.field(':path', head.path);
      }
      sender.field(':authority', head.authority);
      if (head.upgrade !== undefined) sender.field(':protocol', head.upgrade);
      const { list } = head.headers;
      for (let i = 0; i < list.length; i += 3) {
        const name = list[i] ?? '';
        if (sendsOverHttp2(name)) sender.field(name, list[i + 1] ?? '');
      }
    }, end);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    return this.writeData(chunk, end);
  }

  sendEnd(trailers: Headers | undefined): void {
    this.writeEnd(trailers);
  }

  abort(): void {
    this.#sink = undefined;
    this.abandon(ErrorCode.Cancel);
  }

  // The answer

  override onBlock(block: HeaderBlock, end: boolean): void {
    if (block.malformed) return this.reset(ErrorCode.Protocol);
    if (block.tooLarge) return this.#refuse();
    if (this.#headSeen) {
      if (!end || block.hasPseudo) return this.reset(ErrorCode.Protocol);
      return this.endRemote(new Headers(block.list));
    }
    const status = Number(block.status);
    // RFC 9113 §8.3.2; 101 does not exist here (§8.6).
    if (block.method !== undefined || block.path !== undefined || !(status >= 100 && status <= 599) || status === 101) return this.reset(ErrorCode.Protocol);
    const headers = new Headers(block.list);
    if (block.host !== undefined) headers.add('host', block.host);
    if (status < 200) {
      if (end || ++this.#interims > MAX_INTERIM_RESPONSES) return this.reset(ErrorCode.Protocol);
      this.#sink?.onInterim(status, headers);
      return;
    }
    this.#onHead(status, headers, { length: block.contentLength, end });
  }

  /** An answer that is too large: to Envoy it looks as if the server had given the stream up. */
  #refuse(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.abandon(ErrorCode.Internal);
    sink?.onReset('remote reset');
  }

  #onHead(status: number, headers: Headers, body: { length: number; end: boolean }): void {
    const { end } = body;
    this.#headSeen = true;
    const isBodiless = this.#isHeadRequest || status === 204 || status === 304;
    if (end && !isBodiless && body.length > 0) return this.reset(ErrorCode.Protocol);
    if (!isBodiless) this.expectBody(body.length);
    const upgrade = status === 200 ? this.#upgrade : undefined;
    if (upgrade !== undefined) headers.set('upgrade', upgrade);
    const sink = this.#sink;
    if (end) {
      this.#sink = undefined;
      this.headEnded();
    }
    sink?.onHead({ status: upgrade === undefined ? status : 101, headers, bodyLength: end ? 0 : upgrade === undefined ? body.length : -1 }, false);
    if (end) this.completed();
  }

  protected override onBody(chunk: Buffer, end: boolean): void {
    if (!this.#headSeen) return this.reset(ErrorCode.Protocol);
    const sink = this.#sink;
    if (end) this.#sink = undefined;
    sink?.onData(chunk, end);
  }

  protected override onBodyEnd(trailers: Headers | undefined): void {
    if (!this.#headSeen) return this.reset(ErrorCode.Protocol);
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.onEnd(trailers);
  }

  protected override onDrain(): void {
    this.#sink?.onDrain();
  }

  protected override onBroken(code: ErrorCode | undefined, byPeer: boolean): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.onReset(resetReason(code, byPeer));
  }
}

/** Envoy: StreamResetReason. */
function resetReason(code: ErrorCode | undefined, byPeer: boolean): ResetReason {
  if (code === undefined) return 'connection termination';
  if (!byPeer || code === ErrorCode.Protocol) return 'protocol error';
  return code === ErrorCode.RefusedStream ? 'remote refused stream reset' : 'remote reset';
}
