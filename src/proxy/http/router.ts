/** Forwards one request: chooses hosts, tries, retries, keeps time, mirrors. Envoy: the router filter. */
import type { Timer } from '../../base/clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { UpstreamFacts } from '../outcome.ts';
import { retriesRequest, type TryFailure } from '../route/retry-policy.ts';
import type { ForwardAction, Route } from '../route/route.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { Hash64 } from '../upstream/hash.ts';
import type { Host } from '../upstream/host.ts';
import { type BodyBuffer, createBodyBuffer } from './body-buffer.ts';
import type { Exchange } from './exchange.ts';
import { failureReply, resetTexts } from './upstream-failure.ts';
import { isIdempotent, isUndelivered, Retries } from './retries.ts';
import { rewriteRequest } from './rewrite.ts';
import { chooseHost, hashOf } from './host-choice.ts';
import { createShadow, type Shadow } from './shadow.ts';
import { steeredPolicy, type Steering, steers, takeSteering, UNSTEERED } from './steering.ts';
import type { ResetReason, ResponseHead } from '../../codec/stream.ts';
import { exchangeLimit, NO_LIMITS, tellLimits, timeLimits } from './time-limits.ts';
import { Attempt } from './attempt.ts';
import { type DeadlineEvents, Deadlines } from './deadlines.ts';

/** Bodies up to this size can be sent again. Envoy: per_connection_buffer_limit_bytes, default 1 MiB. */
const REPLAY_LIMIT = 1024 * 1024;
/** Unsent body that may wait for a connection before the client is asked to pause. */
const HOLD_LIMIT = 64 * 1024;

const NO_RETRIES = new Retries(undefined, '');

export class Router implements DeadlineEvents {
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
  readonly #deadlines: Deadlines;
  #steering: Steering = UNSTEERED;
  #backOff: Timer | undefined;
  #shadows: Shadow[] | undefined;
  #replayed = false;
  #requestPaused = false;
  /** Monotonic ms since which the whole request is here. */
  #serviceTimeMs: number | undefined;
  #transportFailure: string | undefined;
  #lastHost: Host | undefined;
  #lastFacts: Attempt['facts'];

  constructor(exchange: Exchange, route: Route, action: ForwardAction) {
    this.exchange = exchange;
    this.#route = route;
    this.action = action;
    this.body = createBodyBuffer(exchange.isBodiless);
    this.#deadlines = new Deadlines(exchange.clock, this);
  }

