/** What a client is asked to do, and what it reports; JSON on both ways. */

export type Protocol = 'http1' | 'http2' | 'grpc';

export interface StreamOrder {
  readonly name: string;
  readonly protocol: Protocol;
  readonly url: string;
  /** Host header, when it is not the URL's. */
  readonly host?: string;
  readonly perSecond: number;
  /** Of HTTP; default: GET and POST in turns. gRPC is always POST. */
  readonly methods?: readonly string[];
  /** Default 15,000. */
  readonly timeoutMs?: number;
}

export interface SocketOrder {
  readonly name: string;
  readonly url: string;
  /** Host header, when it is not the URL's. */
  readonly host?: string;
  readonly count: number;
}

export interface Order {
  readonly streams: readonly StreamOrder[];
  readonly sockets: readonly SocketOrder[];
}

export interface Repeat {
  readonly order: Omit<StreamOrder, 'name' | 'perSecond'>;
  readonly method: string;
  /** `{i}` is the number of the request. */
  readonly path: string;
  readonly count: number;
  readonly atOnce: number;
}

export interface Failure {
  /** Unix ms at which it was sent, and how long it took to fail. */
  readonly atMs: number;
  readonly tookMs: number;
  readonly stream: string;
  /** Status and body, or the error of the transport. */
  readonly what: string;
}

export interface StreamReport {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Requests that each server answered, by the text of the answer. */
  readonly servers: Readonly<Record<string, number>>;
}

export interface SocketReport {
  readonly wanted: number;
  readonly open: number;
  /** Echoes since the last reset. */
  readonly echoes: number;
  readonly closed: readonly Failure[];
}

/** Since the last reset. */
export interface Report {
  readonly seconds: number;
  readonly streams: Readonly<Record<string, StreamReport>>;
  readonly sockets: Readonly<Record<string, SocketReport>>;
  /** The first thousand. */
  readonly failures: readonly Failure[];
}
