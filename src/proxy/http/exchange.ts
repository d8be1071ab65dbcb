/** One request and its response: prepares the request, runs the filters, routes, and reports exactly one Outcome at the end. */
import type { Clock } from '../../base/clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { HttpOutcome, PeerMetadata, UpstreamFacts } from '../outcome.ts';
import type { FactSource } from '../route/format.ts';
import { pickDestination, type Route, type VirtualHost, type WeightedDestination } from '../route/route.ts';
import type { DownstreamConnection } from './connection.ts';
import { BodyPlan, type BodyOutlet, type BodyPipe } from './body-pipe.ts';
import { abandonment, ExchangeRecord, intended, NO_HEADERS } from './exchange-record.ts';
import type { BodyTranslation, FilterContext, LocalReply } from './filter.ts';
import { HeldBody } from './held-body.ts';
import { mapped, mapperFor, renderReply } from './local-reply.ts';
import { prepareRequest } from './prepare.ts';
import { Router } from './router.ts';
import type { ManagerServices } from './services.ts';
import type { DownstreamStream, RequestHead, RequestSink, ResetReason, ResponseHead } from '../../codec/stream.ts';

type Metadata = Map<string, Readonly<Record<string, unknown>>>;

/** The connection that a request came on. */
export interface ExchangeOwner {
  readonly services: ManagerServices;
  /** Monotonic ms, a second behind at most. */
  readonly coarseNow: number;
  onEnded(exchange: Exchange): void;
}

export class Exchange implements RequestSink, FilterContext, FactSource {
  readonly request: RequestHead;
  readonly connection: DownstreamConnection;
  readonly services: ManagerServices;
  readonly stream: DownstreamStream;
  route: Route | undefined;
  virtualHost: VirtualHost | undefined;
  destination: WeightedDestination | undefined;
  meshRequestHeaders: readonly (readonly [string, string])[] = [];
  answerPeer = false;
  clientAddress = '';
  /** Monotonic ms of the last byte in either direction; the manager ends silent exchanges. */
  lastActive: number;
  readonly #record: ExchangeRecord;
  readonly #owner: ExchangeOwner;
  #metadata: Metadata | undefined;
  #router: Router | undefined;
  #nextFilter = 0;
  #running = false;
  #held: HeldBody | undefined;
  #translation: BodyTranslation | undefined;
  /** Undefined: no filter looks at bodies. */
  #bodies: BodyPlan | undefined;
  #requestEnded: boolean;
  #requestTrailers: Headers | undefined;
  #response: ResponseHead | undefined;
  /** About to be sent. */
  #answering: ResponseHead | undefined;
  #endings: (() => void)[] | undefined;
  #done = false;

  constructor(stream: DownstreamStream, head: RequestHead, connection: DownstreamConnection, owner: ExchangeOwner) {
    this.stream = stream;
    this.request = head;
    this.connection = connection;
    this.services = owner.services;
    this.#owner = owner;
    this.#record = new ExchangeRecord(owner.services.clock, head.path);
    this.lastActive = this.#record.startedAt;
    this.#requestEnded = head.bodyLength === 0 && head.upgrade === undefined && head.method !== 'CONNECT';
  }

  get clock(): Clock {
    return this.services.clock;
  }

  get random(): () => number {
    return this.services.random;
  }