  start(): void {
    const { exchange, action } = this;
    const { destination, services } = exchange;
    const cluster = destination && services.clusters.get(destination.cluster);
    if (cluster === undefined) return exchange.reply({ status: action.clusterNotFoundCode, flag: 'NC', details: 'cluster_not_found' });
    this.#cluster = cluster;
    this.#read();
    if (action.hash) {
      const result = hashOf(exchange, action.hash);
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
    this.#deadlines.close();
    this.#backOff?.cancel();
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
    this.#cluster?.outliers.onConnected(attempt.host);
    this.#lastFacts = attempt.facts;
    this.#deadlines.tryConnected(this.exchange.requestEnded);
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
    this.#deadlines.tryAnswered();
    cluster?.outliers.onStatus(attempt.host, head.status);
    if (head.status >= 500) attempt.host.counters.error++;
    else attempt.host.counters.success++;
    if (this.#retries.wantsAfter(head.status, head.headers) && this.#retry(attempt, isUndelivered(head.headers))) return;
    this.body.release();
    this.#retries.release();
    const { headers } = head;
    this.#serviceTimeMs = this.#deadlines.elapsedMs;
    if (this.#serviceTimeMs !== undefined && exchange.services.settings.tellsRouting) {
      headers.set('x-envoy-upstream-service-time', String(Math.round(this.#serviceTimeMs)));
    }
    if (this.#setCookie !== undefined) headers.add('set-cookie', this.#setCookie);
    if (this.#route.virtualHost.attemptCountInResponse) headers.set('x-envoy-attempt-count', String(this.#attempts));
    if (head.bodyLength === 0) this.#attemptDone();
    exchange.setDetails('via_upstream');
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
    this.#deadlines.stopTry();
    attempt.host.counters.error++;
    this.#cluster?.outliers.onLocalFailure(attempt.host, false);
    const [flag, phrase] = resetTexts(reason);
    if (exchange.responseStarted) return exchange.abortResponse(flag, `upstream_reset_after_response_started{${phrase.replaceAll(' ', '_')}}`);
    if (reason === 'connection termination' && this.#mayReplay(attempt)) {
      this.#replayed = true;
      return this.#try();
    }
    const failure: TryFailure = reason === 'remote refused stream reset' ? 'refused-stream' : attempt.sent ? 'reset' : 'reset-before-request';
    if (this.#retries.wants(failure) && this.#retry(attempt, failure === 'refused-stream')) return;
    this.#fail(flag, phrase);
  }

  /** No connection came to be, or the breaker refused one. */
  onAttemptUnavailable(attempt: Attempt, failure: { overflow: boolean; detail: string | undefined; timedOut: boolean }): void {
    const { exchange } = this;
    this.#attempt = undefined;
    this.#deadlines.stopTry();
    if (failure.overflow) {
      return exchange.reply({ ...failureReply({ flag: 'UO', phrase: 'overflow', attempts: this.#attempts }), headers: [['x-envoy-overloaded', 'true']] });
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
    const host = this.#nextHost ?? (cluster && chooseHost(exchange, cluster, this.#hash, this.#retries));
    this.#nextHost = undefined;
    if (cluster && !host && cluster.isLookedUp) {
      return cluster.whenWarm(() => {
        if (!exchange.done) this.#try();
      });
    }
    if (!cluster || !host) return exchange.reply({ status: 503, body: 'no healthy upstream', flag: 'UH', details: 'no_healthy_upstream' });
    this.#attempts++;
    this.#lastHost = host;
    this.#transportFailure = undefined;
    const { request } = exchange;
    if (this.#attempts > 1) this.#tellTry(this.#attempts);
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
    this.#deadlines.stopTry();
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

  /** The number of a try, and how long its answer is waited for. */
  #tellTry(number: number): void {
    const { exchange } = this;
    const { headers } = exchange.request;
    if (this.#route.virtualHost.attemptCountInRequest) headers.set('x-envoy-attempt-count', String(number));
    const { limits, elapsedMs } = this.#deadlines;
    if (limits !== NO_LIMITS) tellLimits(limits, headers, { elapsedMs: elapsedMs ?? 0, inOwnWords: exchange.services.settings.tellsRouting });
  }

  /** A kept-alive connection that the server closed as we began to use it, and a request that may be seen twice without harm
   * (RFC 9110 §9.2.2). This is no retry of the rule's: its client would do the same. */
  #mayReplay(attempt: Attempt): boolean {
    return !this.#replayed && attempt.reused && this.body.replayable && isIdempotent(this.exchange.request.method);
  }

  #fail(flag: string, phrase: string, transport?: string): void {
    this.exchange.reply(failureReply({ flag, phrase, transport, attempts: this.#attempts }));
  }

  // Settings of this request

  /** Time limits heed only what the client says, retries also what the rule adds in its name; the order is Envoy's. */
  #read(): void {
    const { action, exchange } = this;
    const { request, destination } = exchange;
    const { headers } = request;
    const isSteered = steers(headers);
    this.#deadlines.limits = timeLimits(action, headers, isSteered);
    const { maxStreamMs } = exchange.services.settings;
    if (action.duration || maxStreamMs > 0) this.#limitExchange(exchangeLimit(action.duration ?? { maxMs: maxStreamMs }, headers));
    this.#tellTry(1);
    rewriteRequest(exchange, this.#route, action);
    const isEdited = destination?.requestEdits !== undefined || this.#route.requestEdits.length > 0;
    let policy = action.retry;
    if (isSteered || (isEdited && steers(headers))) {
      policy = steeredPolicy(policy, headers);
      this.#steering = takeSteering(headers);
      this.#deadlines.streamMs = this.#steering.streamMs;
    }
    if (policy && retriesRequest(policy, request)) this.#retries = new Retries(policy, request.method);
    this.body.keep(REPLAY_LIMIT);
  }

  #mirror(): void {
    const { exchange } = this;
    for (const mirror of this.action.mirrors) {
      const cluster = exchange.services.clusters.get(mirror.cluster);
      if (!cluster || exchange.random() >= mirror.fraction) continue;
      const shadow = createShadow(exchange.request, cluster, { from: exchange.services.ownAddress, appendShadow: mirror.appendShadow, originalDestination: exchange.connection.originalDestination, timeoutMs: this.#deadlines.limits.totalMs, clock: exchange.clock });
      if (shadow) (this.#shadows ??= []).push(shadow);
    }
  }

  // Time

  #requestComplete(): void {
    if (this.exchange.done) return;
    this.#deadlines.requestComplete();
    if (this.#attempt?.facts) this.#deadlines.startTry();
  }

  #limitExchange(ms: number): void {
    if (ms > 0) this.#deadlines.limitExchange(ms - this.exchange.ageMs);
  }

  onExchangeTooLong(): void {
    const { exchange } = this;
    exchange.reply({ status: exchange.requestEnded ? 504 : 408, body: 'downstream duration timeout', grpcStatus: 4, details: 'max_duration_timeout' });
  }

  onTimeout(): void {
    const attempt = this.#attempt;
    if (attempt) this.#cluster?.outliers.onLocalFailure(attempt.host, true);
    if (this.exchange.responseStarted) return this.exchange.abortResponse('UT', 'response_timeout');
    this.#replyLate('response_timeout');
  }

  onPerTryTimeout(): void {
    const attempt = this.#attempt;
    if (!attempt || this.exchange.responseStarted) return;
    this.#cluster?.outliers.onLocalFailure(attempt.host, true);
    if (this.#retries.wants('per-try-timeout') && this.#retry(attempt)) {
      if (this.#route.virtualHost.timeoutRetryInRequest) this.exchange.request.headers.set('x-envoy-is-timeout-retry', 'true');
      return;
    }
    this.#replyLate('upstream_per_try_timeout');
  }

  #replyLate(details: string): void {
    const { lateStatus } = this.#steering;
    this.exchange.reply({ status: lateStatus, body: lateStatus === 204 ? '' : 'upstream request timeout', flag: 'UT', details });
  }

  onStreamTooLong(): void {
    const attempt = this.#attempt;
    const details = 'upstream_max_stream_duration_reached';
    if (!attempt) return;
    if (this.exchange.responseStarted) return this.exchange.abortResponse('UMSDR', details);
    if (this.#retries.wants('per-try-timeout') && this.#retry(attempt)) return;
    this.exchange.reply({ status: 504, body: 'upstream max stream duration reached', flag: 'UMSDR', details });
  }

  #trim(): void {
    this.body.sentTo(this.#attempt?.cursor ?? 0, this.#retries.mayGoOn || (!this.#replayed && isIdempotent(this.exchange.request.method)));
  }
}
