/** What the data path reports when a request or a connection has ended: exactly one Outcome each, also on abort. It is the
 * only input of metrics, access log and spans, so that the three cannot disagree. */

import type { JsonObject } from '@bufbuild/protobuf';
import type { TracingSettings } from './tracing.ts';

/** Case-insensitive view of a header block; `get` joins repeated headers with a comma. */
export interface HeaderView {
  get(name: string): string | undefined;
}

/** Who is at the other end of a connection: Istio's peer metadata. Absent fields are reported as `unknown`. */
export interface PeerMetadata {
  readonly workload?: string;
  readonly namespace?: string;
  readonly app?: string;
  readonly version?: string;
  readonly canonicalName?: string;
  readonly canonicalRevision?: string;
  readonly cluster?: string;
}

/** `filter_metadata` of a resource: what its maker says of it. Istio: `istio.config` is the object that it was made from. */
export type ConfigMetadata = Readonly<Record<string, JsonObject>>;

/** What the xDS resources say about where a request went; made once when configuration arrives, shared by all requests. */
export interface Destination {
  /** `outbound|9080|v1|reviews.default.svc.cluster.local` */
  readonly cluster: string;
  /** From the cluster's `istio` metadata: the service that was addressed. */
  readonly serviceHost?: string;
  readonly serviceName?: string;
  readonly serviceNamespace?: string;
  /** The cluster's. */
  readonly metadata?: ConfigMetadata;
}

/** One entry of `access_log` of a listener, connection manager or TCP proxy, still encoded. */
export interface AccessLogSettings {
  /** e.g. `envoy.access_loggers.file` */
  readonly name: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
  /** Encoded `envoy.config.accesslog.v3.AccessLogFilter`; absent: every request is logged. */
  readonly filter?: Uint8Array;
}

export type Reporter = 'source' | 'destination';

export interface ConnectionFacts {
  /** `ip:port` */
  readonly downstreamRemote: string;
  readonly downstreamLocal: string;
  /** Of the proxy in front, when it has told for whom it speaks. */
  readonly downstreamDirect?: string;
  /** Of the client connection, from TLS. */
  readonly requestedServerName?: string;
  readonly tlsVersion?: string;
  /** SPIFFE URI of the client's verified certificate. */
  readonly downstreamPeer?: string;
  /** SPIFFE URI of our own certificate on that connection. */
  readonly downstreamOwn?: string;
  /** Of the filter chain that took it. */
  readonly chainMetadata?: ConfigMetadata;
}

export interface UpstreamFacts {
  readonly destination: Destination;
  /** Endpoint that answered, `ip:port`; undefined when none was reached. */
  readonly host?: string;
  readonly local?: string;
  /** SPIFFE URI of the server's verified certificate, and ours. */
  readonly peer?: string;
  readonly own?: string;
  readonly peerMetadata?: PeerMetadata;
  readonly transportFailure?: string;
  /** Tries made, 1 without retry; 0 of requests that were answered here. */
  readonly attempts: number;
  /** Until response headers came, in ms. */
  readonly serviceTimeMs?: number;
}

/** W3C / B3 span identity of a traced request, lower-case hex. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly sampled: boolean;
}

export interface HttpOutcome {
  readonly kind: 'http';
  readonly reporter: Reporter;
  /** Name of the listener or filter chain, e.g. `inbound|9080||` or `0.0.0.0_9080`. */
  readonly listener: string;
  /** Wall time at which the request head was complete, ms since the epoch, with fraction. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly method: string;
  /** As the client asked for it, normalized, before rewriting. */
  readonly path: string;
  /** As it went on. */
  readonly rewrittenPath: string;
  readonly authority: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /** 0 when the client went away before a response. */
  readonly responseCode: number;
  /** Envoy's response flags, e.g. `UH`; empty when nothing went wrong. */
  readonly flags: readonly string[];
  /** Envoy's response code details, e.g. `via_upstream`, `route_not_found`. */
  readonly details: string;
  /** Of gRPC responses. */
  readonly grpcStatus?: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly routeName?: string;
  readonly routeMetadata?: ConfigMetadata;
  /** Also when none of its routes was for the request. */
  readonly virtualHostMetadata?: ConfigMetadata;
  /** What filters found out, by their namespace. */
  readonly metadata?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  readonly requestHeaders: HeaderView;
  readonly responseHeaders: HeaderView;
  readonly connection: ConnectionFacts;
  readonly upstream?: UpstreamFacts;
  /** The client's metadata (inbound only). */
  readonly downstreamPeerMetadata?: PeerMetadata;
  readonly span?: SpanContext;
  /** The listener's tracing settings, when it has any. */
  readonly tracing?: TracingSettings;
  /** Name for the span: the route's decorator, else undefined. */
  readonly operation?: string;
  /** The listener's access logs; one shared array per listener, so it can key a cache. */
  readonly accessLogs?: readonly AccessLogSettings[];
}

export interface TcpOutcome {
  /** Why nobody took the connection, in Envoy's response code details; `details` are those of its end. */
  readonly refusal?: string;
  readonly kind: 'tcp';
  readonly reporter: Reporter;
  readonly listener: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly flags: readonly string[];
  readonly details: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly connection: ConnectionFacts;
  readonly upstream?: UpstreamFacts;
  readonly downstreamPeerMetadata?: PeerMetadata;
  readonly accessLogs?: readonly AccessLogSettings[];
}

export type Outcome = HttpOutcome | TcpOutcome;

/** The one place where outcomes go. Synchronous and cheap: it counts, appends to a batch and returns. */
export interface OutcomeSink {
  record(outcome: Outcome): void;
  /** A TCP connection was opened (Istio counts opened and closed apart). */
  opened(outcome: Pick<TcpOutcome, 'reporter' | 'connection' | 'upstream' | 'downstreamPeerMetadata'>): void;
}