  get metadata(): Metadata {
    return (this.#metadata ??= new Map());
  }

  /** Undefined when there is none. */
  get foundMetadata(): Metadata | undefined {
    return this.#metadata;
  }

  get done(): boolean {
    return this.#done;
  }

  get answer(): ResponseHead | undefined {
    return this.#response ?? this.#answering;
  }

  /** The response head has been sent. */
  get responseStarted(): boolean {
    return this.#response !== undefined;
  }

  /** Bytes for as long as both sides like. */
  get isTunnel(): boolean {
    return this.#response !== undefined && (this.request.upgrade !== undefined || this.request.method === 'CONNECT');
  }

  get requestEnded(): boolean {
    return this.#requestEnded;
  }

  /** There is nothing of it but its head, and nothing will come. What a filter has held is still to be handed on. */
  get isBodiless(): boolean {
    return this.#requestEnded && this.#requestTrailers === undefined && (this.#held?.isEmpty ?? this.request.bodyLength === 0);
  }

  // Way in

  start(): void {
    const { settings, tracer } = this.services;
    const { request } = this;
    const prepared = prepareRequest(request, this.connection, settings);
    if ('status' in prepared) return this.reply(prepared);
    this.clientAddress = prepared.clientAddress;
    this.#record.path = request.path;
    if (request.authority === '' && request.protocol !== 'HTTP/1.0') return this.reply({ status: 400, details: 'missing_host_header', close: true });
    if (settings.tracing && tracer) this.#record.span = tracer.start(request.headers, settings.tracing);
    const host = this.#match();
    if (host && host.requireTls === 'all' && request.scheme !== 'https') {
      // As in Envoy: the virtual host sends to https, not one of its routes.
      this.route = undefined;
      this.destination = undefined;
      return this.reply({ status: 301, details: 'direct_response', headers: [['location', `https://${request.authority}${request.path}`]] });
    }
    if (request.upgrade !== undefined && !this.#upgradeAllowed(request.upgrade)) return this.reply({ status: 403, details: 'upgrade_failed' });
    this.#runFilters();
  }

  routeAnew(): void {
    this.request.metadata = this.#metadata;
    this.#match();
  }

  #match(): VirtualHost | undefined {
    const host = this.services.settings.routes.current()?.find(this.request.authority);
    this.virtualHost = host;
    this.route = host?.find(this.request);
    const action = this.route?.action;
    this.destination = action?.kind === 'forward' ? pickDestination(action, this.request, this.random()) : undefined;
    return host;
  }

  #upgradeAllowed(upgrade: string): boolean {
    const action = this.route?.action;
    const own = action?.kind === 'forward' ? action.upgrades.get(upgrade) : undefined;
    // h2c by upgrade is never offered upstream; a client that asks is served by HTTP/1.1.
    return own ?? this.services.settings.upgrades.has(upgrade);
  }

