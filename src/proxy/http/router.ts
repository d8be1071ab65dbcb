/** Forwards one request: chooses hosts, tries, retries, keeps time, mirrors. Envoy: the router filter. */
import type { Timer } from '../../base/clock.ts';
import { Headers } from '../headers.ts';
import type { UpstreamFacts } from '../outcome.ts';
import { formatAddress } from '../net/format-address.ts';
import type { FormatContext } from '../route/format.ts';
import { isGrpc } from '../route/path-match.ts';
import { retriesRequest, type TryFailure } from '../route/retry-policy.ts';
import type { ForwardAction, Route } from '../route/route.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { Hash64 } from '../upstream/hash.ts';
import type { Host } from '../upstream/host.ts';
import { type BodyBuffer, createBodyBuffer } from './body-buffer.ts';
import type { Exchange } from './exchange.ts';
import { isIdempotent, isUndelivered, Retries } from './retries.ts';
import { createShadow, type Shadow } from './shadow.ts';
import { grpcTimeoutMs, steers, takeSteering } from './steering.ts';
import type { ResetReason, ResponseHead } from './stream.ts';
import { Attempt } from './attempt.ts';

/** Bodies up to this size can be sent again. Envoy: per_connection_buffer_limit_bytes, default 1 MiB. */
const REPLAY_LIMIT = 1024 * 1024;
/** Unsent body that may wait for a connection before the client is asked to pause. */
const HOLD_LIMIT = 64 * 1024;

const NO_RETRIES = new Retries(undefined, '');

export class Router {
  readonly exchange: Exchange;
  readonly action: ForwardAction;
  readonly body: BodyBuffer;
  readonly #route: Route;
  #cluster: UpstreamCluster | undefined;
  #retries = NO_RETRIES;
  #attempts = 0;
  #attempt: Attempt | undefined;
  #nextHost: Host | undefined;
  #hash: Hash64 | undefined;
  #setCookie: string | undefined;
  #timeoutMs = 0;
  #perTryMs = 0;
  #deadline: Timer | undefined;
  #backOff: Timer | undefined;
  #perTry: Timer | undefined;
  #shadows: Shadow[] | undefined;
  #replayed = false;
  #requestPaused = false;
  /** Monotonic ms since which the whole request is here. */
  #completedAt: number | undefined;
  #serviceTimeMs: number | undefined;
  #transportFailure: string | undefined;
  #lastHost: Host | undefined;
  #lastFacts: Attempt['facts'];

  constructor(exchange: Exchange, route: Route, action: ForwardAction) {
    this.exchange = exchange;
    this.#route = route;
    this.action = action;
    this.body = createBodyBuffer(exchange.requestEnded);
  }

