/** What the two HTTP codecs and the code between them agree on: heads, and streams with back-pressure in both directions. */
import type { Headers } from './headers.ts';

export type Protocol = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/** More of them come only from a server that never answers. */
export const MAX_INTERIM_RESPONSES = 100;

/** What is known of the connection to an upstream. */
export interface UpstreamConnectionFacts {
  /** `ip:port` of our side. */
  readonly local: string;
  /** SPIFFE URIs, on TLS. */
  readonly peer?: string;
  readonly own?: string;
  readonly alpn?: string;
}

export interface RequestHead {
  method: string;
  /** Origin form: path and query. `*` for OPTIONS *; empty for CONNECT. */
  path: string;
  /** Host header or `:authority`; empty when there was none. */
  authority: string;
  scheme: string;
  readonly protocol: Protocol;
  /** Without host, pseudo headers and hop-by-hop fields. */
  readonly headers: Headers;
  /** 0: no body; -1: length not known; else Content-Length. */
  bodyLength: number;
  /** Token of the Upgrade header when the client asks for one, lower-case. */
  upgrade?: string;
  /** What filters found out so far, by their namespace. */
  metadata?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** The client sent `expect: 100-continue`. */
  readonly expectContinue?: boolean;
}

export interface ResponseHead {
  status: number;
  readonly headers: Headers;
  /** 0: no body; -1: length not known; else Content-Length. */
  bodyLength: number;
}

/** Why a stream ended without completing; names as Envoy's `StreamResetReason`. */
export type ResetReason =
  | 'connection failure'
  | 'connection termination'
  | 'remote reset'
  | 'remote refused stream reset'
  | 'overflow'
  | 'protocol error';

/** Receives a client's request; implemented by the connection manager, called by a codec. */
export interface RequestSink {
  /** @param chunk the receiver's own: a body may have to wait, or be sent again
   * @param end true when this is all of the body and no trailers follow */
  onData(chunk: Buffer, end: boolean): void;
  onEnd(trailers: Headers | undefined): void;
  /** The client went away or broke the protocol. Nothing can be sent any more. */
  onReset(reason: ResetReason): void;
  /** The client reads again after `sendData` returned false. */
  onDrain(): void;
}

/** The way back to a client; implemented by a codec. */
export interface DownstreamStream {
  sendInterim(status: number, headers: Headers): void;
  /** @param more true when sendData or sendEnd follows at once in this tick, so that both can leave in one packet */
  sendHead(head: ResponseHead, end: boolean, more: boolean): void;
  /** @param chunk only lent
   * @param isKept it is not only lent: it stays as it is
   * @returns false when the caller should wait for `onDrain` */
  sendData(chunk: Buffer, end: boolean, isKept?: boolean): boolean;
  sendEnd(trailers: Headers | undefined): void;
  /** Ends the stream abnormally after a head was sent. */
  reset(): void;
  /** The next head announces the end of the connection, where a connection carries one request at a time. */
  closeAfter(): void;
  pause(): void;
  resume(): void;
}

/** Receives an upstream's response. */
export interface ResponseSink {
  onInterim(status: number, headers: Headers): void;
  /** @param more true when data follows at once in this tick */
  onHead(head: ResponseHead, more: boolean): void;
  /** @param chunk only lent: whoever keeps it copies it */
  onData(chunk: Buffer, end: boolean): void;
  onEnd(trailers: Headers | undefined): void;
  onReset(reason: ResetReason, detail?: string): void;
  onDrain(): void;
}

/** The way to an upstream; implemented by a codec. */
export interface UpstreamStream {
  sendHead(head: RequestHead, end: boolean, more: boolean): void;
  sendData(chunk: Buffer, end: boolean): boolean;
  sendEnd(trailers: Headers | undefined): void;
  /** Gives up on the response; the sink hears nothing more. */
  abort(): void;
  pause(): void;
  resume(): void;
}
