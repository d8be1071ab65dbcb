/** Reads and writes the trace context of requests: W3C Trace Context (traceparent), and Zipkin's B3 in both forms. */
import type { HeaderView } from '../../outcome.ts';
import type { HeaderWriter } from '../../tracing.ts';

export interface IncomingContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  /** Undefined: the caller left the decision to us. */
  readonly sampled: boolean | undefined;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const B3 = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?$/i;
const HEX = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const ZERO = /^0+$/;

/** W3C wins over B3 when an application forwards both. */
export function readContext(headers: HeaderView): IncomingContext | undefined {
  return readTraceparent(headers.get('traceparent')) ?? readB3(headers.get('b3')) ?? readB3Multi(headers);
}

/** The decision alone, of a caller that sends no ids: `b3: 0`, `x-b3-sampled: 1`. */
export function readDecision(headers: HeaderView): boolean | undefined {
  const single = headers.get('b3');
  return flag(single === undefined || single.length > 1 ? headers.get('x-b3-sampled') : single);
}

/** W3C Trace Context §3.2. */
function readTraceparent(value: string | undefined): IncomingContext | undefined {
  const match = value === undefined ? null : TRACEPARENT.exec(value.trim());
  if (!match) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined) || ZERO.test(traceId) || ZERO.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

function readB3(value: string | undefined): IncomingContext | undefined {
  const match = value === undefined ? null : B3.exec(value.trim());
  return match ? context(match[1] ?? '', match[2] ?? '', flag(match[3])) : undefined;
}

function readB3Multi(headers: HeaderView): IncomingContext | undefined {
  const traceId = headers.get('x-b3-traceid');
  const spanId = headers.get('x-b3-spanid');
  if (traceId === undefined || spanId === undefined || !HEX.test(traceId) || !/^[0-9a-f]{16}$/i.test(spanId)) return undefined;
  return context(traceId, spanId, headers.get('x-b3-flags') === '1' ? true : flag(headers.get('x-b3-sampled')));
}

function context(traceId: string, spanId: string, sampled: boolean | undefined): IncomingContext | undefined {
  if (ZERO.test(traceId) || ZERO.test(spanId)) return undefined;
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), sampled };
}

function flag(value: string | undefined): boolean | undefined {
  if (value === '1' || value === 'd' || value === 'true') return true;
  return value === '0' || value === 'false' ? false : undefined;
}

export interface OutgoingContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly sampled: boolean;
}

/** Both families are written, since applications forward the one they know. */
export function writeContext(span: OutgoingContext, headers: HeaderWriter): void {
  const sampled = span.sampled ? '1' : '0';
  headers.set('traceparent', `00-${span.traceId}-${span.spanId}-0${sampled}`);
  headers.set('x-b3-traceid', span.traceId);
  headers.set('x-b3-spanid', span.spanId);
  if (span.parentSpanId === undefined) headers.remove('x-b3-parentspanid');
  else headers.set('x-b3-parentspanid', span.parentSpanId);
  headers.set('x-b3-sampled', sampled);
  if (headers.get('b3') !== undefined) headers.set('b3', `${span.traceId}-${span.spanId}-${sampled}`);
}
