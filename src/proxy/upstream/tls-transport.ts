/** Connections to endpoints over TLS. */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { setCarrier } from '../../codec/socket/ending.ts';
import type { TlsContextHolder, TlsMaterial } from '../net/tls-context.ts';
import { isPinned, parseSubjectAltName, type SanRule, sansMatch, serverNameRules, uriSan } from '../net/tls-settings.ts';
import { ConnectAttempt, localAddress, VerificationError } from './connect-attempt.ts';
import type { ProxyProtocolVersion } from './proxy-protocol.ts';
import { type ConnectTarget, dial, introduce, type UpstreamTransport } from './transport.ts';

export interface TlsTransportSettings {
  readonly sni: string;
  readonly alpn: readonly string[];
  readonly sans: readonly SanRule[];
  readonly pins: ReadonlySet<string>;
  readonly verify: boolean;
  readonly announce?: ProxyProtocolVersion;
}

/** A session to resume: a handshake without certificates costs a tenth. */
interface Session {
  readonly ticket: Buffer;
  /** A resumed connection shows no certificate any more. */
  readonly peer: string | undefined;
}

/** Per server name. */
const MAX_SESSIONS = 16;

export function createTlsTransport(clock: Clock, holder: TlsContextHolder, settings: TlsTransportSettings): UpstreamTransport {
  const sessions = new Map<string, Session>();
  // What a session stands for was verified with the material of its time.
  holder.onChange(() => sessions.clear());
  const keep = (name: string, session: Session) => {
    if (sessions.size < MAX_SESSIONS) sessions.set(name, session);
  };
  return {
    secure: true,
    alpn: settings.alpn,
    announces: settings.announce !== undefined,
    connect(target, listener) {
      const attempt = new ConnectAttempt(clock, target.timeoutMs, listener);
      const material = holder.current();
      if ('missing' in material) {
        const timer = clock.after(0, () => attempt.fail(`TLS_error: ${material.missing}`, false));
        return {
          cancel() {
            timer.cancel();
            attempt.cancel();
          },
        };
      }
      const options = tlsOptions(target, settings, material);
      const name = `${options.servername} ${target.verifyName ?? ''}`;
      const known = sessions.get(name);
      sessions.delete(name);
      options.session = known?.ticket;
      const raw: Socket = dial(target, attempt, () => {
        introduce(raw, target, settings.announce);
        // Over a connection of our own, which keeps its half-open mode.
        const socket: TLSSocket = connectTls({ ...options, socket: raw });
        setCarrier(socket, raw);
        raw.on('error', (error) => socket.destroy(error));
        let peer: string | undefined;
        socket.on('session', (ticket) => keep(name, { ticket, peer: peer ?? uriSan(socket.getPeerX509Certificate()?.subjectAltName) }));
        attempt.follow(socket, 'secureConnect', () => {
          const isResumed = known !== undefined && socket.isSessionReused();
          // From TLS 1.3 on a ticket is for one use. RFC 8446 §C.4
          if (isResumed && socket.getProtocol() !== 'TLSv1.3') keep(name, known);
          peer = isResumed ? known.peer : uriSan(socket.getPeerX509Certificate()?.subjectAltName);
          attempt.succeed(socket, {
            local: localAddress(socket),
            peer,
            own: material.ownUri,
            alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
          });
        });
      });
      return attempt;
    },
    close: () => holder.close(),
  };
}

function tlsOptions(target: ConnectTarget, settings: TlsTransportSettings, material: TlsMaterial): ConnectionOptions {
  const alpn = target.alpn ?? settings.alpn;
  const { verifyName } = target;
  const sans = verifyName === undefined ? settings.sans : serverNameRules(verifyName);
  return {
    secureContext: material.context,
    servername: target.serverName ?? (settings.sni === '' ? (target.sni ?? '') : settings.sni),
    ALPNProtocols: alpn.length > 0 ? [...alpn] : undefined,
    rejectUnauthorized: settings.verify,
    checkServerIdentity: (_host, { subjectaltname, raw: der }) => {
      if (settings.pins.size > 0 && !isPinned(new X509Certificate(der), settings.pins)) return new VerificationError('verify certificate hash');
      if (sansMatch(sans, subjectaltname)) return undefined;
      const found = parseSubjectAltName(subjectaltname).map(({ value }) => value).join(', ');
      return new VerificationError(verifyName === undefined ? `SAN matcher, certificate SANs are [${found}]` : `verify SAN list, expected SANs: [${verifyName}], certificate SANs: [${found}]`);
    },
  };
}
