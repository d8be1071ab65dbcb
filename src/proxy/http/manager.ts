/** The HTTP connection manager of one filter chain: chooses the codec of each connection, makes the exchanges, ends what is idle. */
import type { Duplex } from 'node:stream';
import { Http1ServerConnection, type Http1ServerHandler } from '../../codec/http1/server-connection.ts';
import type { HeadError } from '../../codec/http1/head.ts';
import { Http2ServerConnection } from '../../codec/http2/server-session.ts';
import { Headers } from '../../codec/headers.ts';
import type { HttpOutcome } from '../outcome.ts';
import { CodecDetection } from './codec-detection.ts';
import type { DownstreamConnection } from './connection.ts';
import { abandonment } from './exchange-record.ts';
import { Exchange, type ExchangeOwner } from './exchange.ts';
import type { Load, ManagerServices } from './services.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResetReason } from '../../codec/stream.ts';

interface Served {
  readonly busy: boolean;
  /** Part of a head is here, and the rest is not. */
  readonly isHeadPartial: boolean;
  /** Refuses a head that takes too long. */
  refuseHead(error: HeadError): void;
  /** The client is told to go; an idle connection is left to it. */
  announceEnd(): void;
  drain(): void;
  destroy(): void;
}

export class HttpManager {
  /** @internal */
  readonly services: ManagerServices;
  readonly #connections = new Set<ClientConnection>();
  /** Monotonic ms at the last sweep: exact enough for time-outs of silence, and free. */
  #coarseNow: number;
  #activeRequests = 0;
  /** Requests that have come, since the start. */
  begun = 0;
  #draining = false;
  #ending = false;
  #whenEmpty: (() => void)[] = [];

  constructor(services: Omit<ManagerServices, 'load'>) {
    const load: Load = {
      begin: () => {
        this.#activeRequests++;
        this.begun++;
      },
      end: () => {
        this.#activeRequests--;
        this.#checkEmpty();
      },
    };
    this.services = { ...services, load };
    this.#coarseNow = services.clock.monotonic();
  }

  get activeConnections(): number {
    return this.#connections.size;
  }

  get activeRequests(): number {
    return this.#activeRequests;
  }

