import { Headers } from '../codec/headers.ts';
import type { DownstreamStream, RequestHead, RequestSink } from '../codec/stream.ts';
import type { GrpcCall, GrpcFailure, GrpcMethod, GrpcPeer, GrpcReceiver } from './call.ts';
import { GrpcCode } from './errors.ts';
import { encodeFrame, FrameReader } from './frames.ts';

/** One call: the stream of the codec on one side, the service's receiver on the other. */
export class ServerCall implements GrpcCall, RequestSink {
  readonly peer: GrpcPeer;
  readonly #stream: DownstreamStream;
  readonly #reader: FrameReader;
  readonly #receiver: GrpcReceiver;
  #hasHead = false;
  #isOver = false;

  constructor(stream: DownstreamStream, method: GrpcMethod, about: { peer: GrpcPeer; maxMessageBytes: number }) {
    this.peer = about.peer;
    this.#stream = stream;
    this.#reader = new FrameReader(about.maxMessageBytes);
    this.#receiver = method(this);
  }

  send(message: Uint8Array): void {
    this.sendFramed(encodeFrame(message));
  }

  sendFramed(message: Buffer): void {
    if (this.#isOver) return;
    if (!this.#hasHead) {
      this.#hasHead = true;
      this.#stream.sendHead({ status: 200, headers: Headers.of('content-type', CONTENT_TYPE), bodyLength: -1 }, false, true);
    }
    // Who does not read is not written to by services: they wait for answers, so what waits here is bounded.
    this.#stream.sendData(message, false, true);
  }

  end(failure: GrpcFailure = SUCCESS): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#hasHead) this.#stream.sendEnd(Headers.of(...trailers(failure)));
    else refuse(this.#stream, failure);
  }

  onData(chunk: Buffer, end: boolean): void {
    if (this.#isOver) return;
    const messages = this.#reader.push(chunk);
    if (typeof messages === 'string') {
      this.#receiver.lost();
      return this.end({ code: GrpcCode.ResourceExhausted, details: messages });
    }
    for (const message of messages) {
      if (this.#isOver) return;
      this.#receiver.message(message);
    }
    if (end) this.onEnd();
  }

  onEnd(): void {
    if (!this.#isOver) this.#receiver.ended();
  }

  onReset(): void {
    this.#lost();
  }

  onDrain(): void {}

  #lost(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.lost();
  }
}

const CONTENT_TYPE = 'application/grpc';
const SUCCESS: GrpcFailure = { code: GrpcCode.Ok, details: '' };

/** An answer without a message: everything in one header section. */
export function refuse(stream: DownstreamStream, failure: GrpcFailure): void {
  stream.sendHead({ status: 200, headers: Headers.of('content-type', CONTENT_TYPE, ...trailers(failure)), bodyLength: 0 }, true, false);
}

export const isGrpc = ({ method, headers }: RequestHead): boolean => method === 'POST' && headers.get('content-type')?.startsWith(CONTENT_TYPE) === true;

const trailers = ({ code, details }: GrpcFailure): string[] => ['grpc-status', String(code), ...(details === '' ? [] : ['grpc-message', percentEncoded(details)])];

/** Spec: gRPC over HTTP/2, Status-Message: printable ASCII stays, but for `%`. */
const percentEncoded = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => (byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('');
