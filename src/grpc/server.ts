/** A gRPC server on our own HTTP/2: thousands of streams on which the same bytes go out and small answers come in are what it is
 * made for. Spec: gRPC over HTTP/2. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { systemClock, type Clock, type Timer } from '../base/clock.ts';
import { pingFrame } from '../codec/http2/frames.ts';
import { Http2ServerConnection } from '../codec/http2/server-session.ts';
import { Headers } from '../codec/headers.ts';
import type { DownstreamStream, RequestHead, RequestSink } from '../codec/stream.ts';
import type { GrpcPeer, GrpcService } from './call.ts';
import { GrpcCode } from './errors.ts';
import { isGrpc, refuse, ServerCall } from './server-call.ts';

export interface GrpcServerOptions {
  readonly services: readonly GrpcService[];
  readonly clock?: Clock;
  /** Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** A connection that is silent for so long is asked whether it lives, and closed when it is silent for as long again; default 30 s. */
  readonly keepaliveMs?: number;
}

export interface GrpcServer {
  /** Serves a connection; over TLS, after the handshake. */
  accept(socket: Socket): void;
  /** Listens for plaintext. Resolves with the port; 0 on a path. */
  listen(at: { port: number; host: string } | { path: string }): Promise<number>;
  /** Streams in progress are lost. */
  close(): Promise<void>;
}

interface Connection {
  readonly http2: Http2ServerConnection;
  readonly socket: Socket;
  bytesRead: number;
  isAsked: boolean;
}

const MAX_STREAMS = 100;
const PROBE = Buffer.from('alive?  ', 'latin1');

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { clock = systemClock, maxMessageBytes = 4 * 1024 * 1024, keepaliveMs = 30_000 } = options;
  const methods = new Map(options.services.flatMap((service) => Object.entries(service)));
  const connections = new Set<Connection>();
  const listener = createServer({ noDelay: true }, (socket) => accept(socket));
  let timer: Timer | undefined;
  // A connection that cannot be accepted costs that connection and nothing else.
  listener.on('error', () => {});

  const serve = (stream: DownstreamStream, head: RequestHead, socket: Socket): RequestSink => {
    if (!isGrpc(head)) {
      stream.sendHead({ status: 415, headers: Headers.of('accept', 'application/grpc'), bodyLength: 0 }, true, false);
      return IGNORE;
    }
    const method = methods.get(head.path);
    if (method) return new ServerCall(stream, method, { peer: peerOf(socket, head), maxMessageBytes });
    refuse(stream, { code: GrpcCode.Unimplemented, details: `there is no method ${head.path}` });
    return IGNORE;
  };
  const accept = (socket: Socket): void => {
    const connection: Connection = {
      socket, bytesRead: 0, isAsked: false,
      http2: new Http2ServerConnection(socket, {
        onRequest: (stream, head) => serve(stream, head, socket),
        onIdle() {},
        onClosed: () => void connections.delete(connection),
      }, { maxConcurrentStreams: MAX_STREAMS, clock }),
    };
    connections.add(connection);
    timer ??= clock.after(keepaliveMs, probe);
    timer.unref();
  };
  const probe = (): void => {
    timer = undefined;
    for (const connection of connections) {
      const { socket, http2, isAsked, bytesRead } = connection;
      connection.bytesRead = socket.bytesRead;
      connection.isAsked = socket.bytesRead === bytesRead;
      if (!connection.isAsked) continue;
      if (isAsked) http2.destroy();
      else http2.sender.outbox.push(pingFrame(PROBE, false));
    }
    if (connections.size === 0) return;
    timer = clock.after(keepaliveMs, probe);
    timer.unref();
  };
  return {
    accept,
    listen: (at) =>
      new Promise((resolve, reject) => {
        listener.once('error', reject);
        listener.listen('path' in at ? { path: at.path } : at, () => {
          listener.off('error', reject);
          // It listens: an address of TCP, or a path.
          const address = listener.address() as AddressInfo | string;
          resolve(typeof address === 'string' ? 0 : address.port);
        });
      }),
    async close() {
      timer?.cancel();
      const closed = new Promise<void>((resolve) => (listener.listening ? listener.close(() => resolve()) : resolve()));
      for (const { http2 } of connections) http2.destroy();
      await closed;
    },
  };
}

const IGNORE: RequestSink = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

function peerOf(socket: Socket, { headers }: RequestHead): GrpcPeer {
  const { remoteAddress, remotePort } = socket;
  return {
    address: remoteAddress === undefined ? '' : `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`,
    // Empty when there is none.
    certificate: socket instanceof TLSSocket ? (socket.getPeerCertificate(false).raw as Buffer | undefined) : undefined,
    metadata: (name) => headers.get(name),
  };
}
