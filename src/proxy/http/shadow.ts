/** Mirrored requests: sent like the original, their answers are read and forgotten. They never slow the original down. */
import type { Clock } from '../../base/clock.ts';
import type { Headers } from '../../codec/headers.ts';
import type { SocketAddress } from '../runtime-contract.ts';
import { withoutPort } from '../route/virtual-hosts.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { PoolWaiter } from '../upstream/pool-settings.ts';
import { createBodyBuffer } from './body-buffer.ts';
import type { RequestHead, ResponseSink, UpstreamStream } from '../../codec/stream.ts';

export interface Shadow {
  data(chunk: Buffer, end: boolean): void;
  /** No more data will come. */
  end(): void;
}

export interface ShadowOptions {
  /** Address of this proxy, which is the client of the copy. */
  readonly from: string;
  /** Adds `-shadow` to the host, as Envoy does. */
  readonly appendShadow: boolean;
  readonly originalDestination: SocketAddress;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What waits for a slow mirror at most; beyond that the mirror is given up. */
const LIMIT = 1024 * 1024;

export function createShadow(request: RequestHead, cluster: UpstreamCluster, options: ShadowOptions): Shadow | undefined {
  const host = cluster.pick({ originalDestination: options.originalDestination });
  if (!host || request.upgrade !== undefined) return undefined;
  const head: RequestHead = { ...request, headers: shadowHeaders(request.headers, options.from), authority: options.appendShadow ? shadowHost(request.authority) : request.authority };
  const body = createBodyBuffer(request.bodyLength === 0);
  let stream: UpstreamStream | undefined;
  let cursor = 0;
  let ended = false;
  let over = false;
  const pool = cluster.pool(host, head);
  const stop = (): void => {
    over = true;
    timer?.cancel();
  };
  const giveUp = (): void => {
    if (over) return;
    stop();
    if (stream) stream.abort();
    else pool.cancel(waiter);
  };
  const flush = (): void => {
    if (!stream || over || ended) return;
    for (; cursor < body.count; cursor++) {
      const chunk = body.at(cursor);
      ended = body.ended && cursor === body.count - 1;
      if (chunk) stream.sendData(chunk, ended);
    }
    body.sentTo(cursor, false);
    if (body.ended && !ended) {
      ended = true;
      stream.sendEnd(undefined);
    }
  };
  const sink: ResponseSink = {
    onInterim() {},
    onHead: (response) => response.bodyLength === 0 && stop(),
    onData: (_chunk, end) => end && stop(),
    onEnd: stop,
    onReset: stop,
    onDrain() {},
  };
  const waiter: PoolWaiter = {
    isRepeatable: true,
    sink,
    onStream(opened) {
      stream = opened;
      if (over) return opened.abort();
      ended = body.ended && body.count === 0;
      opened.sendHead(head, ended, !ended && body.count > 0);
      flush();
    },
    onPoolFailure: stop,
  };
  const timer = options.timeoutMs > 0 ? options.clock.after(options.timeoutMs, giveUp) : undefined;
  pool.acquire(waiter);
  return {
    data(chunk, end) {
      if (over) return;
      body.push(chunk, end);
      flush();
      if (body.waiting(cursor) > LIMIT) giveUp();
    },
    end() {
      if (over || body.ended) return;
      body.finish(undefined);
      flush();
    },
  };
}

/** A copy is a request of the proxy's own. */
function shadowHeaders(headers: Headers, from: string): Headers {
  const copy = headers.clone();
  const forwarded = copy.get('x-forwarded-for');
  copy.set('x-forwarded-for', forwarded === undefined ? from : `${forwarded},${from}`);
  copy.set('x-envoy-internal', 'true');
  return copy;
}

function shadowHost(authority: string): string {
  const bare = withoutPort(authority);
  return `${bare}-shadow${authority.slice(bare.length)}`;
}
