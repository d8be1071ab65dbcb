/** Connections to one host for HTTP: kept-alive HTTP/1.1 connections or multiplexed HTTP/2 sessions, and the requests that wait for one. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import { Http1ClientConnection, type Http1ClientHandler } from '../../codec/http1/client-connection.ts';
import { DEFAULT_LIMITS } from '../../codec/http1/parser.ts';
import { Http2ClientSession } from '../../codec/http2/client-session.ts';
import type { UpstreamConnectionFacts } from '../../codec/stream.ts';
import type { Breakers } from './breakers.ts';
import type { Host } from './host.ts';
import { IdleLimit } from './idle-limit.ts';
import type { Connecting } from './connect-attempt.ts';
import { offeredAlpn, type PoolSettings, type PoolWaiter } from './pool-settings.ts';

export interface PoolDeps {
  readonly clock: Clock;
  readonly breakers: Breakers;
}

/** Of an answer over HTTP/1; over HTTP/2 as of requests. Envoy: max_response_headers_kb. */
const ANSWER_HEAD_BYTES = 80 * 1024;

interface Multiplexed {
  readonly session: Http2ClientSession;
  readonly facts: UpstreamConnectionFacts;
  /** Monotonic ms. */
  readonly openedAt: number;
}

/** So many connections a pool begins within so many ms. The kernel says that they are open before the server has accepted them: of a
 * burst that is longer than its backlog (511 as a rule) the rest is dropped unsaid, and a request on one of those waits for a second
 * or three. */
const BURST = { connections: 64, ms: 10 };

export class HostPool implements Http1ClientHandler {
  readonly #host: Host;
  readonly #settings: PoolSettings;
  readonly #deps: PoolDeps;
  /** Last released first: the most recently used connection is the least likely to be closed by the server. */
  readonly #idle: Http1ClientConnection[] = [];
  /** All HTTP/1 connections, idle or not; changes only when one opens or closes. */
  readonly #open = new Set<Http1ClientConnection>();
  readonly #sessions: Multiplexed[] = [];
  readonly #connecting = new Set<Connecting>();
  readonly #waiting: PoolWaiter[] = [];
  /** Those whose connection is looked at once more. */
  readonly #checking = new Set<PoolWaiter>();
  readonly #idleLimit = new IdleLimit();
  /** Connections of the present burst. */
  #begun = 0;
  #pace: Timer | undefined;
  #draining = false;
  #reuses = true;

  constructor(host: Host, settings: PoolSettings, deps: PoolDeps) {
    this.#host = host;
    this.#settings = settings;
    this.#deps = deps;
  }

  /** Gives a stream at once when one is free, otherwise later. */
  acquire(waiter: PoolWaiter): void {
    const { breakers } = this.#deps;
    if (!breakers.canRequest) return this.#refuse(waiter);
    const session = this.#findSession();
    if (session) return this.#assign2(session, waiter);
    const connection = this.#takeIdle();
    if (connection) return waiter.isRepeatable ? this.#assign1(connection, waiter) : this.#assignChecked(connection, waiter);
    if (!breakers.canQueue) return this.#refuse(waiter);
    this.#waiting.push(waiter);
    breakers.pending++;
    this.#grow();
  }

