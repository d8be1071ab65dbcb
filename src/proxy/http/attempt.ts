/** One try of a request on one host: waits for a connection, sends, and hands what comes back to the router until either gives up. */
import type { Headers } from '../../codec/headers.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { HostPool } from '../upstream/host-pool.ts';
import type { PoolWaiter } from '../upstream/pool-settings.ts';
import { isIdempotent } from './retries.ts';
import type { Router } from './router.ts';
import type { ResetReason, ResponseHead, ResponseSink, UpstreamStream, UpstreamConnectionFacts } from '../../codec/stream.ts';

export class Attempt implements PoolWaiter, ResponseSink {
  readonly sink: ResponseSink = this;
  readonly isRepeatable: boolean;
  readonly host: Host;
  readonly #router: Router;
  readonly #pool: HostPool;
  /** Next piece of the body to send. */
  cursor = 0;
  facts: UpstreamConnectionFacts | undefined;
  /** The connection served other requests before. */
  reused = false;
  /** Bytes of the request may have left. */
  sent = false;
  #stream: UpstreamStream | undefined;
  #requestEnded = false;
  #over = false;
  #blocked = false;

  constructor(router: Router, cluster: UpstreamCluster, host: Host) {
    this.#router = router;
    this.host = host;
    const { exchange } = router;
    this.isRepeatable = isIdempotent(exchange.request.method);
    this.#pool = cluster.pool(host, exchange.request, exchange.connection);
    // The application is about to close what is idle, and a request must not meet that.
    if (exchange.services.end.isAnnounced && exchange.connection.reporter === 'destination') this.#pool.stopReuse();
  }

  start(): void {
    this.#pool.acquire(this);
  }

  /** Gives up; the router hears nothing more. */
  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#stream) this.#stream.abort();
    else this.#pool.cancel(this);
  }

  /** Sends what the body has beyond the cursor. @returns false when the upstream asks to wait */
  flush(): boolean {
    const stream = this.#stream;
    const { body } = this.#router;
    if (!stream || this.#requestEnded) return true;
    while (this.cursor < body.count) {
      const chunk = body.at(this.cursor);
      if (chunk === undefined) break;
      this.cursor++;
      const last = body.ended && body.trailers === undefined && this.cursor === body.count;
      this.#requestEnded = last;
      if (!stream.sendData(chunk, last) && !last) {
        this.#blocked = true;
        return false;
      }
    }
    if (body.ended && !this.#requestEnded) {
      this.#requestEnded = true;
      stream.sendEnd(body.trailers);
    }
    return true;
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  // From the pool

  onStream(stream: UpstreamStream, facts: UpstreamConnectionFacts, reused: boolean): void {
    if (this.#over) {
      stream.abort();
      return;
    }
    const { exchange, body } = this.#router;
    this.#stream = stream;
    this.facts = facts;
    this.reused = reused;
    const head = exchange.request;
    const end = body.ended && body.count === 0 && body.trailers === undefined;
    this.#requestEnded = end;
    for (const [name, value] of exchange.meshRequestHeaders) {
      if (this.host.inMesh) head.headers.set(name, value);
      else head.headers.remove(name);
    }
    this.sent = true;
    this.#router.onAttemptStream(this);
    stream.sendHead(head, end, !end && body.count > 0);
    if (!end && this.flush()) this.#router.onAttemptDrain();
  }

  onPoolFailure(reason: 'connection failure' | 'overflow', detail: string | undefined, timedOut: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#router.onAttemptUnavailable(this, { overflow: reason === 'overflow', detail, timedOut });
  }

  // From the upstream

  onInterim(status: number, headers: Headers): void {
    if (!this.#over) this.#router.onInterim(status, headers);
  }

  onHead(head: ResponseHead, more: boolean): void {
    if (this.#over) return;
    if (head.bodyLength === 0) this.#over = this.#requestEnded;
    this.#router.onAttemptHead(this, head, more);
  }

  onData(chunk: Buffer, end: boolean): void {
    if (this.#over) return;
    if (end) this.#over = this.#requestEnded;
    this.#router.onAttemptData(this, chunk, end);
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.#over) return;
    this.#over = this.#requestEnded;
    this.#router.onAttemptEnd(trailers);
  }

  onReset(reason: ResetReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#router.onAttemptReset(this, reason);
  }

  onDrain(): void {
    if (this.#over || !this.#blocked) return;
    this.#blocked = false;
    this.#router.onAttemptDrain();
  }
}
