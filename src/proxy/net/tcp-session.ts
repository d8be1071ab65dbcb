/** One connection whose bytes are passed on, with half-close and back-pressure. */
import type { Duplex } from 'node:stream';
import type { UpstreamConnectionFacts } from '../../codec/stream.ts';
import type { Timer } from '../../base/clock.ts';
import type { DownstreamConnection } from '../http/connection.ts';
import type { ProxyServices } from '../http/services.ts';
import type { TcpOutcome, UpstreamFacts } from '../outcome.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import { xxHash64 } from '../upstream/hash.ts';
import type { Host } from '../upstream/host.ts';
import type { Connecting } from '../upstream/connect-attempt.ts';
import { BytePump } from './byte-pump.ts';
import { closeGently, isReset, resetConnection } from '../../codec/socket/ending.ts';
import type { TcpProxySettings } from './tcp-proxy.ts';
import { openTunnel, tunnelHead } from './tunnel.ts';

interface SessionInput {
  readonly connection: DownstreamConnection;
  readonly services: ProxyServices;
  readonly settings: TcpProxySettings;
}

export class TcpSession {
  readonly #input: SessionInput;
  readonly #onOver: () => void;
  readonly #startMs: number;
  readonly #startedAt: number;
  lastActive: number;
  /** Undefined until the client is let in. */
  #socket: Duplex | undefined;
  #upstream: Duplex | undefined;
  #connecting: Connecting | undefined;
  #cluster: UpstreamCluster | undefined;
  #host: Host | undefined;
  #facts: UpstreamConnectionFacts | undefined;
  #attempts = 0;
  #pumps: readonly BytePump[] = [];
  #received = 0;
  #sent = 0;
  #failure: string | undefined;
  /** What went wrong before the client was let in. */
  #deferred: readonly [flags: string, details: string] | undefined;
  #onSpeaks: (() => void) | undefined;
  #patience: Timer | undefined;
  #upstreamEnded = false;
  #over = false;

  constructor(input: SessionInput, onOver: () => void) {
    this.#input = input;
    this.#onOver = onOver;
    this.#startMs = input.services.clock.now();
    this.#startedAt = input.services.clock.monotonic();
    this.lastActive = this.#startedAt;
  }

  get connection(): DownstreamConnection {
    return this.#input.connection;
  }

