/** TLS towards clients: takes a raw connection whose hello was read, gives back the decrypted one with the client's identity. */
import { constants, createHash, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Clock, Timer } from '../../base/clock.ts';
import type { PeerCertificate } from '../http/connection.ts';
import type { SecretSource } from '../secret-source.ts';
import type { ClientHello } from './client-hello.ts';
import { setCarrier } from '../../codec/socket/ending.ts';
import { remoteAddress } from '../../codec/socket/remote-address.ts';
import type { Handshakes } from './handshakes.ts';
import { createTlsContextHolder, type TlsContextHolder, type TlsMaterial } from './tls-context.ts';
import { certificateProblem, parseSubjectAltName, type TlsSettings } from './tls-settings.ts';

export interface DownstreamTlsSettings extends TlsSettings {
  /** For the handshake, however alive the client looks; 0: no limit. Envoy: transport_socket_connect_timeout. */
  readonly handshakeMs: number;
  readonly requireClientCertificate: boolean;
  readonly requireSni: boolean;
}

export interface TlsAccepted {
  readonly socket: TLSSocket;
  readonly alpn: string | undefined;
  readonly version: string | undefined;
  readonly certificate: PeerCertificate | undefined;
  readonly ownUri: string | undefined;
}

export interface TlsListener {
  onSecure(accepted: TlsAccepted): void;
  onFailed(reason: string): void;
}

export interface TlsTerminator {
  readonly secretNames: readonly string[];
  /** @param raw with the hello put back */
  accept(raw: Socket, hello: ClientHello | undefined, listener: TlsListener): void;
  close(): void;
}

/** node:tls closes a connection when no protocol is common to both sides, Envoy goes on without one: hence two servers. */
interface Servers {
  readonly material: TlsMaterial;
  readonly withAlpn: Server;
  readonly without: Server;
}

interface Accepting {
  readonly raw: Socket;
  readonly listener: TlsListener;
  readonly ownUri: string | undefined;
  readonly timer: Timer | undefined;
  /** The handshake is over, however. */
  readonly leave: () => void;
}

export interface TlsServices {
  readonly clock: Clock;
  readonly handshakes: Handshakes;
  readonly ticketSecret?: Uint8Array;
}

export function createTlsTerminator(settings: DownstreamTlsSettings, secrets: SecretSource, { clock, handshakes, ticketSecret }: TlsServices): TlsTerminator {
  const holder: TlsContextHolder = createTlsContextHolder(settings, secrets);
  const waiting = new Map<string, Accepting>();
  let servers: Servers | undefined;

  const take = (key: string) => {
    const entry = waiting.get(key);
    waiting.delete(key);
    entry?.timer?.cancel();
    entry?.leave();
    return entry;
  };
  const makeServer = (options: TlsOptions): Server => {
    const server = createServer({ ...options, handshakeTimeout: 0 });
    server.on('secureConnection', (socket) => {
      const entry = take(connectionKey(socket));
      // From now on a client may close its side and still be answered.
      socket.allowHalfOpen = true;
      if (entry) setCarrier(socket, entry.raw);
      if (entry) settle(socket, settings, entry);
      else socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => take(connectionKey(socket))?.listener.onFailed(error.message));
    return server;
  };
  const current = (): Servers | { missing: string } => {
    const material = holder.current();
    if ('missing' in material) return material;
    if (servers?.material === material) return servers;
    const verify = asksForCertificate(settings);
    const options: TlsOptions = {
      ...material.options,
      requestCert: verify,
      rejectUnauthorized: settings.trust !== undefined && settings.requireClientCertificate && !settings.acceptsUntrusted,
      ...(material.contextFor ? { SNICallback: (name: string, done: (error: null, context?: SecureContext) => void) => done(null, material.contextFor?.(name)) } : {}),
      // A resumed session would skip what a renewed trust bundle says.
      ticketKeys: ticketSecret && ticketKeys(ticketSecret, material.options),
      secureOptions: (material.options.secureOptions ?? 0) | (verify ? constants.SSL_OP_NO_TICKET : 0),
    };
    const withAlpn = makeServer({ ...options, ALPNCallback: ({ protocols }) => settings.alpn.find((name) => protocols.includes(name)) });
    servers = { material, withAlpn, without: makeServer(options) };
    return servers;
  };

  return {
    secretNames: holder.secretNames,
    accept(raw, hello, listener) {
      const ready = current();
      if ('missing' in ready) {
        raw.destroy();
        return listener.onFailed(ready.missing);
      }
      if (settings.requireSni && hello?.serverName === undefined) {
        raw.destroy();
        return listener.onFailed('no server name');
      }
      // A socket that has been closed knows its ends no longer.
      const key = connectionKey(raw);
      const end = (reason: string) => {
        take(key)?.listener.onFailed(reason);
        raw.destroy();
      };
      const common = hello?.alpn.some((name) => settings.alpn.includes(name)) ?? false;
      const timer = settings.handshakeMs > 0 ? clock.after(settings.handshakeMs, () => end('the handshake took too long')) : undefined;
      const begin = () => {
        // node:tls goes by it: whoever closes its side before the handshake is over has given it up.
        raw.allowHalfOpen = false;
        (common ? ready.withAlpn : ready.without).emit('connection', raw);
      };
      const leave = handshakes.admit({ source: remoteAddress(raw), begin, giveUp: () => end('too many handshakes at once') });
      waiting.set(key, { raw, listener, ownUri: ready.material.ownUri, timer, leave });
      raw.once('close', () => take(key)?.listener.onFailed('connection closed during the handshake'));
    },
    close: () => holder.close(),
  };
}

/** The same in all threads, and of no use where the certificate is another. Node: 48 bytes. */
function ticketKeys(secret: Uint8Array, { cert, key }: TlsOptions): Buffer {
  return createHash('sha384').update(secret).update(JSON.stringify([cert, key])).digest();
}

function settle(socket: TLSSocket, settings: DownstreamTlsSettings, entry: Accepting): void {
  const { listener, ownUri } = entry;
  const x509 = asksForCertificate(settings) ? socket.getPeerX509Certificate() : undefined;
  const problem = clientProblem(socket, settings, x509);
  if (problem !== undefined) {
    socket.destroy();
    return listener.onFailed(`client certificate refused: ${problem}`);
  }
  const names = parseSubjectAltName(x509?.subjectAltName);
  const certificate: PeerCertificate | undefined = x509 && {
    uri: names.find((name) => name.type === 'URI')?.value,
    dns: names.filter((name) => name.type === 'DNS').map((name) => name.value),
    sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: (x509.subject ?? '').split('\n').reverse().join(','),
    pem: x509.toString(),
  };
  listener.onSecure({ socket, alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined, version: socket.getProtocol() ?? undefined, certificate, ownUri });
}

const asksForCertificate = ({ trust, pins }: DownstreamTlsSettings): boolean => trust !== undefined || pins.size > 0;

function clientProblem(socket: TLSSocket, settings: DownstreamTlsSettings, x509: X509Certificate | undefined): string | undefined {
  if (settings.acceptsUntrusted) return undefined;
  if (!x509) return settings.requireClientCertificate ? 'there is none' : undefined;
  if (settings.trust && !socket.authorized) return String(socket.authorizationError);
  return certificateProblem(settings, x509);
}

/** A connection is known by its two ends; the raw and the TLS socket agree on them. */
function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}>${socket.localAddress}:${socket.localPort}`;
}
