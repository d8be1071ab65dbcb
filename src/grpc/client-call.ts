/** A call as a client makes it: messages one way, messages and a status the other. Spec: gRPC over HTTP/2. */
import { Headers } from '../codec/headers.ts';
import type { RequestHead, ResetReason, ResponseHead, ResponseSink, UpstreamStream } from '../codec/stream.ts';
import type { GrpcClientSession } from './client-session.ts';
import { GrpcCode } from './errors.ts';
import { encodeFrame, FrameReader } from './frames.ts';

export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

export interface StreamHandlers {
  onMessage(message: Buffer): void;
  /** Called exactly once. */
  onEnd(status: GrpcStatus): void;
}

export interface GrpcStream {
  send(message: Uint8Array): void;
  /** Half-closes: nothing more will be sent. */
  end(): void;
  cancel(): void;
}

export class ClientCall implements GrpcStream, ResponseSink {
  readonly #handlers: StreamHandlers;
  readonly #lost: () => GrpcStatus;
  readonly #reader = new FrameReader();
  #stream: UpstreamStream | undefined;
  /** Said before there was a connection. */
  #early: Buffer[] = [];
  #hasEnded = false;
  /** Said in the head, for the end. */
  #status: GrpcStatus | undefined;
  #isOver = false;

  /** @param lost what it ends with when the connection does */
  constructor(handlers: StreamHandlers, lost: () => GrpcStatus) {
    this.#handlers = handlers;
    this.#lost = lost;
  }

  /** The connection is there. */
  begin(session: GrpcClientSession, head: RequestHead): void {
    if (this.#isOver) return;
    // The caller has not got the call yet.
    if (!session.available) return queueMicrotask(() => this.fail());
    const stream = session.openStream(this, () => {});
    this.#stream = stream;
    stream.sendHead(head, false, true);
    for (const frame of this.#early.splice(0)) stream.sendData(frame, false);
    if (this.#hasEnded) stream.sendEnd(undefined);
  }

  /** There is no connection. */
  fail(): void {
    this.#finish(this.#lost());
  }

  send(message: Uint8Array): void {
    if (this.#isOver || this.#hasEnded) return;
    const frame = encodeFrame(message);
    // What waits for the server's window is kept for it.
    if (this.#stream) this.#stream.sendData(frame, false);
    else this.#early.push(frame);
  }

  end(): void {
    if (this.#isOver || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stream?.sendEnd(undefined);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#stream?.abort();
    this.#finish({ code: GrpcCode.Cancelled, message: 'cancelled' });
  }

  onInterim(): void {}

  onHead({ status, headers, bodyLength }: ResponseHead): void {
    if (status !== 200) return this.#giveUp({ code: httpToGrpc(status), message: `HTTP status ${status}` });
    this.#status = grpcStatus(headers);
    // "Trailers-Only": nothing follows.
    if (bodyLength === 0) this.#answered(undefined);
  }

  onData(chunk: Buffer, end: boolean): void {
    // It is only lent, and the reader keeps it.
    const messages = this.#reader.push(Buffer.from(chunk));
    if (typeof messages === 'string') return this.#giveUp({ code: GrpcCode.Internal, message: messages });
    for (const message of messages) {
      if (this.#isOver) return;
      this.#handlers.onMessage(message);
    }
    if (end && !this.#isOver) this.#answered(undefined);
  }

  onEnd(trailers: Headers | undefined): void {
    this.#answered(trailers);
  }

  onReset(reason: ResetReason): void {
    const lost = this.#lost();
    this.#finish(this.#status ?? (reason === 'connection termination' ? lost : { ...lost, message: `${lost.message} (${reason})` }));
  }

  onDrain(): void {}

  /** The server has said all it will: a stream that stays open on our side would never tell. */
  #answered(trailers: Headers | undefined): void {
    const status = this.#status ?? (trailers && grpcStatus(trailers)) ?? this.#lost();
    if (this.#hasEnded) this.#finish(status);
    else this.#giveUp(status);
  }

  #giveUp(status: GrpcStatus): void {
    this.#stream?.abort();
    this.#finish(status);
  }

  #finish(status: GrpcStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#early = [];
    this.#handlers.onEnd(status);
  }
}

/** Its name and what it says besides. */
export function callHead(path: string, server: { authority: string; secure: boolean }, metadata: Readonly<Record<string, string>>): RequestHead {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata)) headers.add(name, value);
  for (const [name, value] of [['content-type', 'application/grpc'], ['te', 'trailers'], ['user-agent', 'lateen']] as const) headers.add(name, value);
  return { method: 'POST', path, authority: server.authority, scheme: server.secure ? 'https' : 'http', protocol: 'HTTP/2', headers, bodyLength: -1 };
}

function grpcStatus(headers: Headers): GrpcStatus | undefined {
  const code = headers.get('grpc-status');
  if (code === undefined) return undefined;
  return { code: Number(code), message: decodeMessage(headers.get('grpc-message') ?? '') };
}

/** Percent-encoded UTF-8; what cannot be decoded is shown as it came. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** gRPC: "HTTP to gRPC Status Code Mapping". */
function httpToGrpc(status: number): number {
  if (status === 401) return GrpcCode.Unauthenticated;
  if (status === 403) return GrpcCode.PermissionDenied;
  return [429, 502, 503, 504].includes(status) ? GrpcCode.Unavailable : GrpcCode.Unknown;
}
