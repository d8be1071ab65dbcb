/** Spans as OTLP/HTTP JSON (OpenTelemetry protocol 1.x, ExportTraceServiceRequest). */
import type { FinishedSpan, TagValue } from './span.ts';

const SPAN_KIND = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/** @param service the resource's `service.name` */
export function encodeSpans(service: string, spans: readonly FinishedSpan[]): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: [attribute('service.name', service)] },
      scopeSpans: [{ scope: { name: 'lateen' }, spans: spans.map(encodeSpan) }],
    }],
  });
}

const encodeSpan = (span: FinishedSpan) => ({
  traceId: span.traceId,
  spanId: span.spanId,
  ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
  name: span.name,
  kind: SPAN_KIND[span.kind],
  startTimeUnixNano: nanoseconds(span.startMs),
  endTimeUnixNano: nanoseconds(span.endMs),
  attributes: [...span.tags.map(([key, value]) => attribute(key, value)), ...(span.isError ? [attribute('error', true)] : [])],
  status: span.isError ? { code: STATUS_ERROR } : {},
});

const attribute = (key: string, value: TagValue) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : typeof value === 'boolean' ? { boolValue: value } : { doubleValue: value },
});

/** A 64-bit count as text; a float of nanoseconds would lose digits. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return `${whole}${String(Math.floor((ms - whole) * 1e6)).padStart(6, '0')}`;
}
