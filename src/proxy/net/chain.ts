/** A filter chain at work, with its connections. */
import type { ChainSettings } from '../config/listeners.ts';
import { connectionInput } from '../filters/access-input.ts';
import { deniedDetails } from '../filters/rbac-http.ts';
import type { DownstreamConnection } from '../http/connection.ts';
import { HttpManager } from '../http/manager.ts';
import type { ProxyServices } from '../http/services.ts';
import type { AccessLogSettings } from '../outcome.ts';
import type { SecretSource } from '../secret-source.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { createTlsTerminator, type TlsTerminator } from './tls-server.ts';

/** The chain that would take a connection now. */
export type Successor = (connection: DownstreamConnection) => Chain | undefined;

export class Chain {
  readonly settings: ChainSettings;
  readonly match: ChainSettings['match'];
  readonly tls: TlsTerminator | undefined;
  readonly http: HttpManager | undefined;
  readonly tcp: TcpProxy | undefined;

  constructor(settings: ChainSettings, services: ProxyServices, secrets: SecretSource) {
    const { terminal } = settings;
    this.settings = settings;
    this.match = settings.match;
    this.tls = settings.tls && createTlsTerminator(settings.tls, secrets, services);
    this.http = terminal.kind === 'http' ? new HttpManager({ ...services, settings: terminal.manager }) : undefined;
    this.tcp = terminal.kind === 'tcp' ? new TcpProxy(services, terminal.proxy) : undefined;
  }

  get accessLogs(): readonly AccessLogSettings[] {
    const { terminal } = this.settings;
    return terminal.kind === 'tcp' ? terminal.proxy.accessLogs : terminal.manager.accessLogs;
  }

  get activeConnections(): number {
    return (this.http?.activeConnections ?? 0) + (this.tcp?.activeConnections ?? 0);
  }

  get activeRequests(): number {
    return this.http?.activeRequests ?? 0;
  }

  get begunRequests(): number {
    return this.http?.begun ?? 0;
  }

  get unansweredRequests(): number {
    return this.http?.unanswered ?? 0;
  }

  /** Why the policies on connections refuse this one, in Envoy's words; undefined: they do not. */
  denies(connection: DownstreamConnection): string | undefined {
    for (const rules of this.settings.access) {
      const { allowed, policy } = rules(connectionInput(connection));
      if (!allowed) return deniedDetails(policy);
    }
    return undefined;
  }

  sweep(now: number): void {
    this.http?.sweep(now);
    this.tcp?.sweep(now);
  }

  /** Another version of the listener is in force. HTTP connections go on with the chain that would take them now; TCP
   * connections go on as they are. Resolves when nothing is left here.
   * @param successor undefined: no chain takes such a connection any more */
  async retire(successor: Successor): Promise<void> {
    await (this.http?.handOver((connection) => permitted(successor, connection)?.http) ?? this.tcp?.drained());
    this.close();
  }

  /** Ends TCP connections that would be refused now. */
  revoke(successor: Successor): void {
    this.tcp?.revoke((connection) => permitted(successor, connection) === undefined);
  }

  announceEnd(): void {
    this.http?.announceEnd();
  }

  /** @param before monotonic ms */
  closeIdle(before: number): void {
    this.http?.closeIdle(before);
  }

  /** No new requests; resolves when the last connection is gone. */
  drain(): Promise<void> {
    return this.http?.drain() ?? this.tcp?.drained() ?? Promise.resolve();
  }

  close(): void {
    this.http?.close();
    this.tcp?.close();
    this.tls?.close();
  }
}

function permitted(successor: Successor, connection: DownstreamConnection): Chain | undefined {
  const chain = successor(connection);
  return chain?.denies(connection) === undefined ? chain : undefined;
}
