/** Sends spans in batches. The queue is bounded and what does not fit is dropped and counted: tracing never costs a request. */
import type { Clock, Timer } from '../../../base/clock.ts';
import { errorText } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { FinishedSpan } from './span.ts';
import { createSpanTransport } from './transport.ts';
import type { SpanTarget, SpanTransport } from './transport.ts';

export interface SpanExporterDeps {
  readonly target: SpanTarget;
  readonly clock: Clock;
  readonly log: Log;
  readonly transport?: SpanTransport;
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

const CLOSE_TIMEOUT_MS = 1000;

export function createSpanExporter(deps: SpanExporterDeps): SpanExporter {
  const { target, clock, log, transport = createSpanTransport(), delayMs = 1000, batchSize = 512, queueSize = 4096 } = deps;
  const queue: FinishedSpan[] = [];
  let timer: Timer | undefined;
  let sending: Promise<void> | undefined;
  let sent = 0;
  let dropped = 0;
  let isFailing = false;

  const sendBatch = async (): Promise<void> => {
    const batch = queue.splice(0, batchSize);
    try {
      await transport.send(target, batch);
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
      transport.close();
    },
  };
}