  /** Requests without an answer. What has become a tunnel has one. */
  get unanswered(): number {
    let count = 0;
    for (const client of this.#connections) for (const exchange of client.exchanges()) if (!exchange.isTunnel) count++;
    return count;
  }

  /** @internal */
  get coarseNow(): number {
    return this.#coarseNow;
  }

  /** Takes over a connection. @param alpn what TLS agreed on */
  accept(socket: Duplex, connection: DownstreamConnection, alpn: string | undefined): void {
    const { codec } = this.services.settings;
    const client = new ClientConnection(this, connection);
    this.#connections.add(client);
    if (codec === 'http2' || alpn === 'h2' || alpn === 'istio-h2') client.serveHttp2(socket);
    else if (codec === 'http1' || (alpn !== undefined && alpn.includes('http/1'))) client.serveHttp1(socket, undefined);
    else client.detect(socket);
    // It was on its way when this chain was still in force: it is answered once.
    if (this.#draining || this.#ending) client.announceEnd();
  }

  /** A head that could not be read: counted and logged like a request. @returns fields for the answer */
  refused(error: HeadError, body: string, connection: DownstreamConnection, protocol: HttpOutcome['protocol'] = 'HTTP/1.1'): Headers {
    const headers = Headers.of('date', this.services.date(), 'server', this.services.settings.serverName);
    this.#recordHeadless(connection, { protocol, responseCode: error.status, flags: error.flag === '' ? [] : [error.flag ?? 'DPE'], details: error.details, responseBytes: body.length, responseHeaders: headers });
    return headers;
  }

  /** The client went away in the middle of a head. */
  abandoned(connection: DownstreamConnection): void {
    this.#recordHeadless(connection, { protocol: 'HTTP/1.1', responseCode: 0, flags: ['DC'], details: 'downstream_remote_disconnect', responseBytes: 0, responseHeaders: new Headers() });
  }

  /** The client gave a request up before its turn had come. */
  unbegun({ protocol, method, path, authority, headers }: RequestHead, reason: ResetReason, connection: DownstreamConnection): void {
    const { flag, details } = abandonment(reason);
    this.#recordHeadless(connection, { protocol, responseCode: 0, flags: [flag], details, responseBytes: 0, responseHeaders: new Headers(), method, path, rewrittenPath: path, authority, requestHeaders: headers });
  }

  #recordHeadless(connection: DownstreamConnection, ending: Pick<HttpOutcome, 'protocol' | 'responseCode' | 'flags' | 'details' | 'responseBytes' | 'responseHeaders'> & Partial<HttpOutcome>): void {
    const { clock, outcomes, settings } = this.services;
    outcomes.record({
      kind: 'http', reporter: connection.reporter, listener: connection.listener, startMs: clock.now(), durationMs: 0, method: '', path: '', rewrittenPath: '', authority: '',
      requestBytes: 0, requestHeaders: new Headers(), connection: connection.facts, accessLogs: settings.accessLogs, ...ending,
    });
  }

  /** Ends connections and exchanges that were silent for too long. @param now monotonic ms */
  sweep(now: number): void {
    this.#coarseNow = now;
    const { connectionIdleMs, maxConnectionMs, streamIdleMs, requestTimeoutMs } = this.services.settings;
    for (const client of this.#connections) {
      if (maxConnectionMs > 0 && now - client.openedAt >= maxConnectionMs) client.drain();
      else if (connectionIdleMs > 0 && !client.busy && now - client.idleSince >= connectionIdleMs) client.drain();
    }
    for (const client of this.#connections) {
      client.checkHead(now);
      for (const exchange of client.exchanges()) {
        const { action } = exchange.route ?? {};
        const idle = (action?.kind === 'forward' ? action.idleTimeoutMs : undefined) ?? streamIdleMs;
        if (idle > 0 && now - exchange.lastActive >= idle) exchange.onIdleTimeout();
        else if (requestTimeoutMs > 0 && !exchange.requestEnded && exchange.ageMs >= requestTimeoutMs) exchange.onRequestTimeout();
      }
    }
  }

  /** Clients are told to go, also those that still come. */
  announceEnd(): void {
    this.#ending = true;
    for (const client of this.#connections) client.announceEnd();
  }

  /** Ends connections that have carried no request since. @param before monotonic ms */
  closeIdle(before: number): void {
    for (const client of this.#connections) if (!client.busy && client.idleSince <= before) client.drain();
  }

  /** No new requests on kept-alive connections; resolves when the last one is gone. */
  drain(): Promise<void> {
    return this.handOver(() => undefined);
  }

  /** Each connection makes its next requests of another manager, or ends after the ones in progress where there is none. What
   * is in progress ends as it began. Resolves when nothing is left here. */
  handOver(successor: (connection: DownstreamConnection) => HttpManager | undefined): Promise<void> {
    this.#draining = true;
    for (const client of this.#connections) {
      const next = successor(client.connection);
      if (next) next.#adopt(client);
      else client.drain();
    }
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
      this.#checkEmpty();
    });
  }

  close(): void {
    for (const client of this.#connections) client.destroy();
    for (const filter of this.services.settings.filters) filter.close?.();
  }

  /** @internal */
  gone(client: ClientConnection): void {
    this.#connections.delete(client);
    this.#checkEmpty();
  }

  #adopt(client: ClientConnection): void {
    client.manager.#connections.delete(client);
    this.#connections.add(client);
    client.manager = this;
    if (this.#draining) client.drain();
    else if (this.#ending) client.announceEnd();
  }

  #checkEmpty(): void {
    if (this.#connections.size > 0 || this.#activeRequests > 0) return;
    for (const resolve of this.#whenEmpty) resolve();
    this.#whenEmpty = [];
  }
}

class ClientConnection implements Http1ServerHandler, ExchangeOwner {
  readonly openedAt: number;
  /** Monotonic ms since which no request is in progress. */
  idleSince: number;
  readonly connection: DownstreamConnection;
  /** Whose settings the next request follows. */
  manager: HttpManager;
  #served: Served | undefined;
  #detection: CodecDetection | undefined;
  #draining = false;
  #ending = false;
  /** Requests in progress; HTTP/1 never has more than one. */
  readonly #exchanges: Exchange[] = [];
  #requests = 0;
  /** The head that was partial at an earlier sweep: after how many requests, and since when. */
  #partial: { readonly after: number; readonly since: number } | undefined;

  constructor(manager: HttpManager, connection: DownstreamConnection) {
    this.manager = manager;
    this.connection = connection;
    this.openedAt = manager.services.clock.monotonic();
    this.idleSince = this.openedAt;
  }

  get busy(): boolean {
    return this.#served?.busy ?? false;
  }

  serveHttp1(socket: Duplex, first: Buffer | undefined): void {
    const { settings } = this.manager.services;
    const served = new Http1ServerConnection(socket, this, { limits: { maxHeadBytes: settings.maxHeadBytes, maxHeaders: settings.maxHeaders }, acceptHttp10: settings.acceptHttp10, trailers: settings.http1Trailers, closeDelayMs: settings.closeDelayMs });
    this.#serve(served, () => first && served.receive(first));
  }

  serveHttp2(socket: Duplex): void {
    const { settings } = this.manager.services;
    const { maxConcurrentStreams, limits } = settings.http2;
    this.#serve(new Http2ServerConnection(socket, this, { maxConcurrentStreams, allowConnect: settings.allowConnect, closeDelayMs: settings.closeDelayMs, drainMs: settings.drainMs, limits: { ...limits, maxHeadBytes: settings.maxHeadBytes, maxHeaders: settings.maxHeaders } }));
  }

  /** By what the client says first. */
  detect(socket: Duplex): void {
    this.#detection = new CodecDetection(socket, {
      onKnown: (isHttp2, seen) => {
        this.#detection = undefined;
        if (!isHttp2) return this.serveHttp1(socket, seen);
        socket.unshift(seen);
        this.serveHttp2(socket);
      },
      onGone: () => {
        this.#detection = undefined;
        this.manager.gone(this);
      },
    });
  }

  /** A head is given as long as a stream may be silent, or less. @param now monotonic ms */
  checkHead(now: number): void {
    const served = this.#served;
    if (!served?.isHeadPartial) {
      this.#partial = undefined;
      return;
    }
    if (this.#partial?.after !== this.#requests) this.#partial = { after: this.#requests, since: now };
    const { headTimeoutMs, streamIdleMs } = this.manager.services.settings;
    const age = now - this.#partial.since;
    if (headTimeoutMs > 0 && age >= headTimeoutMs) served.refuseHead({ status: 408, flag: '', details: 'request_header_timeout', body: 'request header timeout' });
    else if (streamIdleMs > 0 && age >= streamIdleMs) served.refuseHead({ status: 408, flag: 'SI', details: 'stream_idle_timeout', body: 'stream timeout' });
  }

  announceEnd(): void {
    this.#ending = true;
    this.#served?.announceEnd();
  }

  drain(): void {
    this.#draining = true;
    this.#detection?.drain();
    this.#served?.drain();
  }

  destroy(): void {
    this.#served?.destroy();
    this.#detection?.destroy();
  }

  onRequest(stream: DownstreamStream, head: RequestHead): RequestSink {
    const { maxRequestsPerConnection } = this.manager.services.settings;
    if (++this.#requests === maxRequestsPerConnection) this.#served?.announceEnd();
    const exchange = new Exchange(stream, head, this.connection, this);
    this.#exchanges.push(exchange);
    exchange.services.load.begin();
    exchange.start();
    return exchange;
  }

  get services(): ManagerServices {
    return this.manager.services;
  }

  get coarseNow(): number {
    return this.manager.coarseNow;
  }

  onEnded(exchange: Exchange): void {
    const exchanges = this.#exchanges;
    const last = exchanges.pop();
    if (last !== undefined && last !== exchange) exchanges[exchanges.indexOf(exchange)] = last;
    exchange.services.load.end();
  }

  /** A copy: ending one changes the list. */
  exchanges(): Exchange[] {
    return this.#exchanges.slice();
  }

  onBadRequest(error: HeadError, body: string): Headers {
    return this.manager.refused(error, body, this.connection);
  }

  onRefusedHead(refusal: HeadError): Headers {
    return this.manager.refused(refusal, '', this.connection, 'HTTP/2');
  }

  onHeadAbandoned(): void {
    this.manager.abandoned(this.connection);
  }

  onUnbegun(head: RequestHead, reason: ResetReason): void {
    this.manager.unbegun(head, reason, this.connection);
  }

  onIdle(): void {
    // A second early would be early by the whole of the patience with an idle connection at the end.
    this.idleSince = this.#ending ? this.manager.services.clock.monotonic() : this.manager.coarseNow;
  }

  onClosed(): void {
    this.manager.gone(this);
  }

  /** @param begin what has been read already is asked for: it is answered, whatever else is to come */
  #serve(served: Served, begin?: () => void): void {
    this.#served = served;
    begin?.();
    if (this.#draining) served.drain();
    else if (this.#ending) served.announceEnd();
  }
}