  #refuse(waiter: PoolWaiter): void {
    this.#deps.breakers.overflows.pending++;
    waiter.onPoolFailure('overflow', undefined, false);
  }

  /** True when it has no connection and nobody waits. */
  get isEmpty(): boolean {
    return this.#open.size + this.#sessions.length + this.#connecting.size + this.#waiting.length + this.#checking.size === 0;
  }

  #findSession(): Multiplexed | undefined {
    for (const entry of this.#sessions) if (entry.session.available && !this.#retire(entry, this.#deps.clock.monotonic())) return entry;
    return undefined;
  }

  /** Ends a session that is too old or was idle for too long. */
  #retire({ session, openedAt }: Multiplexed, now: number): boolean {
    const { maxAgeMs, idleTimeoutMs } = this.#settings.lifetime;
    const isOver = (maxAgeMs > 0 && now - openedAt >= maxAgeMs) || (idleTimeoutMs > 0 && session.idleSince > 0 && now - session.idleSince >= idleTimeoutMs);
    if (isOver) session.close();
    return isOver;
  }

  /** A server that stops closes its idle connections. What the kernel knows of that is read first: the second turn of the event loop
   * begins after the sockets have been looked at. */
  #assignChecked(connection: Http1ClientConnection, waiter: PoolWaiter): void {
    this.#checking.add(waiter);
    setImmediate(() => setImmediate(() => {
      const isWanted = this.#checking.delete(waiter);
      if (!connection.usable || !this.#reuses) connection.close();
      else if (!isWanted) this.#offer(connection);
      else return this.#assign1(connection, waiter);
      if (isWanted) this.acquire(waiter);
    }));
  }

  /** The idle connection that was used last; those that the server may be about to close are given up. */
  #takeIdle(): Http1ClientConnection | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.usable && !this.#isStale(connection)) return connection;
      connection.close();
    }
    return undefined;
  }

  #isStale(connection: Http1ClientConnection): boolean {
    const { idleTimeoutMs } = this.#settings.lifetime;
    const usableMs = Math.min(this.#idleLimit.usableMs(connection.idleLimitMs), idleTimeoutMs || Infinity);
    return (usableMs < Infinity && this.#deps.clock.monotonic() - connection.idleSince >= usableMs) || this.#isOld(connection);
  }

  /** Looks at the clock only where there is a limit: twice for each request it would be. */
  #isOld(connection: Http1ClientConnection): boolean {
    const { maxAgeMs } = this.#settings.lifetime;
    return maxAgeMs > 0 && this.#deps.clock.monotonic() - connection.openedAt >= maxAgeMs;
  }

  /** The waiter no longer wants a stream. */
  cancel(waiter: PoolWaiter): void {
    if (this.#checking.delete(waiter)) return;
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#deps.breakers.pending--;
  }

  /** Closes idle connections older than the idle timeout, or than the server leaves open. */
  sweep(now: number): void {
    for (const connection of this.#idle.slice()) if (this.#isStale(connection)) connection.close();
    for (const entry of this.#sessions.slice()) this.#retire(entry, now);
  }

  /** From now on each HTTP/1.1 connection is for one request. HTTP/2 servers say themselves which requests they have not taken. */
  stopReuse(): void {
    if (!this.#reuses) return;
    this.#reuses = false;
    for (const connection of this.#idle.slice()) connection.close();
  }

  /** Idle connections end now, busy ones after their request. Requests that wait already are still served. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#idle.slice()) connection.close();
    for (const { session } of this.#sessions.slice()) session.close();
    if (this.#waiting.length === 0) for (const connecting of this.#connecting) this.#abandon(connecting);
  }

  destroy(): void {
    this.#pace?.cancel();
    for (const waiter of this.#checking) waiter.onPoolFailure('connection failure', 'the proxy ends', false);
    this.#checking.clear();
    for (let waiter = this.#takeWaiter(); waiter; waiter = this.#takeWaiter()) waiter.onPoolFailure('connection failure', 'the proxy ends', false);
    this.drain();
    for (const connection of this.#open) connection.close();
    for (const { session } of this.#sessions.slice()) session.destroy();
    for (const connecting of this.#connecting) this.#abandon(connecting);
  }

  onReleased(connection: Http1ClientConnection, reusable: boolean): void {
    this.#requestOver();
    if (!reusable) return this.#serveWaiting();
    const { maxRequests } = this.#settings.lifetime;
    if ((maxRequests > 0 && connection.requests >= maxRequests) || this.#isOld(connection)) return connection.close();
    this.#offer(connection);
  }

  onAborted(): void {
    this.#requestOver();
  }

  onClosed(connection: Http1ClientConnection): void {
    this.#host.activeConnections--;
    this.#deps.breakers.connections--;
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (connection.closedByPeer) this.#idleLimit.onClosedIdle(this.#deps.clock.monotonic() - connection.idleSince);
    this.#serveWaiting();
  }

  #requestOver(): void {
    this.#host.activeRequests--;
    this.#deps.breakers.requests--;
  }

  get #leaving(): boolean {
    return this.#draining || this.#host.removed;
  }

  /** Gives a free connection to who has waited longest, or keeps it. */
  #offer(connection: Http1ClientConnection): void {
    if (!this.#reuses && connection.requests > 0) return connection.close();
    const waiter = this.#nextWaiter();
    if (waiter) return this.#assign1(connection, waiter);
    if (this.#leaving) return connection.close();
    connection.idleSince = this.#deps.clock.monotonic();
    this.#idle.push(connection);
  }

  #assign1(connection: Http1ClientConnection, waiter: PoolWaiter): void {
    const reused = connection.requests > 0;
    this.#countRequest();
    connection.begin(waiter.sink);
    waiter.onStream(connection, connection.facts, reused);
  }

  #assign2(entry: Multiplexed, waiter: PoolWaiter): void {
    const { session, facts } = entry;
    const reused = session.requests > 0;
    this.#countRequest();
    waiter.onStream(session.openStream(waiter.sink, () => this.#onStreamClosed(entry)), facts, reused);
  }

  #countRequest(): void {
    this.#host.activeRequests++;
    this.#host.counters.total++;
    this.#deps.breakers.requests++;
  }

  #onStreamClosed(entry: Multiplexed): void {
    this.#host.activeRequests--;
    this.#deps.breakers.requests--;
    const waiter = entry.session.available ? this.#nextWaiter() : undefined;
    if (waiter) this.#assign2(entry, waiter);
    else if (this.#leaving) entry.session.close();
    else if (entry.session.active === 0) entry.session.idleSince = this.#deps.clock.monotonic();
  }

  /** Who may begin now; others of the cluster may have taken all that is allowed since a request began to wait. */
  #nextWaiter(): PoolWaiter | undefined {
    for (let waiter = this.#takeWaiter(); waiter; waiter = this.#takeWaiter()) {
      if (this.#deps.breakers.canRequest) return waiter;
      this.#refuse(waiter);
    }
    return undefined;
  }

  #takeWaiter(): PoolWaiter | undefined {
    const waiter = this.#waiting.shift();
    if (waiter) this.#deps.breakers.pending--;
    return waiter;
  }

  /** Opens a connection for each request that no connection under way will serve, as far as the breaker allows; the first always.
   * Of a burst the first connections may serve the rest. */
  #grow(): void {
    const { protocol, lifetime } = this.#settings;
    const perConnection = protocol === 'http1' ? 1 : Math.max(1, lifetime.maxConcurrentStreams);
    while (this.#connecting.size * perConnection < this.#waiting.length && this.#begun < BURST.connections) {
      const { breakers } = this.#deps;
      if (!breakers.canConnect) {
        breakers.overflows.connections++;
        if (this.#open.size + this.#sessions.length + this.#connecting.size > 0) return;
      }
      this.#connect();
    }
  }

  #serveWaiting(): void {
    if (this.#waiting.length > 0) this.#grow();
  }

  #connect(): void {
    const { breakers } = this.#deps;
    const { target } = this.#settings;
    breakers.connections++;
    this.#host.activeConnections++;
    this.#host.counters.connections++;
    this.#begun++;
    this.#pace ??= this.#deps.clock.after(BURST.ms, () => {
      this.#pace = undefined;
      this.#begun = 0;
      this.#serveWaiting();
    });
    const alpn = offeredAlpn(this.#settings.protocol, this.#host.transport.alpn);
    const connecting = this.#host.transport.connect(
      { ...target, alpn },
      {
        onConnected: (socket, facts) => {
          this.#connecting.delete(connecting);
          this.#onConnected(socket, facts);
        },
        onFailed: (reason, timedOut) => {
          this.#connecting.delete(connecting);
          breakers.connections--;
          this.#host.activeConnections--;
          this.#host.counters.connectFail++;
          this.#failWaiting(reason, timedOut);
        },
      },
    );
    this.#connecting.add(connecting);
  }

  #onConnected(socket: Duplex, facts: UpstreamConnectionFacts): void {
    const { protocol } = this.#settings;
    if (protocol === 'http2' || (protocol === 'alpn' && facts.alpn === 'h2')) {
      this.#adopt2(socket, facts);
      return;
    }
    const { trailers, maxHeaders = DEFAULT_LIMITS.maxHeaders } = this.#settings.lifetime;
    const connection = new Http1ClientConnection(socket, this, { limits: { maxHeadBytes: ANSWER_HEAD_BYTES, maxHeaders }, trailers, facts });
    connection.openedAt = this.#deps.clock.monotonic();
    this.#open.add(connection);
    this.#offer(connection);
  }

  #adopt2(socket: Duplex, facts: UpstreamConnectionFacts): void {
    const { maxRequests, maxConcurrentStreams, ping, http2Limits, maxHeaders } = this.#settings.lifetime;
    const session = new Http2ClientSession(socket, {
      maxRequests,
      maxStreams: maxConcurrentStreams,
      ping,
      limits: { ...http2Limits, maxHeaders: maxHeaders ?? DEFAULT_LIMITS.maxHeaders },
      clock: this.#deps.clock,
      onClosed: () => {
        const at = this.#sessions.findIndex((entry) => entry.session === session);
        if (at >= 0) this.#sessions.splice(at, 1);
        this.#host.activeConnections--;
        this.#deps.breakers.connections--;
        this.#serveWaiting();
      },
    });
    const entry: Multiplexed = { session, facts, openedAt: this.#deps.clock.monotonic() };
    this.#sessions.push(entry);
    for (let waiter = session.available ? this.#nextWaiter() : undefined; waiter; waiter = session.available ? this.#nextWaiter() : undefined) this.#assign2(entry, waiter);
    if (this.#leaving) session.close();
    this.#serveWaiting();
  }

  /** A failed connection fails the requests that waited for it: all, when no other is under way, else its share. */
  #failWaiting(reason: string | undefined, timedOut: boolean): void {
    const count = Math.ceil(this.#waiting.length / (this.#connecting.size + 1));
    for (let i = 0; i < count; i++) this.#takeWaiter()?.onPoolFailure('connection failure', reason, timedOut);
  }

  #abandon(connecting: Connecting): void {
    connecting.cancel();
    this.#connecting.delete(connecting);
    this.#deps.breakers.connections--;
    this.#host.activeConnections--;
  }
}
