/** What is told of an exchange when it has ended, gathered while it goes on. */
import type { Clock } from '../../base/clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { HttpOutcome, PeerMetadata, SpanContext, UpstreamFacts } from '../outcome.ts';
import { isGrpc } from '../route/path-match.ts';
import type { Route, VirtualHost, WeightedDestination } from '../route/route.ts';
import type { DownstreamConnection } from './connection.ts';
import type { ManagerServices } from './services.ts';
import type { RequestHead, ResetReason, ResponseHead } from '../../codec/stream.ts';

export const NO_HEADERS: Headers = new Headers(Object.freeze<string[]>([]) as string[]);

/** The exchange, as far as it is told of. */
export interface Recorded {
  readonly request: RequestHead;
  readonly connection: DownstreamConnection;
  readonly services: ManagerServices;
  readonly route: Route | undefined;
  readonly virtualHost: VirtualHost | undefined;
  readonly destination: WeightedDestination | undefined;
  readonly foundMetadata: Map<string, Readonly<Record<string, unknown>>> | undefined;
  /** Sent, or about to be. */
  readonly answer: ResponseHead | undefined;
}

export class ExchangeRecord {
  readonly startMs: number;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #flags: string[] = [];
  #grpcStatus: number | undefined;
  /** As the client sent it. */
  path: string;
  /** Envoy's response code details. */
  details = '';
  requestBytes = 0;
  responseBytes = 0;
  span: SpanContext | undefined;
  peer: PeerMetadata | undefined;
  upstreamPeer: PeerMetadata | undefined;

  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.startMs = clock.now();
    this.#startedAt = clock.monotonic();
    this.path = path;
  }

  /** Monotonic ms. */
  get startedAt(): number {
    return this.#startedAt;
  }

  get ageMs(): number {
    return this.#clock.monotonic() - this.#startedAt;
  }

  addFlag(flag: string): void {
    if (!this.#flags.includes(flag)) this.#flags.push(flag);
  }

  /** @param headers of the response, or its trailers */
  noteGrpc(headers: Headers, request: RequestHead): void {
    const status = headers.get('grpc-status');
    if (status !== undefined && isGrpc(request.headers.get('content-type'))) this.#grpcStatus = Number(status);
  }

  /** @param upstream where the request went, or would have gone
   * @param operation name of its span */
  outcome(of: Recorded, upstream: UpstreamFacts | undefined, operation: string | undefined): HttpOutcome {
    const { request, connection, answer } = of;
    const { settings } = of.services;
    return {
      kind: 'http',
      reporter: connection.reporter,
      listener: connection.listener,
      startMs: this.startMs,
      durationMs: this.ageMs,
      method: request.method,
      path: this.path,
      rewrittenPath: request.path,
      authority: request.authority,
      protocol: request.protocol,
      responseCode: answer?.status ?? 0,
      flags: this.#flags,
      details: this.details,
      grpcStatus: this.#grpcStatus,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      routeName: of.route?.name,
      routeMetadata: of.route?.metadata,
      virtualHostMetadata: of.virtualHost?.metadata,
      metadata: of.foundMetadata,
      requestHeaders: request.headers,
      responseHeaders: answer?.headers ?? NO_HEADERS,
      connection: connection.facts,
      upstream: upstream && this.upstreamPeer ? { ...upstream, peerMetadata: this.upstreamPeer } : upstream,
      downstreamPeerMetadata: this.peer,
      span: this.span,
      tracing: settings.tracing,
      operation,
      accessLogs: settings.accessLogs,
    };
  }
}

/** Where a request would have gone if it had not been answered here. */
export function intended({ destination, services }: Recorded): UpstreamFacts | undefined {
  const cluster = destination && services.clusters.get(destination.cluster);
  return cluster && { destination: cluster.settings.destination, attempts: 0 };
}

/** How it is told, in Envoy's words, that a client did not wait for the end of its request. */
export function abandonment(reason: ResetReason): { readonly flag: string; readonly details: string } {
  if (reason === 'protocol error') return { flag: 'DPE', details: 'http1.codec_error' };
  if (reason === 'remote reset') return { flag: 'DR', details: 'http2.remote_reset' };
  return { flag: 'DC', details: 'downstream_remote_disconnect' };
}
