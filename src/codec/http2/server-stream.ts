/** A request of a client over HTTP/2, and the way back to it. */
import { Headers } from '../headers.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResetReason, ResponseHead } from '../stream.ts';
import { ErrorCode } from './frames.ts';
import type { HeaderBlock } from './header-block.ts';
import { sendsOverHttp2 } from './headers.ts';
import type { Http2ServerConnection, Http2ServerHandler } from './server-session.ts';
import { Http2Stream } from './stream.ts';

export class DownstreamHttp2Stream extends Http2Stream implements DownstreamStream {
  readonly #connection: Http2ServerConnection;
  /** Until it is begun. */
  #head: RequestHead | undefined;
  readonly #isHead: boolean;
  /** RFC 8441: an upgrade is accepted by 200. */
  readonly #isTunnel: boolean;
  #sink: RequestSink | undefined;
  /** Answered, perhaps before the sink was known. */
  #answered = false;
  /** Why it broke before the sink was known. */
  #brokenEarly: ResetReason | undefined;

  constructor(connection: Http2ServerConnection, id: number, head: RequestHead) {
    super(connection, id);
    this.#connection = connection;
    this.#head = head;
    this.#isHead = head.method === 'HEAD';
    this.#isTunnel = head.upgrade !== undefined;
  }

  override get begun(): boolean {
    return this.#head === undefined;
  }

  /** Passes the request on, or tells that it is over already. */
  begin(handler: Http2ServerHandler): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    if (this.over) return handler.onUnbegun?.(head, this.#brokenEarly ?? 'protocol error');
    this.beginAfter(() => this.#attach(handler.onRequest(this, head)));
  }

  #attach(sink: RequestSink): void {
    if (this.#answered) return;
    if (this.#brokenEarly !== undefined) return sink.onReset(this.#brokenEarly);
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
    const reason = code === undefined ? 'connection termination' : byPeer ? 'remote reset' : 'protocol error';
    this.#brokenEarly = reason;
    sink?.onReset(reason);
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