  /** @param onSpeaks see `TcpProxy.headStart` @returns false when there is nobody to connect to */
  connect(onSpeaks?: () => void): boolean {
    this.#onSpeaks = onSpeaks;
    this.#cluster = this.#input.services.clusters.get(this.#clusterName());
    if (!this.#cluster) this.#fail('NC', '');
    else if (!this.#looksUp(this.#cluster)) this.#try();
    return this.#connecting !== undefined;
  }

  /** Lets the client in: its bytes go to the upstream, and what went wrong so far is reported. */
  admit(socket: Duplex): void {
    this.#socket = socket;
    this.#patience?.cancel();
    socket.pause();
    socket.on('error', (error) => this.#broken('downstream', error));
    socket.on('close', () => this.#finish('', ''));
    if (this.#deferred) this.#finish(...this.#deferred);
    else if (this.#upstream) this.#join(socket, this.#upstream);
  }

  /** Nobody wants it: nothing is reported. */
  discard(): void {
    this.#over = true;
    this.#patience?.cancel();
    this.#letGo();
    this.#upstream?.destroy();
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

  /** `name:port` of the server that the client asks for, where that has to be looked up. */
  get #name(): string | undefined {
    const { settings, connection } = this.#input;
    return settings.namePort === undefined ? undefined : `${connection.facts.requestedServerName ?? ''}:${settings.namePort}`;
  }

  #looksUp(cluster: UpstreamCluster): boolean {
    const asked = this.#name === undefined ? undefined : cluster.resolve(this.#name);
    void asked?.then(() => {
      if (!this.#over) this.#try();
    });
    return asked !== undefined;
  }

  #try(): void {
    const cluster = this.#cluster;
    const { connection, settings } = this.#input;
    if (!cluster) return;
    const hash = settings.hashSource ? xxHash64(connection.remote.address) : undefined;
    const host = cluster.pick({ originalDestination: connection.originalDestination, hash, name: this.#name });
    if (!host && cluster.isLookedUp) {
      return cluster.whenWarm(() => {
        if (!this.#over) this.#try();
      });
    }
    if (!host) return this.#fail('UH', '');
    if (!cluster.breakers.canConnect) {
      cluster.breakers.overflows.connections++;
      return this.#fail('UO', '');
    }
    this.#host = host;
    this.#attempts++;
    const listener = { onConnected: (upstream: Duplex, facts: UpstreamConnectionFacts) => this.#onConnected(upstream, facts), onFailed: (reason: string | undefined, timedOut: boolean) => this.#onConnectFailed(reason, timedOut) };
    if (settings.tunnel) {
      // The pool counts its own connections.
      this.#connecting = openTunnel(cluster.pool(host, tunnelHead(settings.tunnel), connection), settings.tunnel, listener);
      return;
    }
    cluster.breakers.connections++;
    host.activeConnections++;
    host.counters.connections++;
    host.activeRequests++;
    this.#connecting = host.transport.connect(cluster.connectTarget(host, undefined, connection), listener);
  }

  #onConnectFailed(reason: string | undefined, timedOut: boolean): void {
    const host = this.#host;
    this.#failure = reason;
    this.#letGo();
    if (host) {
      host.counters.connectFail++;
      this.#cluster?.outliers.onLocalFailure(host, timedOut);
    }
    if (this.#attempts < this.#input.settings.maxConnectAttempts) this.#try();
    else this.#fail('UF,URX', '');
  }

  #onConnected(upstream: Duplex, facts: UpstreamConnectionFacts): void {
    this.#connecting = undefined;
    this.#upstream = upstream;
    this.#facts = facts;
    this.#failure = undefined;
    if (this.#host) {
      this.#cluster?.outliers.onConnected(this.#host);
      this.#cluster?.outliers.onStatus(this.#host, 200);
    }
    if (this.#socket) return this.#join(this.#socket, upstream);
    upstream.on('error', noop);
    upstream.on('data', this.#onEarlyData);
    upstream.on('end', this.#onEarlyEnd);
    upstream.on('close', this.#speaks);
  }

  readonly #onEarlyData = (chunk: Buffer): void => {
    this.#upstream?.pause();
    this.#upstream?.unshift(chunk);
    this.#speaks();
  };

  readonly #onEarlyEnd = (): void => {
    this.#upstreamEnded = true;
    this.#speaks();
  };

  readonly #speaks = (): void => {
    const tell = this.#onSpeaks;
    this.#onSpeaks = undefined;
    if (!this.#over) tell?.();
  };

  #join(socket: Duplex, upstream: Duplex): void {
    const { services, connection } = this.#input;
    services.outcomes.opened({ reporter: connection.reporter, connection: connection.facts, upstream: this.#upstreamFacts() });
    upstream.removeListener('data', this.#onEarlyData).removeListener('end', this.#onEarlyEnd);
    upstream.on('error', (error) => this.#broken('upstream', error));
    upstream.on('close', () => this.#finish('', ''));
    this.#pumps = [
      new BytePump(socket, upstream, (octets) => {
        this.#received += octets;
        this.lastActive = services.clock.monotonic();
      }),
      new BytePump(upstream, socket, (octets) => {
        this.#sent += octets;
        this.lastActive = services.clock.monotonic();
      }),
    ];
    if (this.#upstreamEnded) socket.end();
    if (upstream.destroyed) this.#finish('', '');
  }

  /** A client that is still silent may want something else; one that waits for this upstream is told when connecting
   * would have given up. */
  #fail(flags: string, details: string): void {
    if (this.#socket) return this.#finish(flags, details);
    this.#deferred = [flags, details];
    if (this.#onSpeaks === undefined || this.#attempts === 0) return;
    const { clock } = this.#input.services;
    const left = (this.#cluster?.settings.connectTimeoutMs ?? 0) - (clock.monotonic() - this.#startedAt);
    this.#patience = clock.after(Math.max(0, left), this.#speaks);
  }

  #upstreamFacts(): UpstreamFacts | undefined {
    const cluster = this.#cluster;
    return (
      cluster && {
        destination: cluster.settings.destination, host: this.#host?.key, local: this.#facts?.local, peer: this.#facts?.peer, own: this.#facts?.own,
        peerMetadata: this.#host?.peerMetadata, transportFailure: this.#failure, attempts: this.#attempts,
      }
    );
  }

  /** Gives up the connection to the upstream, or the attempt to make one. */
  #letGo(): void {
    if (this.#host && this.#cluster && !this.#input.settings.tunnel && (this.#upstream || this.#connecting)) {
      this.#cluster.breakers.connections--;
      this.#host.activeConnections--;
      this.#host.activeRequests--;
    }
    this.#connecting?.cancel();
    this.#connecting = undefined;
  }

  /** One side broke: the other is told by the same means. */
  #broken(side: 'downstream' | 'upstream', error: Error): void {
    if (!isReset(error)) return this.#finish('', '');
    const other = side === 'upstream' ? this.#socket : this.#upstream;
    this.#finish(side === 'upstream' ? 'UR' : '', '', other);
  }

  /** @param flags of Envoy, with commas between them @param details Envoy's connection termination details */
  #finish(flags: string, details: string, reset?: Duplex): void {
    if (this.#over) return;
    this.#over = true;
    const { services, settings, connection } = this.#input;
    this.#letGo();
    for (const pump of this.#pumps) pump.flush();
    if (reset) resetConnection(reset);
    if (this.#socket) closeGently(this.#socket);
    if (this.#upstream) closeGently(this.#upstream);
    const outcome: TcpOutcome = {
      kind: 'tcp', reporter: connection.reporter, listener: connection.listener, startMs: this.#startMs, durationMs: services.clock.monotonic() - this.#startedAt,
      flags: flags === '' ? [] : flags.split(','), details, receivedBytes: this.#received, sentBytes: this.#sent, connection: connection.facts, upstream: this.#upstreamFacts(), accessLogs: settings.accessLogs,
    };
    services.outcomes.record(outcome);
    this.#onOver();
  }
}

function noop(): void {}
