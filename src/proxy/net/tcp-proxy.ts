/** Byte-for-byte forwarding of connections that are not HTTP, with half-close and back-pressure. Envoy: tcp_proxy. */
import type { Duplex } from 'node:stream';
import type { DownstreamConnection } from '../http/connection.ts';
import type { ProxyServices } from '../http/services.ts';
import type { AccessLogSettings, TcpOutcome, UpstreamFacts } from '../outcome.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import { xxHash64 } from '../upstream/hash.ts';
import type { Host } from '../upstream/host.ts';
import type { Connecting, UpstreamConnectionFacts } from '../upstream/transport.ts';

export interface TcpProxySettings {
  readonly statPrefix: string;
  /** `sni`: the cluster is named by the client's server name (Envoy: sni_cluster). */
  readonly target: { readonly clusters: readonly { readonly name: string; readonly weight: number }[]; readonly total: number } | 'sni';
  /** Default 1 h; 0: never. */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  /** Hash the client's address for consistent balancing. */
  readonly hashSource: boolean;
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
    const session = new TcpSession({ socket, connection, services: this.#services, settings: this.#settings }, () => {
      this.#open.delete(session);
      if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    });
    this.#open.add(session);
    session.start();
  }

  /** Ends connections over which nothing went for too long. @param now monotonic ms */
  sweep(now: number): void {
    if (this.#settings.idleTimeoutMs === 0) return;
    for (const session of this.#open) if (now - session.lastActive >= this.#settings.idleTimeoutMs) session.end('tcp_session_idle_timeout');
  }

  /** Resolves when the last connection has ended by itself. */
  drained(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  close(): void {
    for (const session of this.#open) session.end('listener_closed');
  }
}

interface SessionInput {
  readonly socket: Duplex;
  readonly connection: DownstreamConnection;
  readonly services: ProxyServices;
  readonly settings: TcpProxySettings;
}

class TcpSession {
  readonly #input: SessionInput;
  readonly #onOver: () => void;
  readonly #startMs: number;
  readonly #startedAt: number;
  lastActive: number;
  #upstream: Duplex | undefined;
  #connecting: Connecting | undefined;
  #cluster: UpstreamCluster | undefined;
  #host: Host | undefined;
  #facts: UpstreamConnectionFacts | undefined;
  #attempts = 0;
  #received = 0;
  #sent = 0;
  #failure: string | undefined;
  #over = false;

  constructor(input: SessionInput, onOver: () => void) {
    this.#input = input;
    this.#onOver = onOver;
    this.#startMs = input.services.clock.now();
    this.#startedAt = input.services.clock.monotonic();
    this.lastActive = this.#startedAt;
  }

  start(): void {
    const { socket, services } = this.#input;
    socket.pause();
    socket.on('error', () => this.#finish('', 'downstream_remote_disconnect'));
    socket.on('close', () => this.#finish('', ''));
    const name = this.#clusterName();
    this.#cluster = services.clusters.get(name);
    if (!this.#cluster) return this.#finish('NC', 'cluster_not_found');
    this.#connect();
  }

  /** Ends it from our side. */
  end(details: string): void {
    this.#finish('', details);
  }

  #clusterName(): string {
    const { settings, connection, services } = this.#input;
    if (settings.target === 'sni') return connection.facts.requestedServerName ?? '';
    let point = services.random() * settings.target.total;
    for (const cluster of settings.target.clusters) {
      point -= cluster.weight;
      if (point < 0) return cluster.name;
    }
    return settings.target.clusters.at(-1)?.name ?? '';
  }

  #connect(): void {
    const cluster = this.#cluster;
    const { connection, settings } = this.#input;
    if (!cluster) return;
    const hash = settings.hashSource ? xxHash64(connection.remote.address) : undefined;
    const host = cluster.pick({ originalDestination: connection.originalDestination, hash });
    if (!host) return this.#finish('UH', 'no_healthy_upstream');
    if (!cluster.breakers.canConnect) return this.#finish('UO', 'upstream_overflow');
    this.#host = host;
    this.#attempts++;
    cluster.breakers.connections++;
    host.activeConnections++;
    host.counters.connections++;
    const { connectTimeoutMs, bindFrom } = cluster.settings;
    this.#connecting = host.transport.connect(
      { address: host.config.address, timeoutMs: connectTimeoutMs, from: bindFrom, sni: host.config.hostname },
      { onConnected: (upstream, facts) => this.#onConnected(upstream, facts), onFailed: (reason, timedOut) => this.#onConnectFailed(reason, timedOut) },
    );
  }

  #onConnectFailed(reason: string, timedOut: boolean): void {
    this.#connecting = undefined;
    const host = this.#host;
    this.#failure = reason;
    this.#release();
    if (host) {
      host.counters.connectFail++;
      this.#cluster?.outliers.onLocalFailure(host, timedOut);
    }
    if (this.#attempts < this.#input.settings.maxConnectAttempts) this.#connect();
    else this.#finish('UF', 'upstream_connect_failure');
  }

  #onConnected(upstream: Duplex, facts: UpstreamConnectionFacts): void {
    this.#connecting = undefined;
    this.#upstream = upstream;
    this.#facts = facts;
    this.#failure = undefined;
    const { socket, services, connection } = this.#input;
    if (this.#host) this.#cluster?.outliers.onStatus(this.#host, 200);
    services.outcomes.opened({ reporter: connection.reporter, connection: connection.facts, upstream: this.#upstreamFacts() });
    upstream.on('error', () => this.#finish('UC', 'upstream_remote_disconnect'));
    upstream.on('close', () => this.#finish('', ''));
    pump(socket, upstream, (bytes) => {
      this.#received += bytes;
      this.lastActive = services.clock.monotonic();
    });
    pump(upstream, socket, (bytes) => {
      this.#sent += bytes;
      this.lastActive = services.clock.monotonic();
    });
  }

  #upstreamFacts(): UpstreamFacts | undefined {
    const cluster = this.#cluster;
    return (
      cluster && {
        destination: cluster.settings.destination, host: this.#host?.key, local: this.#facts?.local, peer: this.#facts?.peer, own: this.#facts?.own,
        peerMetadata: this.#host?.peerMetadata, transportFailure: this.#failure, attempts: Math.max(1, this.#attempts),
      }
    );
  }

  #release(): void {
    const host = this.#host;
    if (!host || !this.#cluster) return;
    this.#cluster.breakers.connections--;
    host.activeConnections--;
  }

  #finish(flag: string, details: string): void {
    if (this.#over) return;
    this.#over = true;
    const { socket, services, settings, connection } = this.#input;
    const upstream = this.#upstream;
    if (upstream || this.#connecting) this.#release();
    this.#connecting?.cancel();
    closeGently(socket);
    if (upstream) closeGently(upstream);
    const outcome: TcpOutcome = {
      kind: 'tcp', reporter: connection.reporter, listener: connection.listener, startMs: this.#startMs, durationMs: services.clock.monotonic() - this.#startedAt,
      flags: flag === '' ? [] : [flag], details, receivedBytes: this.#received, sentBytes: this.#sent, connection: connection.facts, upstream: this.#upstreamFacts(), accessLogs: settings.accessLogs,
    };
    services.outcomes.record(outcome);
    this.#onOver();
  }
}

/** Moves bytes one way: stops reading while the other side does not take them, passes the end on. */
function pump(from: Duplex, to: Duplex, count: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.length);
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.resume();
}

/** What was written still leaves; nothing more is read. */
function closeGently(socket: Duplex): void {
  if (socket.destroyed) return;
  if (socket.writableLength === 0) {
    socket.destroy();
    return;
  }
  socket.end(() => socket.destroy());
}
