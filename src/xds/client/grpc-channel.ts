/** gRPC as a client: one connection, bidirectional streams and unary calls, keep-alive by PING; on our own HTTP/2. A sidecar keeps
 * one ADS stream and asks for one certificate now and then: for that, @grpc/grpc-js costs 6 MB of memory and 60 ms of start more
 * than node:http2, and that 1 MB and 4 ms more than what the proxy has anyway. No retries, balancing or name resolution in here. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { callHead, ClientCall, type GrpcStatus, type GrpcStream, type StreamHandlers } from '../../grpc/client-call.ts';
import { GrpcClientSession } from '../../grpc/client-session.ts';
import { GrpcCode, GrpcError } from '../../grpc/errors.ts';

export interface ChannelTls {
  /** Roots that are trusted, PEM; the system's are not. */
  readonly trustedCaPem: string;
  /** Name that the server's certificate must carry, and SNI. */
  readonly serverName: string;
  /** Client certificate, if one is to be shown. */
  readonly client?: { readonly certificateChainPem: string; readonly keyPem: string };
}

export interface ChannelOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: ChannelTls;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Time between PINGs; the connection ends when one is not answered in a third of it. Default 30 s. */
  readonly keepAliveMs?: number;
  readonly clock?: Clock;
}

export interface GrpcChannel {
  /** Resolves when the connection is there, TLS included. @throws GrpcError when there will be none */
  connected(): Promise<void>;
  /** @param path `/package.Service/Method` */
  open(path: string, headers: Readonly<Record<string, string>>, handlers: StreamHandlers): GrpcStream;
  /** @throws GrpcError for every status but OK */
  unary(path: string, headers: Readonly<Record<string, string>>, call: { message: Uint8Array; timeoutMs: number }): Promise<Buffer>;
  /** Ends the connection and every stream on it. */
  close(): void;
}

/** Starts to connect at once; calls made before the connection is there wait for it. A channel whose connection was lost is
 * of no more use: make a new one. */
export function createGrpcChannel(options: ChannelOptions): GrpcChannel {
  return new Channel(options);
}

/** Told once how connecting went. */
interface Waiting {
  connected(session: GrpcClientSession): void;
  failed(): void;
}

class Channel implements GrpcChannel {
  readonly #options: ChannelOptions;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #authority: string;
  #session: GrpcClientSession | undefined;
  /** Why there is no connection. */
  #failure: string | undefined;
  #isGone = false;
  #deadline: Timer;
  #waiting: Waiting[] = [];

  constructor(options: ChannelOptions) {
    const { host, port, connectTimeoutMs = 10_000, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#deadline = clock.after(connectTimeoutMs, () => this.#end(`no connection within ${connectTimeoutMs} ms`));
    this.#socket = openSocket(options);
    // Before those of the session, which tell the streams.
    this.#socket.on('error', (error) => (this.#failure ??= errorText(error)));
    this.#socket.once(options.tls ? 'secureConnect' : 'connect', () => this.#onConnected());
    this.#socket.once('close', () => this.#onGone());
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenConnected({ connected: () => resolve(), failed: () => reject(new GrpcError(GrpcCode.Unavailable, this.#why() ?? 'closed')) });
    });
  }

  open(path: string, headers: Readonly<Record<string, string>>, handlers: StreamHandlers): GrpcStream {
    const call = new ClientCall(handlers, () => this.#lost());
    const head = callHead(path, { authority: this.#authority, secure: this.#options.tls !== undefined }, headers);
    this.#whenConnected({ connected: (session) => call.begin(session, head), failed: () => call.fail() });
    return call;
  }

  unary(path: string, headers: Readonly<Record<string, string>>, { message, timeoutMs }: { message: Uint8Array; timeoutMs: number }): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const deadline = this.#clock.after(timeoutMs, () => stream.cancel());
      const stream = this.open(path, { ...headers, 'grpc-timeout': `${Math.ceil(timeoutMs)}m` }, {
        onMessage: (bytes) => void (answer = bytes),
        onEnd(status) {
          deadline.cancel();
          if (status.code !== GrpcCode.Ok) reject(new GrpcError(status.code, status.message));
          else if (answer) resolve(answer);
          else reject(new GrpcError(GrpcCode.Internal, 'the server answered OK without a message'));
        },
      });
      stream.send(message);
      stream.end();
    });
  }

  close(): void {
    this.#end('closed by us');
  }

  #whenConnected(waiting: Waiting): void {
    const session = this.#session;
    // Never before the caller has what it called for.
    if (this.#isGone || session?.closed) queueMicrotask(() => waiting.failed());
    else if (session) waiting.connected(session);
    else this.#waiting.push(waiting);
  }

  #onConnected(): void {
    this.#deadline.cancel();
    const { keepAliveMs = 30_000 } = this.#options;
    const session = new GrpcClientSession(this.#socket, { keepAliveMs, clock: this.#clock });
    this.#session = session;
    for (const waiting of this.#waiting.splice(0)) waiting.connected(session);
  }

  #onGone(): void {
    this.#isGone = true;
    this.#deadline.cancel();
    for (const waiting of this.#waiting.splice(0)) waiting.failed();
  }

  #end(reason: string): void {
    this.#failure ??= this.#session?.reason ?? reason;
    this.#deadline.cancel();
    if (this.#session) this.#session.destroy();
    else this.#socket.destroy();
  }

  #why(): string | undefined {
    return this.#failure ?? this.#session?.reason;
  }

  #lost(): GrpcStatus {
    const { host, port } = this.#options;
    return { code: GrpcCode.Unavailable, message: `connection to ${host}:${port} lost: ${this.#why() ?? 'closed by the server'}` };
  }
}

function openSocket({ host, port, tls }: ChannelOptions): Socket {
  if (!tls) return connect({ host, port, noDelay: true });
  const socket = connectTls({
    host,
    port,
    ca: tls.trustedCaPem,
    // RFC 6066 §3: an address is no name; the certificate is then checked for the address that is called.
    ...(isIP(tls.serverName) === 0 ? { servername: tls.serverName } : {}),
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    ...(tls.client ? { cert: tls.client.certificateChainPem, key: tls.client.keyPem } : {}),
  });
  socket.setNoDelay(true);
  return socket;
}