  #runFilters(): void {
    const { filters } = this.services.settings;
    while (this.#nextFilter < filters.length) {
      const filter = filters[this.#nextFilter++];
      const step = filter?.onRequest?.(this);
      if (this.#done || step === 'done') return;
      if (step === 'stop') return;
    }
    this.#forward();
  }

  translateBody(translation: BodyTranslation): void {
    this.#translation = translation;
  }

  gatherBody(limitBytes: number, done: (body: Buffer, isWhole: boolean) => void): void {
    (this.#held ??= new HeldBody()).gather(limitBytes, this.#requestEnded, done);
  }

  passBody(stages: Parameters<BodyPlan['add']>[0]): BodyPlan {
    const bodies = (this.#bodies ??= new BodyPlan());
    bodies.add(stages);
    return bodies;
  }

  resume(): void {
    if (!this.#done && this.#router === undefined) this.#runFilters();
  }

  #forward(): void {
    // While a filter held the request, its route and then its cluster may have gone: it follows the route of now.
    if (this.destination && !this.services.clusters.get(this.destination.cluster)) this.#match();
    const { route } = this;
    if (route === undefined) return this.reply({ status: 404, flag: 'NR', details: 'route_not_found' });
    const { action } = route;
    if (action.kind === 'redirect') return this.reply({ status: action.status, details: 'direct_response', headers: [['location', action.location(this.request)]] });
    if (action.kind === 'direct') return this.reply({ status: action.status, body: action.body, details: 'direct_response' });
    if (this.#record.span) this.services.tracer?.inject(this.#record.span, this.request.headers);
    if (!this.services.settings.proxiesInterim) this.#answerExpectation();
    this.#running = true;
    const router = new Router(this, route, action);
    this.#router = router;
    router.start();
    if (this.#done) return;
    const outlet = this.#bodies?.openRequest(router) ?? router;
    const held = this.#held;
    if (held) this.#sendHeld(held, outlet);
    if (this.#requestTrailers || (this.#requestEnded && !held && this.request.bodyLength !== 0)) outlet.onEnd(this.#requestTrailers);
  }

  #sendHeld(held: HeldBody, outlet: BodyOutlet): void {
    const pieces = held.take();
    const isWhole = this.#requestEnded && this.#requestTrailers === undefined;
    for (const [i, chunk] of pieces.entries()) outlet.onData(chunk, isWhole && i === pieces.length - 1);
    if (held.isFull) this.stream.resume();
  }

  /** The body is read here, whoever reads it then. */
  #answerExpectation(): void {
    const { request } = this;
    if (request.bodyLength === 0 || !request.headers.has('expect')) return;
    request.headers.remove('expect');
    this.stream.sendInterim(100, NO_HEADERS);
  }

  // Request body

  onData(given: Buffer, end: boolean): void {
    if (this.#done) return;
    this.lastActive = this.#owner.coarseNow;
    this.#record.requestBytes += given.length;
    const chunk = this.#translation ? this.#translation.request(given, end) : given;
    if (chunk === undefined) return;
    if (end) this.#requestEnded = true;
    if (this.#running) {
      (this.#bodies?.request ?? this.#router)?.onData(chunk, end);
      return;
    }
    const held = (this.#held ??= new HeldBody());
    held.push(chunk, end);
    if (held.isFull) this.stream.pause();
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.#done) return;
    this.#requestEnded = true;
    if (this.#running) {
      (this.#bodies?.request ?? this.#router)?.onEnd(trailers);
      return;
    }
    this.#requestTrailers = trailers ?? new Headers();
    this.#held?.end();
  }

  onReset(reason: ResetReason): void {
    if (this.#done) return;
    const { flag, details } = abandonment(reason);
    this.addFlag(flag);
    this.#record.details = details;
    this.#finish();
  }

  onDrain(): void {
    this.#router?.resumeResponse();
  }

  // Way out

  perRoute(filter: string): unknown {
    return this.destination?.perFilter.get(filter) ?? this.route?.perFilter.get(filter);
  }

  atEnd(run: () => void): void {
    (this.#endings ??= []).push(run);
  }

  addFlag(flag: string): void {
    this.#record.addFlag(flag);
  }

  setDetails(details: string): void {
    this.#record.details = details;
  }

  setPeer(peer: PeerMetadata | undefined): void {
    this.#record.peer = peer;
  }

  setUpstreamPeer(peer: PeerMetadata | undefined): void {
    this.#record.upstreamPeer = peer;
  }

  /** Answers from here, or when a response is already under way cuts it off. */
  reply(reply: LocalReply): void {
    if (this.#done) return;
    if (reply.flag !== undefined) this.addFlag(reply.flag);
    if (this.#response) {
      this.#record.details = reply.details;
      this.stream.reset();
      this.#finish();
      return;
    }
    this.#record.details = reply.details;
    const mapper = mapperFor(reply, this.services.settings.replyMappers, () => this.soFar());
    const { head, body } = renderReply(mapped(reply, mapper), this.request);
    this.#answering = head;
    this.#editResponse(head);
    // After the route has had its say, as in Envoy: what it takes from others' answers may be put in ours.
    mapper?.edits?.(head.headers, this);
    const end = body.length === 0;
    if (reply.close) this.stream.closeAfter();
    this.#sendEdited(head, end, !end);
    if (!end) this.sendData(body, true);
  }

  /** @param end the response has no body @param more data follows at once */
  sendHead(head: ResponseHead, end: boolean, more: boolean): void {
    this.#answering = head;
    this.#editResponse(head);
    this.#sendEdited(head, end, more);
  }

  #sendEdited(head: ResponseHead, end: boolean, more: boolean): void {
    const { settings } = this.services;
    const { headers } = head;
    for (let i = this.#nextFilter - 1; i >= 0; i--) settings.filters[i]?.onResponse?.(this, head);
    // A filter has answered in its place.
    if (this.#done || this.#response) return;
    if (!headers.has('date')) headers.add('date', this.services.date());
    if (settings.serverHeader === 'overwrite' || (settings.serverHeader === 'append' && !headers.has('server'))) headers.set('server', settings.serverName);
    if (settings.requestIdInResponse && !headers.has('x-request-id')) headers.add('x-request-id', this.request.headers.get('x-request-id') ?? '');
    if (settings.via !== '') headers.add('via', settings.via);
    this.#response = head;
    this.#record.noteGrpc(headers, this.request);
    // Sending the last byte may begin the next request of a pipelined client at once.
    if (end) this.#conclude();
    this.stream.sendHead(head, end, more);
  }

  #editResponse(head: ResponseHead): void {
    if (this.route) for (const edit of this.route.responseEdits) edit(head.headers, this);
    this.destination?.responseEdits?.(head.headers, this);
  }

  sendData(given: Buffer, end: boolean): boolean {
    return this.#bodies ? this.#answerPipe(this.#bodies).onData(given, end) : this.#sendBody(given, end);
  }

  #answerPipe(bodies: BodyPlan): BodyPipe {
    return bodies.response ?? bodies.openResponse({ onData: (chunk, end) => this.#sendBody(chunk, end), onEnd: (trailers) => this.#sendLast(trailers) });
  }

  #sendBody(given: Buffer, end: boolean): boolean {
    if (this.#done) return true;
    const chunk = this.#translation ? this.#translated(given, end) : given;
    if (chunk.length === 0 && !end) return true;
    this.#record.responseBytes += chunk.length;
    if (end) this.#conclude();
    else this.lastActive = this.#owner.coarseNow;
    return this.stream.sendData(chunk, end);
  }

  #translated(chunk: Buffer, end: boolean): Buffer {
    const part = this.#translation?.response(chunk) ?? chunk;
    return end ? Buffer.concat([part, this.#translation?.end(undefined) ?? part.subarray(0, 0)]) : part;
  }

  sendEnd(trailers: Headers | undefined): void {
    if (this.#bodies) this.#answerPipe(this.#bodies).onEnd(trailers);
    else this.#sendLast(trailers);
  }

  #sendLast(trailers: Headers | undefined): void {
    if (this.#done) return;
    if (trailers) this.#record.noteGrpc(trailers, this.request);
    const last = this.#translation?.end(trailers);
    this.#record.responseBytes += last?.length ?? 0;
    this.#conclude();
    if (last) this.stream.sendData(last, true);
    else this.stream.sendEnd(trailers);
  }

  /** The upstream broke off after the head: nothing but a reset can tell the client. */
  abortResponse(flag: string, details: string): void {
    if (this.#done) return;
    this.addFlag(flag);
    this.#record.details = details;
    this.stream.reset();
    this.#finish();
  }

  /** Silence for longer than allowed. Envoy: `stream_idle_timeout`. */
  onIdleTimeout(): void {
    this.reply({ status: this.requestEnded ? 504 : 408, body: 'stream timeout', flag: 'SI', details: 'stream_idle_timeout' });
  }

  /** The request took too long to arrive. Envoy: `request_timeout`. */
  onRequestTimeout(): void {
    this.reply({ status: 408, body: 'request timeout', details: 'request_overall_timeout' });
  }

  get ageMs(): number {
    return this.#record.ageMs;
  }

  soFar(): HttpOutcome {
    return this.#outcome(this.#router?.facts(), undefined);
  }

  #conclude(): void {
    if (this.#record.details === '') this.#record.details = 'via_upstream';
    this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const upstream = this.#router?.finish();
    if (this.#endings) for (const run of this.#endings) run();
    this.services.outcomes.record(this.#outcome(upstream, this.route?.decorator));
    this.#owner.onEnded(this);
  }

  #outcome(upstream: UpstreamFacts | undefined, operation: string | undefined): HttpOutcome {
    return this.#record.outcome(this, upstream ?? intended(this), operation);
  }
}
