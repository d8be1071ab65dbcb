/** Spans as Zipkin v2 JSON (`POST /api/v2/spans`). */
import type { FinishedSpan } from './span.ts';

/** @param service name of the local endpoint */
export function encodeZipkinSpans(service: string, spans: readonly FinishedSpan[]): string {
  return JSON.stringify(spans.map((span) => ({
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentId: span.parentSpanId }),
    name: span.name,
    kind: span.kind === 'server' ? 'SERVER' : 'CLIENT',
    timestamp: Math.round(span.startMs * 1000),
    // Zipkin has no spans of no length.
    duration: Math.max(1, Math.round((span.endMs - span.startMs) * 1000)),
    localEndpoint: { serviceName: service },
    tags: { ...Object.fromEntries(span.tags.map(([key, value]) => [key, String(value)])), ...(span.isError ? { error: 'true' } : {}) },
  })));
}
