/** A gRPC call as a service sees it, streaming or not. Spec: gRPC over HTTP/2. */

import { errorText } from '../base/errors.ts';
import { GrpcCode } from './errors.ts';

export interface GrpcFailure {
  readonly code: GrpcCode;
  readonly details: string;
}

export interface GrpcPeer {
  /** `10.0.0.7:40012`; empty on a Unix socket. */
  readonly address: string;
  /** Of a client certificate, DER; it has not been verified. */
  readonly certificate: Buffer | undefined;
  /** Value of a metadata entry, name in lower case. */
  metadata(name: string): string | undefined;
}

export interface GrpcCall {
  readonly peer: GrpcPeer;
  send(message: Uint8Array): void;
  /** With gRPC's prefix already there: messages that go to many clients are framed once. */
  sendFramed(message: Buffer): void;
  /** Nothing is sent any more. */
  end(failure?: GrpcFailure): void;
}

/** What a service does with what it hears of one call. */
export interface GrpcReceiver {
  /** The bytes may be kept. */
  message(bytes: Buffer): void;
  /** The client has said everything. */
  ended(): void;
  /** The client went away before the call had ended. */
  lost(): void;
}

export type GrpcMethod = (call: GrpcCall) => GrpcReceiver;

/** By path: `/package.Service/Method`. */
export type GrpcService = Readonly<Record<string, GrpcMethod>>;

/** A method with one request and one response. */
export function unary(answer: (request: Buffer, peer: GrpcPeer) => Promise<Uint8Array | GrpcFailure>): GrpcMethod {
  return (call) => {
    let request: Buffer | undefined;
    const fail = (error: unknown) => call.end({ code: GrpcCode.Internal, details: errorText(error) });
    return {
      message: (bytes) => void (request = bytes),
      ended() {
        if (!request) return call.end({ code: GrpcCode.InvalidArgument, details: 'a call without a request' });
        answer(request, call.peer).then((response) => {
          if (!(response instanceof Uint8Array)) return call.end(response);
          call.send(response);
          call.end();
        }).catch(fail);
      },
      lost() {},
    };
  };
}
