/** The client's end of a gRPC connection: asks whether the server is still there, and knows why the connection ended. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../base/clock.ts';
import { Http2ClientSession } from '../codec/http2/client-session.ts';
import { ErrorCode, pingFrame } from '../codec/http2/frames.ts';

export interface ClientSessionOptions {
  /** Time between PINGs; the connection ends when one is not answered in a third of it. */
  readonly keepAliveMs: number;
  readonly clock: Clock;
}

const PING = Buffer.from('alive?  ', 'latin1');
/** Few streams, large messages. */
const WINDOW = 1024 * 1024;

export class GrpcClientSession extends Http2ClientSession {
  /** Why it ended, or is about to. */
  reason: string | undefined;
  readonly #keepAliveMs: number;
  #timer: Timer | undefined;

  /** @param socket connected */
  constructor(socket: Duplex, { keepAliveMs, clock }: ClientSessionOptions) {
    super(socket, { maxRequests: 0, limits: { streamWindow: WINDOW, connectionWindow: WINDOW }, clock, onClosed: () => this.#timer?.cancel() });
    this.#keepAliveMs = keepAliveMs;
    this.#waitForPing();
  }

  protected override onPong(): void {
    this.#timer?.cancel();
    if (!this.closed) this.#waitForPing();
  }

  /** What is open may still be answered, unless the server says that something is wrong. */
  protected override onGoAway(lastStreamId: number, code: number = ErrorCode.None): void {
    this.reason ??= `the server is going away (code ${code})`;
    if (code === ErrorCode.None) super.onGoAway(lastStreamId);
    else this.destroy();
  }

  protected override fail(code: ErrorCode, reason: string): void {
    this.reason ??= `HTTP/2: ${reason}`;
    super.fail(code, reason);
  }

  #waitForPing(): void {
    this.#timer = this.clock.after(this.#keepAliveMs, () => this.#ping());
    this.#timer.unref();
  }

  #ping(): void {
    this.#timer = this.clock.after(this.#keepAliveMs / 3, () => {
      this.reason ??= 'the server does not answer PING';
      this.destroy();
    });
    this.sender.outbox.push(pingFrame(PING, false));
    this.sender.outbox.flush();
  }
}
