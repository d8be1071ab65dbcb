/** Sends spans in batches. The queue is bounded and what does not fit is dropped and counted: tracing never costs a request. */
import { request } from 'node:http';
import type { Clock, Timer } from '../../../base/clock.ts';
import { errorText } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { encodeSpans } from './otlp.ts';
import type { FinishedSpan } from './span.ts';

export interface SpanTarget {
  readonly host: string;
  readonly port: number;
  /** `/v1/traces` */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `service.name` of the resource. */
  readonly service: string;
}

export type SendSpans = (target: SpanTarget, body: string) => Promise<void>;

export interface SpanExporterDeps {
  readonly target: SpanTarget;
  readonly clock: Clock;
  readonly log: Log;
  readonly send?: SendSpans;
  /** Default 1 s. */
  readonly delayMs?: number;
  /** Spans in one request. Default 512. */
  readonly batchSize?: number;
  /** Spans waiting, at most. Default 4096. */
  readonly queueSize?: number;
}

export interface SpanExporter {
  add(span: FinishedSpan): void;
  readonly sent: number;
  readonly dropped: number;
  /** Sends what is left, at most for a second. */
  close(): Promise<void>;
}

const SEND_TIMEOUT_MS = 5000;
const CLOSE_TIMEOUT_MS = 1000;

export function createSpanExporter(deps: SpanExporterDeps): SpanExporter {
  const { target, clock, log, send = postSpans, delayMs = 1000, batchSize = 512, queueSize = 4096 } = deps;
  const queue: FinishedSpan[] = [];
  let timer: Timer | undefined;
  let sending: Promise<void> | undefined;
  let sent = 0;
  let dropped = 0;
  let isFailing = false;

  const sendBatch = async (): Promise<void> => {
    const batch = queue.splice(0, batchSize);
    try {
      await send(target, encodeSpans(target.service, batch));
      sent += batch.length;
      if (isFailing) log.info('spans are taken again', { host: target.host });
      isFailing = false;
    } catch (error) {
      dropped += batch.length;
      if (!isFailing) log.warn('spans cannot be sent and are dropped', { host: target.host, port: target.port, error: errorText(error) });
      isFailing = true;
    }
  };
  const flush = (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    sending ??= sendBatch().finally(() => {
      sending = undefined;
      if (queue.length > 0) arm();
    });
    return sending;
  };
  const arm = (): void => {
    if (timer) return;
    timer = clock.after(delayMs, () => void flush());
    timer.unref();
  };
  return {
    add(span) {
      if (queue.length >= queueSize) {
        dropped += 1;
        return;
      }
      queue.push(span);
      if (queue.length >= batchSize && !sending) void flush();
      else arm();
    },
    get sent() {
      return sent;
    },
    get dropped() {
      return dropped;
    },
    async close() {
      const deadline = new Promise<void>((resolve) => clock.after(CLOSE_TIMEOUT_MS, resolve).unref());
      const drain = async () => {
        await sending;
        while (queue.length > 0) await flush();
      };
      await Promise.race([drain(), deadline]);
      timer?.cancel();
    },
  };
}

const postSpans: SendSpans = (target, body) =>
  new Promise((resolve, reject) => {
    const call = request(
      { host: target.host, port: target.port, path: target.path, method: 'POST', timeout: SEND_TIMEOUT_MS, headers: { ...target.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        response.once('end', () => (status >= 200 && status < 300 ? resolve() : reject(new Error(`the collector answered ${status}`))));
        response.once('error', reject);
      },
    );
    call.once('timeout', () => call.destroy(new Error(`no answer within ${SEND_TIMEOUT_MS} ms`)));
    call.once('error', reject);
    call.end(body);
  });
