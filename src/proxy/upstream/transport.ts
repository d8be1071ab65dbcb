/** Opens connections to endpoints. */
import { connect as connectTcp, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { netAddress } from '../net/format-address.ts';
import type { SocketAddress } from '../runtime-contract.ts';
import { ConnectAttempt, type Connecting, type ConnectListener, localAddress } from './connect-attempt.ts';
import { type ProxiedConnection, proxyHeader, type ProxyProtocolVersion } from './proxy-protocol.ts';

export interface ConnectTarget {
  readonly address: SocketAddress;
  readonly timeoutMs: number;
  /** Local address to connect from. Istio: 127.0.0.6 for inbound pass-through. */
  readonly from?: string;
  readonly keepalive?: TcpKeepalive;
  /** Replaces the transport's own ALPN list. */
  readonly alpn?: readonly string[];
  /** Server name when the transport has none of its own. */
  readonly sni?: string;
  /** Replaces the transport's own server name. */
  readonly serverName?: string;
  /** Replaces the names that the transport accepts in the server's certificate. */
  readonly verifyName?: string;
  /** On whose behalf, for servers that want to know. */
  readonly client?: ProxiedConnection;
}

/** When the kernel probes a silent connection. Linux' own defaults stand for what is left out: 9 probes, 2 h, 75 s. */
export interface TcpKeepalive {
  readonly probes?: number;
  readonly timeS?: number;
  readonly intervalS?: number;
}

export interface UpstreamTransport {
  readonly secure: boolean;
  /** Protocols it offers by itself. */
  readonly alpn: readonly string[];
  /** The server is told who is behind us: a connection is for one client. */
  readonly announces: boolean;
  connect(target: ConnectTarget, listener: ConnectListener): Connecting;
  close(): void;
}

export function createRawTransport(clock: Clock, announce?: ProxyProtocolVersion): UpstreamTransport {
  return {
    secure: false,
    alpn: [],
    announces: announce !== undefined,
    connect(target, listener) {
      const attempt = new ConnectAttempt(clock, target.timeoutMs, listener);
      const socket = dial(target, attempt, () => {
        introduce(socket, target, announce);
        attempt.succeed(socket, { local: localAddress(socket) });
      });
      return attempt;
    },
    close() {},
  };
}

/** A bare connection to the target; `connected` goes on with it. */
export function dial(target: ConnectTarget, attempt: ConnectAttempt, connected: () => void): Socket {
  const socket = connectTcp({ ...netAddress(target.address), localAddress: target.from, allowHalfOpen: true, noDelay: true });
  attempt.follow(socket, 'connect', () => {
    keepAlive(socket, target.keepalive);
    connected();
  });
  return socket;
}

function keepAlive(socket: Socket, settings: TcpKeepalive | undefined): void {
  if (!settings) return;
  const { probes = 9, timeS = 7200, intervalS = 75 } = settings;
  socket.setKeepAlive({ enable: true, initialDelay: timeS * 1000, interval: intervalS * 1000, count: probes });
}

/** Tells the server who is behind us, before anything else. Without a client we are it. */
export function introduce(socket: Socket, target: ConnectTarget, version: ProxyProtocolVersion | undefined): void {
  if (version === undefined) return;
  const ourselves = { source: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }, destination: target.address };
  socket.write(proxyHeader(version, target.client ?? ourselves));
}
