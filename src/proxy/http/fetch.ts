/** Small requests that the proxy makes for itself, through its own clusters. */
import type { Clock } from '../../base/clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { PoolWaiter } from '../upstream/pool-settings.ts';
import type { ClusterLookup } from './services.ts';
import type { RequestHead, UpstreamStream } from '../../codec/stream.ts';

export interface FetchResult {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly trailers: Headers | undefined;
}

export interface FetchOptions {
  readonly cluster: string;
  /** Absolute URL; host and path are taken from it. */
  readonly url: string;
  /** Default: GET. */
  readonly method?: string;
  readonly headers?: Headers;
  readonly body?: Buffer;
  readonly protocol?: 'HTTP/1.1' | 'HTTP/2';
  readonly timeoutMs: number;
  /** Of the answer; default 4 MiB. */
  readonly maxBytes?: number;
  readonly clusters: ClusterLookup;
  readonly clock: Clock;
}

const MAX_BODY = 4 * 1024 * 1024;

/** Rejects with the reason when no complete answer came in time. */
export function fetchThroughCluster(options: FetchOptions): Promise<FetchResult> {
  return new Promise((resolve, reject) => {
    const url = new URL(options.url);
    const cluster = options.clusters.get(options.cluster);
    const host = cluster?.pick({});
    if (!cluster || !host) return reject(new Error(`${options.url}: ${cluster ? 'no healthy upstream in' : 'there is no'} cluster ${options.cluster}`));
    const parts: Buffer[] = [];
    let size = 0;
    let status = 0;
    let headers = new Headers();
    let stream: UpstreamStream | undefined;
    const done = (trailers?: Headers): void => {
      timer.cancel();
      resolve({ status, headers, body: Buffer.concat(parts), trailers });
    };
    const fail = (reason: string): void => {
      timer.cancel();
      reject(new Error(`${options.url}: ${reason}`));
    };
    const { method = 'GET', body, protocol = 'HTTP/1.1' } = options;
    const head: RequestHead = {
      method, path: url.pathname + url.search, authority: url.host, scheme: url.protocol.slice(0, -1), protocol, headers: options.headers ?? Headers.of('user-agent', 'lateen', 'accept', '*/*'), bodyLength: body?.length ?? 0,
    };
    const pool = cluster.pool(host, head);
    const waiter: PoolWaiter = {
      isRepeatable: method === 'GET',
      sink: {
        onInterim() {},
        onHead(response) {
          status = response.status;
          headers = response.headers;
          if (response.bodyLength === 0) done();
        },
        onData(chunk, end) {
          size += chunk.length;
          if (size > (options.maxBytes ?? MAX_BODY)) {
            stream?.abort();
            return fail('the answer is too large');
          }
          parts.push(Buffer.from(chunk));
          if (end) done();
        },
        onEnd: done,
        onReset: fail,
        onDrain() {},
      },
      onStream(opened) {
        stream = opened;
        opened.sendHead(head, body === undefined, body !== undefined);
        if (body) opened.sendData(body, true);
      },
      onPoolFailure: (reason, detail) => fail(detail ?? reason),
    };
    const timer = options.clock.after(options.timeoutMs, () => {
      if (stream) stream.abort();
      else pool.cancel(waiter);
      reject(new Error(`${options.url}: no answer within ${options.timeoutMs} ms`));
    });
    pool.acquire(waiter);
  });
}
