/** gRPC as a client over `node:http2`: one connection, bidirectional streams and unary calls, keep-alive by PING.
 * A sidecar keeps one ADS stream and asks for one certificate now and then: for that, @grpc/grpc-js costs 6 MB of memory and
 * 60 ms of start more than node:http2 alone (Node 26, x86-64). No retries, balancing or name resolution in here. */
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { systemClock } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { GrpcCode, GrpcError } from '../../grpc/errors.ts';
import { FrameReader, encodeFrame } from '../../grpc/frames.ts';

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
  const { clock = systemClock } = options;
  const session = openSession(options);
  let failure: string | undefined;
  session.on('error', (error) => (failure ??= errorText(error)));
  session.on('goaway', (code) => (failure ??= `the server is going away (code ${code})`));
  const stopTimers = superviseSession(session, options, clock);
  const open: GrpcChannel['open'] = (path, headers, handlers) => startStream({ session, options, why: () => failure }, { path, headers }, handlers);
  return {
    open,
    connected: () =>
      new Promise((resolve, reject) => {
        if (session.destroyed) return reject(new GrpcError(GrpcCode.Unavailable, failure ?? 'closed'));
        if (!session.connecting) return resolve();
        session.once('connect', () => resolve());
        session.once('close', () => reject(new GrpcError(GrpcCode.Unavailable, failure ?? 'closed')));
      }),
    unary: (path, headers, call) =>
      new Promise((resolve, reject) => {
        let answer: Buffer | undefined;
        const deadline = clock.after(call.timeoutMs, () => stream.cancel());
        const stream = open(path, { ...headers, 'grpc-timeout': `${Math.ceil(call.timeoutMs)}m` }, {
          onMessage: (message) => void (answer = message),
          onEnd(status) {
            deadline.cancel();
            if (status.code !== GrpcCode.Ok) reject(new GrpcError(status.code, status.message));
            else if (answer) resolve(answer);
            else reject(new GrpcError(GrpcCode.Internal, 'the server answered OK without a message'));
          },
        });
        stream.send(call.message);
        stream.end();
      }),
    close() {
      stopTimers();
      failure ??= 'closed by us';
      session.destroy();
    },
  };
}

function openSession(options: ChannelOptions): ClientHttp2Session {
  const { host, port, tls } = options;
  const authority = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const settings = { enablePush: false, initialWindowSize: 1024 * 1024 };
  if (!tls) return connectHttp2(authority, { settings });
  return connectHttp2(authority, {
    settings,
    ca: tls.trustedCaPem,
    servername: tls.serverName,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    ...(tls.client ? { cert: tls.client.certificateChainPem, key: tls.client.keyPem } : {}),
  });
}

/** Connect deadline, then keep-alive. */
function superviseSession(session: ClientHttp2Session, options: ChannelOptions, clock: Clock): () => void {
  const { connectTimeoutMs = 10_000, keepAliveMs = 30_000 } = options;
  let timer: Timer = clock.after(connectTimeoutMs, () => session.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)));
  const ping = (): void => {
    if (session.destroyed || session.closed) return;
    timer = clock.after(keepAliveMs / 3, () => session.destroy(new Error('the server does not answer PING')));
    session.ping((error) => {
      if (error) return;
      timer.cancel();
      timer = clock.after(keepAliveMs, ping);
      timer.unref();
    });
  };
  session.once('connect', () => {
    timer.cancel();
    timer = clock.after(keepAliveMs, ping);
    timer.unref();
  });
  session.once('close', () => timer.cancel());
  return () => timer.cancel();
}

interface Connection {
  readonly session: ClientHttp2Session;
  readonly options: ChannelOptions;
  /** Why the connection failed, when it did. */
  why(): string | undefined;
}

function startStream(connection: Connection, call: { path: string; headers: Readonly<Record<string, string>> }, handlers: StreamHandlers): GrpcStream {
  const { session, options } = connection;
  let isOver = false;
  const finish = (status: GrpcStatus): void => {
    if (isOver) return;
    isOver = true;
    handlers.onEnd(status);
  };
  const lost = (): GrpcStatus => ({ code: GrpcCode.Unavailable, message: `connection to ${options.host}:${options.port} lost: ${connection.why() ?? 'closed by the server'}` });
  if (session.destroyed || session.closed) {
    queueMicrotask(() => finish(lost()));
    return { send() {}, end() {}, cancel() {} };
  }
  const stream = session.request({
    ...call.headers,
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: call.path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
    'user-agent': 'lateen',
  });
  readStream(stream, { lost, finish, onMessage: (message) => !isOver && handlers.onMessage(message) });
  return {
    send: (message) => void (isOver || stream.destroyed || stream.write(encodeFrame(message))),
    end: () => void stream.end(),
    cancel() {
      finish({ code: GrpcCode.Cancelled, message: 'cancelled' });
      stream.close(constants.NGHTTP2_CANCEL);
    },
  };
}

function readStream(stream: ClientHttp2Stream, on: { lost(): GrpcStatus; finish(status: GrpcStatus): void; onMessage(message: Buffer): void }): void {
  const reader = new FrameReader();
  let status: GrpcStatus | undefined;
  let lastError: string | undefined;
  const readStatus = (headers: IncomingHttpHeaders): void => void (status ??= grpcStatus(headers));
  stream.on('response', (headers) => {
    const code = headers[':status'];
    if (code !== 200) status = { code: httpToGrpc(code ?? 0), message: `HTTP status ${code}` };
    else readStatus(headers);
  });
  stream.on('trailers', readStatus);
  stream.on('data', (chunk: Buffer) => {
    const messages = reader.push(chunk);
    if (typeof messages === 'string') {
      status = { code: GrpcCode.Internal, message: messages };
      stream.close(constants.NGHTTP2_CANCEL);
    } else {
      for (const message of messages) on.onMessage(message);
    }
  });
  // The server has said all it will: a stream that we keep open on our side would never tell.
  stream.on('end', () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.on('error', (error) => (lastError = errorText(error)));
  stream.on('close', () => {
    if (status) on.finish(status);
    else if (lastError !== undefined) on.finish({ code: GrpcCode.Unavailable, message: `${on.lost().message} (${lastError})` });
    else on.finish(on.lost());
  });
}

function grpcStatus(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) return undefined;
  const text = String(headers['grpc-message'] ?? '');
  return { code: Number(code), message: decodeMessage(text) };
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
