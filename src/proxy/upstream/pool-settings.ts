/** What a pool is asked for, and how its connections are made and kept. */
import type { Http2Limits } from '../../codec/http2/limits.ts';
import type { PingRules } from '../../codec/http2/client-session.ts';
import type { ResponseSink, UpstreamConnectionFacts, UpstreamStream } from '../../codec/stream.ts';
import type { ConnectTarget } from './transport.ts';

export type UpstreamProtocol = 'http1' | 'http2' | 'alpn';

/** A request that wants a connection. */
export interface PoolWaiter {
  /** Receives the response; handed to the codec. */
  readonly sink: ResponseSink;
  /** It could be sent again if its connection turned out to be closed. */
  readonly isRepeatable: boolean;
  /** @param reused the connection served another request before */
  onStream(stream: UpstreamStream, facts: UpstreamConnectionFacts, reused: boolean): void;
  /** @param detail Envoy's transport failure reason, when there is one */
  onPoolFailure(reason: 'connection failure' | 'overflow', detail: string | undefined, timedOut: boolean): void;
}

export interface PoolSettings {
  readonly protocol: UpstreamProtocol;
  /** How its connections are made. */
  readonly target: ConnectTarget;
  readonly lifetime: ConnectionLifetime;
}

export interface ConnectionLifetime {
  /** 0: no limit. */
  readonly maxRequests: number;
  /** Idle connections are closed after this; 0: never. Envoy's default: 1 h. */
  readonly idleTimeoutMs: number;
  /** Older ones take no new request; 0: no limit. */
  readonly maxAgeMs: number;
  /** HTTP/2. */
  readonly maxConcurrentStreams: number;
  readonly http2Limits?: Partial<Http2Limits>;
  /** Of an answer; default 100. */
  readonly maxHeaders?: number;
  /** HTTP/1 trailers pass. */
  readonly trailers: boolean;
  /** HTTP/2: notices a dead peer. */
  readonly ping?: PingRules;
}

/** What a mesh client offers so that the server can tell HTTP from other traffic. Istio: `istio.alpn` filter. */
const MESH_ALPN: Readonly<Record<'http1' | 'http2', readonly string[]>> = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
};

/** What is offered in place of the transport's own list: for a mesh, and where nothing is configured. undefined: its own list. */
export function offeredAlpn(protocol: UpstreamProtocol, own: readonly string[]): readonly string[] | undefined {
  if (protocol === 'alpn') return ['h2', 'http/1.1'];
  if (own.includes('istio')) return MESH_ALPN[protocol];
  return own.length === 0 ? [protocol === 'http2' ? 'h2' : 'http/1.1'] : undefined;
}
