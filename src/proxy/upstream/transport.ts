/** Opens connections to endpoints, in the clear or with TLS. */
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import type { SocketAddress } from '../runtime-contract.ts';
import { setCarrier } from '../net/ending.ts';
import type { TlsContextHolder } from '../net/tls-context.ts';
import { type SanRule, sansMatch, uriSan } from '../net/tls-settings.ts';

export interface ConnectTarget {
  readonly address: SocketAddress;
  readonly timeoutMs: number;
  /** Local address to connect from. Istio: 127.0.0.6 for inbound pass-through. */
  readonly from?: string;
  /** Replaces the transport's own ALPN list. */
  readonly alpn?: readonly string[];
  /** Replaces the transport's own server name when that is empty. */
  readonly sni?: string;
  /** Takes what is read, if the transport can read that way (`directReads`). */
  readonly reader?: ByteReader;
}

/** Receives bytes without an allocation per read: the chunk is only valid during the call. */
export interface ByteReader {
  receive(chunk: Buffer): void;
}

export interface UpstreamConnectionFacts {
  /** `ip:port` of our side. */
  readonly local: string;
  /** SPIFFE URIs, on TLS. */
  readonly peer?: string;
  readonly own?: string;
  readonly alpn?: string;
  /** Bytes come through the target's `reader`; the socket has no `data` events. */
  readonly directReads?: boolean;
}

export interface ConnectListener {
  onConnected(socket: Duplex, facts: UpstreamConnectionFacts): void;
  /** @param reason Envoy's transport failure reason */
  onFailed(reason: string, timedOut: boolean): void;
}

export interface Connecting {
  cancel(): void;
}

export interface UpstreamTransport {
  readonly secure: boolean;
  /** Protocols it offers by itself. */
  readonly alpn: readonly string[];
  connect(target: ConnectTarget, listener: ConnectListener): Connecting;
  /** SDS names it needs. */
  readonly secretNames: readonly string[];
  close(): void;
}

const READ_BUFFER_BYTES = 64 * 1024;

export function createRawTransport(clock: Clock): UpstreamTransport {
  // One buffer for all connections: each read is consumed before the next one begins.
  let readBuffer: Buffer | undefined;
  return {
    secure: false,
    alpn: [],
    secretNames: [],
    connect(target, listener) {
      const { address, port } = target.address;
      const { reader } = target;
      const buffer = (readBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES));
      const onread = reader && {
        buffer,
        callback: (length: number) => {
          reader.receive(buffer.subarray(0, length));
          return true;
        },
      };
      const socket = connectTcp({ host: address, port, localAddress: target.from, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, onread });
      return watch(clock, { socket, event: 'connect', target, listener, facts: () => ({ local: localAddress(socket), directReads: reader !== undefined }) });
    },
    close() {},
  };
}

export interface TlsTransportSettings {
  readonly sni: string;
  readonly alpn: readonly string[];
  readonly sans: readonly SanRule[];
  readonly verify: boolean;
}

export function createTlsTransport(clock: Clock, holder: TlsContextHolder, settings: TlsTransportSettings): UpstreamTransport {
  return {
    secure: true,
    alpn: settings.alpn,
    secretNames: holder.secretNames,
    connect(target, listener) {
      const material = holder.current();
      if ('missing' in material) {
        const timer = clock.after(0, () => listener.onFailed(`TLS_error: ${material.missing}`, false));
        return { cancel: () => timer.cancel() };
      }
      const { address, port } = target.address;
      const alpn = target.alpn ?? settings.alpn;
      const servername = settings.sni === '' ? (target.sni ?? '') : settings.sni;
      const raw = connectTcp({ host: address, port, localAddress: target.from, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
      const options: ConnectionOptions = {
        // Keeps the raw connection's half-open mode.
        socket: raw,
        secureContext: material.context,
        servername,
        ALPNProtocols: alpn.length > 0 ? [...alpn] : undefined,
        rejectUnauthorized: settings.verify,
        checkServerIdentity: (_host, certificate) => (sansMatch(settings.sans, certificate.subjectaltname) ? undefined : new Error('verify SAN list: no name of the certificate is accepted')),
      };
      const socket: TLSSocket = connectTls(options);
      setCarrier(socket, raw);
      raw.on('error', (error) => socket.destroy(error));
      const facts = (): UpstreamConnectionFacts => ({
        local: localAddress(socket),
        peer: uriSan(socket.getPeerX509Certificate()?.subjectAltName),
        own: material.ownUri,
        alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
      });
      return watch(clock, { socket, event: 'secureConnect', target, listener, facts });
    },
    close: () => holder.close(),
  };
}

interface Watched {
  readonly socket: Socket;
  readonly event: 'connect' | 'secureConnect';
  readonly target: ConnectTarget;
  readonly listener: ConnectListener;
  facts(): UpstreamConnectionFacts;
}

/** Turns the socket's events into exactly one call of the listener. */
function watch(clock: Clock, watched: Watched): Connecting {
  const { socket, event, target, listener } = watched;
  let done = false;
  const settle = (): boolean => {
    if (done) return false;
    done = true;
    timer.cancel();
    socket.removeListener(event, onConnected);
    socket.removeListener('close', onClose);
    return true;
  };
  const fail = (reason: string, timedOut: boolean) => {
    if (!settle()) return;
    socket.destroy();
    listener.onFailed(reason, timedOut);
  };
  const onConnected = () => {
    if (!settle()) return;
    socket.removeListener('error', onError);
    listener.onConnected(socket, watched.facts());
  };
  const onError = (error: NodeJS.ErrnoException) => fail(failureReason(error, event), false);
  const onClose = () => fail(event === 'secureConnect' ? 'TLS_error: connection closed during the handshake' : 'connection closed', false);
  const timer = clock.after(target.timeoutMs, () => fail('connection timeout', true));
  socket.once(event, onConnected);
  socket.on('error', onError);
  socket.once('close', onClose);
  return {
    cancel() {
      if (settle()) socket.destroy();
    },
  };
}

function failureReason(error: NodeJS.ErrnoException, event: 'connect' | 'secureConnect'): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'delayed connect error: Connection refused';
    case 'EHOSTUNREACH':
      return 'immediate connect error: No route to host';
    case 'ENETUNREACH':
      return 'immediate connect error: Network is unreachable';
    case 'ETIMEDOUT':
      return 'delayed connect error: Connection timed out';
    default:
      return event === 'secureConnect' ? `TLS_error: ${error.message}` : `delayed connect error: ${error.message}`;
  }
}

function localAddress(socket: Socket): string {
  return `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`;
}
