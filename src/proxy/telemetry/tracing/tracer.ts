/** Decides which requests are traced and carries their context on. Source: Envoy HTTP connection manager, tracing. */
import { randomHex } from '../../../base/random.ts';
import type { HeaderView, SpanContext } from '../../outcome.ts';
import type { Tracer, TracingSettings } from '../../tracing.ts';
import { readContext, readDecision, writeContext } from './propagation.ts';
import { TraceReason, readReason, stableShare, withReason } from './request-id.ts';

export interface TracerOptions {
  /** 0 ≤ random() < 1, for requests whose id is no UUID. */
  readonly random?: () => number;
  /** So many random bytes as lower-case hex. */
  readonly hex?: (bytes: number) => string;
}

/** What `start` decided, kept for `inject`. */
class ActiveSpan implements SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly sampled: boolean;
  readonly reason: TraceReason;

  constructor(ids: { traceId: string; spanId: string; parentSpanId: string | undefined }, sampled: boolean, reason: TraceReason) {
    this.traceId = ids.traceId;
    this.spanId = ids.spanId;
    this.parentSpanId = ids.parentSpanId;
    this.sampled = sampled;
    this.reason = reason;
  }
}

export function createTracer(options: TracerOptions = {}): Tracer {
  const { random = Math.random, hex = randomHex } = options;
  return {
    start(headers, settings) {
      const incoming = readContext(headers);
      const reason = decideReason(headers, settings, random);
      const sampled = incoming?.sampled ?? readDecision(headers) ?? reason !== TraceReason.None;
      return new ActiveSpan({ traceId: incoming?.traceId ?? hex(16), spanId: hex(8), parentSpanId: incoming?.spanId }, sampled, reason);
    },
    inject(span, headers) {
      writeContext(span, headers);
      const requestId = headers.get('x-request-id');
      if (requestId === undefined || !(span instanceof ActiveSpan)) return;
      const marked = withReason(requestId, span.reason);
      if (marked !== requestId) headers.set('x-request-id', marked);
    },
  };
}

/** A decision that an earlier hop wrote into the request id stands; otherwise ours is made here. */
function decideReason(headers: HeaderView, settings: TracingSettings, random: () => number): TraceReason {
  const requestId = headers.get('x-request-id');
  const earlier = readReason(requestId);
  if (earlier !== undefined && earlier !== TraceReason.None) return earlier;
  const share = (stableShare(requestId) ?? Math.floor(random() * 10_000)) / 100;
  const passes = (percent: number) => share < percent;
  if (headers.get('x-envoy-force-trace') !== undefined) return passes(settings.overallSampling) ? TraceReason.Forced : TraceReason.None;
  if (headers.get('x-client-trace-id') !== undefined && passes(settings.clientSampling)) return passes(settings.overallSampling) ? TraceReason.Client : TraceReason.None;
  return passes(settings.randomSampling) && passes(settings.overallSampling) ? TraceReason.Sampled : TraceReason.None;
}