  start(): void {
    const { exchange, action } = this;
    const { destination, services } = exchange;
    const cluster = destination && services.clusters.get(destination.cluster);
    if (cluster === undefined) return exchange.reply({ status: action.clusterNotFoundCode, flag: 'NC', details: 'cluster_not_found' });
    this.#cluster = cluster;
    this.#readSteering();
    this.#rewrite();
    if (this.#timeoutMs > 0) exchange.request.headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(this.#timeoutMs)));
    if (action.hash) {
      const result = action.hash({ request: exchange.request, sourceIp: exchange.clientAddress, connection: this.#addresses() });
      this.#hash = result.hash;
      this.#setCookie = result.setCookie;
    }
    if (action.mirrors.length > 0) this.#mirror();
    if (exchange.requestEnded) this.#requestComplete();
    if (!exchange.done) this.#try();
  }

  onData(chunk: Buffer, end: boolean): void {
    if (this.#shadows) for (const shadow of this.#shadows) shadow.data(chunk, end);
    this.body.push(chunk, end);
    const ok = this.#attempt?.flush() ?? true;
    this.#trim();
    if (end) this.#requestComplete();
    else if ((!ok || this.body.waiting(this.#attempt?.cursor ?? 0) > HOLD_LIMIT) && !this.#requestPaused) {
      this.#requestPaused = true;
      this.exchange.stream.pause();
    }
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.#shadows) for (const shadow of this.#shadows) shadow.end();
    this.body.finish(trailers);
    this.#attempt?.flush();
    this.#trim();
    this.#requestComplete();
  }

  resumeResponse(): void {
    this.#attempt?.resume();
  }

  /** What is known of the upstream so far. */
  facts(): UpstreamFacts | undefined {
    const cluster = this.#cluster;
    if (cluster === undefined) return undefined;
    const facts = this.#lastFacts;
    return {
      destination: cluster.settings.destination,
      host: this.#lastHost?.key,
      local: facts?.local,
      peer: facts?.peer,
      own: facts?.own,
      peerMetadata: this.#lastHost?.peerMetadata,
      transportFailure: this.#transportFailure,
      attempts: Math.max(1, this.#attempts),
      serviceTimeMs: this.#serviceTimeMs,
    };
  }

  /** The exchange is over: whatever is still open is given up. */
  finish(): UpstreamFacts | undefined {
    this.#deadline?.cancel();
    this.#backOff?.cancel();
    this.#perTry?.cancel();
    this.#retries.release();
    const facts = this.facts();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abandon();
    if (this.#shadows) for (const shadow of this.#shadows) shadow.end();
    return facts;
  }

  // From the attempt

  onAttemptStream(attempt: Attempt): void {
    this.#lastFacts = attempt.facts;
    if (this.exchange.requestEnded) this.#startPerTry();
  }

  /** The upstream takes more of the body. */
  onAttemptDrain(): void {
    this.#attempt?.flush();
    this.#trim();
    if (!this.#requestPaused) return;
    this.#requestPaused = false;
    this.exchange.stream.resume();
  }

  onInterim(status: number, headers: Headers): void {
    const { stream, services } = this.exchange;
    if (services.settings.proxiesInterim) stream.sendInterim(status, headers);
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, more: boolean): void {
    const { exchange } = this;
    const cluster = this.#cluster;
    this.#perTry?.cancel();
    cluster?.outliers.onStatus(attempt.host, head.status);
    if (head.status >= 500) attempt.host.counters.error++;
    else attempt.host.counters.success++;
    if (this.#retries.wantsAfter(head.status, head.headers) && this.#retry(attempt, isUndelivered(head.headers))) return;
    this.body.release();
    this.#retries.release();
    const { headers } = head;
    if (this.#completedAt !== undefined) {
      this.#serviceTimeMs = exchange.clock.monotonic() - this.#completedAt;
      headers.set('x-envoy-upstream-service-time', String(Math.round(this.#serviceTimeMs)));
    }
    if (this.#setCookie !== undefined) headers.add('set-cookie', this.#setCookie);
    if (this.#route.virtualHost.attemptCountInResponse) headers.set('x-envoy-attempt-count', String(this.#attempts));
    if (head.bodyLength === 0) this.#attemptDone();
    exchange.sendHead(head, head.bodyLength === 0, more);
  }

  onAttemptData(attempt: Attempt, chunk: Buffer, end: boolean): void {
    if (end) this.#attemptDone();
    if (!this.exchange.sendData(chunk, end) && !end) attempt.pause();
  }

  onAttemptEnd(trailers: Headers | undefined): void {
    this.#attemptDone();
    this.exchange.sendEnd(trailers);
  }

  /** The stream broke. */
  onAttemptReset(attempt: Attempt, reason: ResetReason): void {
    const { exchange } = this;
    this.#attempt = undefined;
    this.#perTry?.cancel();
    attempt.host.counters.error++;
    this.#cluster?.outliers.onLocalFailure(attempt.host, false);
    const [flag, phrase] = resetTexts(reason);
    if (exchange.responseStarted) return exchange.abortResponse(flag, `upstream_reset_after_response_started{${phrase.replaceAll(' ', '_')}}`);
    if (this.#mayReplay(attempt)) {
      this.#replayed = true;
      return this.#try();
    }
    const failure: TryFailure = reason === 'remote refused stream reset' ? 'refused-stream' : attempt.sent ? 'reset' : 'reset-before-request';
    if (this.#retries.wants(failure) && this.#retry(attempt, failure === 'refused-stream')) return;
    this.#fail(flag, phrase, undefined);
  }

  /** No connection came to be, or the breaker refused one. */
  onAttemptUnavailable(attempt: Attempt, failure: { overflow: boolean; detail: string | undefined; timedOut: boolean }): void {
    const { exchange } = this;
    this.#attempt = undefined;
    this.#perTry?.cancel();
    if (failure.overflow) {
      return exchange.reply({ ...this.#failureReply('overflow'), flag: 'UO', headers: [['x-envoy-overloaded', 'true']], details: 'upstream_reset_before_response_started{overflow}' });
    }
    this.#transportFailure = failure.detail;
    this.#cluster?.outliers.onLocalFailure(attempt.host, failure.timedOut);
    if (this.#retries.wants('connect-failure') && this.#retry(attempt, !failure.timedOut)) return;
    this.#fail('UF', failure.timedOut ? 'connection timeout' : 'remote connection failure', failure.detail);
  }

  #attemptDone(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    // An answer before the end of the request: the rest of the request has no reader.
    if (attempt && !this.exchange.requestEnded) attempt.abandon();
  }

  // Trying

  #try(): void {
    const { exchange } = this;
    const cluster = this.#currentCluster();
    const host = this.#nextHost ?? (cluster && this.#chooseHost(cluster));
    this.#nextHost = undefined;
    if (!cluster || !host) return exchange.reply({ status: 503, body: 'no healthy upstream', flag: 'UH', details: 'no_healthy_upstream' });
    this.#attempts++;
    this.#lastHost = host;
    const { request } = exchange;
    if (this.#route.virtualHost.attemptCountInRequest) request.headers.set('x-envoy-attempt-count', String(this.#attempts));
    if (this.action.hostRewrite?.by === 'auto' && host.config.hostname !== '') request.authority = host.config.hostname;
    const attempt = new Attempt(this, cluster, host);
    this.#attempt = attempt;
    attempt.start();
  }

  /** The cluster may have been replaced while a try was under way. */
  #currentCluster(): UpstreamCluster | undefined {
    if (this.#attempts > 0 && this.#cluster) this.#cluster = this.exchange.services.clusters.get(this.#cluster.name) ?? this.#cluster;
    return this.#cluster;
  }

  #chooseHost(cluster: UpstreamCluster): Host | undefined {
    const { exchange } = this;
    const { discovery } = cluster.settings;
    const choice = {
      hash: this.#hash,
      originalDestination: exchange.connection.originalDestination,
      destinationHeader: discovery.kind === 'original-dst' && discovery.useHeader ? exchange.request.headers.get(discovery.headerName) : undefined,
    };
    let host = cluster.pick(choice);
    const { policy, tried } = this.#retries;
    if (host && policy?.avoidPreviousHosts && tried.length > 0) {
      for (let attempt = 1; attempt <= policy.hostAttempts && host && tried.includes(host); attempt++) host = cluster.pick({ ...choice, attempt });
    }
    if (host && this.#retries.shuns(host, () => exchange.clock.monotonic())) return cluster.pickOther(tried) ?? host;
    return host;
  }

  /** Of the client as it is known through trusted proxies, whose port is not known, and of what it connected to. */
  #addresses(): [remote: string, local: string] {
    const { clientAddress, connection } = this.exchange;
    const { remote, originalDestination } = connection;
    return [formatAddress(clientAddress === remote.address ? remote : { address: clientAddress, port: 0 }), formatAddress(originalDestination)];
  }

  /** Begins another try if policy, budget and body allow. @returns false when the failure is final
   * @param undelivered no application has got the request */
  #retry({ host }: Attempt, undelivered = false): boolean {
    const { exchange } = this;
    const cluster = this.#currentCluster();
    if (!cluster || !this.body.replayable) return false;
    const next = this.#retries.claim({ host, undelivered, now: exchange.clock.monotonic(), attempts: this.#attempts, random: exchange.random() }, cluster);
    if (typeof next === 'string') {
      exchange.addFlag(next);
      return false;
    }
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abandon();
    if (next.host) {
      this.#nextHost = next.host;
      this.#try();
      return true;
    }
    this.#backOff = exchange.clock.after(next.delayMs, () => {
      if (!exchange.done) this.#try();
    });
    return true;
  }

  /** A kept-alive connection that the server closed as we began to use it: nobody has seen the request, or seeing it twice does no harm. */
  #mayReplay(attempt: Attempt): boolean {
    if (this.#replayed || !attempt.reused || !this.body.replayable) return false;
    return !attempt.sent || isIdempotent(this.exchange.request.method);
  }

  #fail(flag: string, phrase: string, transport: string | undefined): void {
    const suffix = transport === undefined ? '' : `|${transport}`;
    const details = `upstream_reset_before_response_started{${`${phrase}${suffix}`.replaceAll(' ', '_')}}`;
    this.exchange.reply({ ...this.#failureReply(phrase), flag, details });
  }

  #failureReply(phrase: string): { status: number; body: string } {
    const latest = this.#attempts > 1 ? 'retried and the latest ' : '';
    return { status: 503, body: `upstream connect error or disconnect/reset before headers. ${latest}reset reason: ${phrase}` };
  }

  // Settings of this request

  /** Timeouts and retries: the route's, changed by headers that a trusted client sent. */
  #readSteering(): void {
    const { action, exchange } = this;
    const { headers } = exchange.request;
    this.#timeoutMs = this.#routeTimeout();
    let policy = action.retry;
    if (steers(headers)) {
      const steered = takeSteering(headers, policy);
      this.#timeoutMs = steered.timeoutMs ?? this.#timeoutMs;
      policy = steered.policy;
    }
    if (policy && retriesRequest(policy, exchange.request)) this.#retries = new Retries(policy, exchange.request.method);
    this.#perTryMs = policy?.perTryTimeoutMs ?? 0;
    if (this.#timeoutMs > 0 && this.#perTryMs >= this.#timeoutMs) this.#perTryMs = 0;
    this.body.keep(REPLAY_LIMIT);
  }

  #routeTimeout(): number {
    const { action, exchange } = this;
    const { headers } = exchange.request;
    if (action.grpcTimeoutMaxMs === undefined || !isGrpc(headers.get('content-type'))) return action.timeoutMs;
    const asked = grpcTimeoutMs(headers.get('grpc-timeout'));
    if (asked === undefined) return action.grpcTimeoutMaxMs;
    return action.grpcTimeoutMaxMs === 0 ? asked : Math.min(asked, action.grpcTimeoutMaxMs);
  }

  #rewrite(): void {
    const { action, exchange } = this;
    const { request, destination } = exchange;
    if (this.#route.requestEdits.length > 0 || destination?.requestEdits) {
      let made: FormatContext | undefined;
      const context = () => (made ??= exchange.formatContext());
      destination?.requestEdits?.(request.headers, context);
      for (const edit of this.#route.requestEdits) edit(request.headers, context);
    }
    const authority = request.authority;
    if (destination?.hostRewrite !== undefined) request.authority = destination.hostRewrite;
    else if (action.hostRewrite?.by === 'literal') request.authority = action.hostRewrite.host;
    else if (action.hostRewrite?.by === 'header') request.authority = request.headers.get(action.hostRewrite.name) ?? authority;
    else if (action.hostRewrite?.by === 'path') request.authority = action.hostRewrite.rewrite(request.path);
    if (action.appendForwardedHost && request.authority !== authority) {
      const before = request.headers.get('x-forwarded-host');
      request.headers.set('x-forwarded-host', before === undefined ? authority : `${before},${authority}`);
    }
    if (action.rewritePath) {
      const path = action.rewritePath(request.path);
      if (path !== request.path) {
        request.headers.set('x-envoy-original-path', request.path);
        request.path = path;
      }
    }
  }

  #mirror(): void {
    const { exchange } = this;
    for (const mirror of this.action.mirrors) {
      const cluster = exchange.services.clusters.get(mirror.cluster);
      if (!cluster || exchange.random() >= mirror.fraction) continue;
      const shadow = createShadow(exchange.request, cluster, { appendShadow: mirror.appendShadow, originalDestination: exchange.connection.originalDestination, timeoutMs: this.#timeoutMs, clock: exchange.clock });
      if (shadow) (this.#shadows ??= []).push(shadow);
    }
  }

  // Time

  /** The whole request is here: time begins to count, as in Envoy. */
  #requestComplete(): void {
    const { exchange } = this;
    if (exchange.done) return;
    this.#completedAt = exchange.clock.monotonic();
    if (this.#timeoutMs > 0 && this.#deadline === undefined) this.#deadline = exchange.clock.after(this.#timeoutMs, () => this.#onTimeout());
    if (this.#attempt?.facts) this.#startPerTry();
  }

  #startPerTry(): void {
    if (this.#perTryMs <= 0) return;
    this.#perTry?.cancel();
    this.#perTry = this.exchange.clock.after(this.#perTryMs, () => this.#onPerTryTimeout());
  }

  #onTimeout(): void {
    const attempt = this.#attempt;
    if (attempt) this.#cluster?.outliers.onStatus(attempt.host, 504);
    if (this.exchange.responseStarted) return this.exchange.abortResponse('UT', 'response_timeout');
    this.exchange.reply({ status: 504, body: 'upstream request timeout', flag: 'UT', details: 'response_timeout' });
  }

  #onPerTryTimeout(): void {
    const attempt = this.#attempt;
    if (!attempt || this.exchange.responseStarted) return;
    this.#cluster?.outliers.onStatus(attempt.host, 504);
    if (this.#retries.wants('per-try-timeout') && this.#retry(attempt)) return;
    this.exchange.reply({ status: 504, body: 'upstream request timeout', flag: 'UT', details: 'upstream_per_try_timeout' });
  }

  #trim(): void {
    this.body.sentTo(this.#attempt?.cursor ?? 0, this.#retries.mayGoOn || (!this.#replayed && isIdempotent(this.exchange.request.method)));
  }
}

/** Response flag and Envoy's words for it. */
function resetTexts(reason: ResetReason): readonly [flag: string, phrase: string] {
  switch (reason) {
    case 'connection termination':
      return ['UC', 'connection termination'];
    case 'connection failure':
      return ['UF', 'remote connection failure'];
    case 'remote reset':
      return ['UR', 'remote reset'];
    case 'remote refused stream reset':
      return ['UR', 'remote refused stream reset'];
    case 'overflow':
      return ['UO', 'overflow'];
    case 'protocol error':
      return ['UPE', 'protocol error'];
    case 'local reset':
      return ['LR', 'local reset'];
  }
}
