/** Byte-for-byte forwarding of connections that are not HTTP: the sessions of one filter chain. Envoy: tcp_proxy. */
import type { Duplex } from 'node:stream';
import type { DownstreamConnection } from '../http/connection.ts';
import type { ProxyServices } from '../http/services.ts';
import type { AccessLogSettings } from '../outcome.ts';
import { TcpSession } from './tcp-session.ts';
import type { TunnelSettings } from './tunnel.ts';

export interface TcpProxySettings {
  readonly statPrefix: string;
  /** `sni`: the cluster is named by the client's server name (Envoy: sni_cluster). */
  readonly target: { readonly clusters: readonly { readonly name: string; readonly weight: number }[]; readonly total: number } | 'sni';
  /** Default 1 h; 0: never. */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  /** Hash the client's address for consistent balancing. */
  readonly hashSource: boolean;
  readonly tunnel?: TunnelSettings;
  /** The client's server name is looked up, and called under this port. Envoy: sni_dynamic_forward_proxy. */
  readonly namePort?: number;
  readonly accessLogs: readonly AccessLogSettings[];
}

export class TcpProxy {
  readonly #services: ProxyServices;
  readonly #settings: TcpProxySettings;
  readonly #open = new Set<TcpSession>();
  #whenEmpty: (() => void)[] = [];

  constructor(services: ProxyServices, settings: TcpProxySettings) {
    this.#services = services;
    this.#settings = settings;
  }

  get activeConnections(): number {
    return this.#open.size;
  }

  accept(socket: Duplex, connection: DownstreamConnection): void {
    const session = this.#makeSession(connection);
    this.#open.add(session);
    session.connect();
    session.admit(socket);
  }

  /** Connects to an upstream although the client has not said yet what it wants.
   * @param onSpeaks called once when the upstream says something first, or when waiting for the client makes no sense any more
   * @returns undefined when there is nobody to connect to */
  headStart(connection: DownstreamConnection, onSpeaks: () => void): HeadStart | undefined {
    const session = this.#makeSession(connection);
    if (!session.connect(onSpeaks)) return undefined;
    return {
      admit: (socket) => {
        this.#open.add(session);
        session.admit(socket);
      },
      discard: () => session.discard(),
    };
  }

  /** Ends connections over which nothing went for too long. @param now monotonic ms */
  sweep(now: number): void {
    if (this.#settings.idleTimeoutMs === 0) return;
    for (const session of this.#open) if (now - session.lastActive >= this.#settings.idleTimeoutMs) session.end('');
  }

  /** Ends those connections that the policies in force would refuse. */
  revoke(isRefused: (connection: DownstreamConnection) => boolean): void {
    for (const session of this.#open) if (isRefused(session.connection)) session.end('connection_revoked');
  }

  /** Resolves when the last connection has ended by itself. */
  drained(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  close(): void {
    for (const session of this.#open) session.end('listener_closed');
  }

  #makeSession(connection: DownstreamConnection): TcpSession {
    const session = new TcpSession({ connection, services: this.#services, settings: this.#settings }, () => {
      this.#open.delete(session);
      if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    });
    return session;
  }
}

/** A connection to an upstream that waits for its client's first word. */
export interface HeadStart {
  /** The client's bytes are for this upstream. */
  admit(socket: Duplex): void;
  /** They are not; it is as if the connection had not been. */
  discard(): void;
}
