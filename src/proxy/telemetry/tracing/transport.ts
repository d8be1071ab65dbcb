/** How a batch of spans leaves: a POST, or a gRPC call on a connection that is kept. */
import { request } from 'node:http';
import { createGrpcChannel } from '../../../xds/client/grpc-channel.ts';
import type { GrpcChannel } from '../../../xds/client/grpc-channel.ts';
import { encodeSpans } from './otlp.ts';
import { encodeSpansProto } from './otlp-proto.ts';
import type { FinishedSpan } from './span.ts';
import { encodeZipkinSpans } from './zipkin.ts';

export interface SpanTarget {
  readonly format: 'otlp-http' | 'otlp-grpc' | 'zipkin';
  readonly host: string;
  readonly port: number;
  /** `/v1/traces`, `/api/v2/spans`; of gRPC, the method. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the service that the spans belong to. */
  readonly service: string;
}

export interface SpanTransport {
  /** Rejects when the collector did not take the batch. */
  send(target: SpanTarget, spans: readonly FinishedSpan[]): Promise<void>;
  close(): void;
}

const SEND_TIMEOUT_MS = 5000;

export function createSpanTransport(): SpanTransport {
  let channel: GrpcChannel | undefined;
  const close = (): void => {
    channel?.close();
    channel = undefined;
  };
  return {
    async send(target, spans) {
      if (target.format === 'zipkin') return post(target, encodeZipkinSpans(target.service, spans));
      if (target.format === 'otlp-http') return post(target, encodeSpans(target.service, spans));
      channel ??= createGrpcChannel({ host: target.host, port: target.port });
      try {
        await channel.unary(target.path, target.headers, { message: encodeSpansProto(target.service, spans), timeoutMs: SEND_TIMEOUT_MS });
      } catch (error) {
        // Whatever it was, the next batch starts with a connection of its own.
        close();
        throw error;
      }
    },
    close,
  };
}

function post(target: SpanTarget, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
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
}
