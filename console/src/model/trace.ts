/** A trace as a tree in time order. */
import type { JaegerSpan, JaegerTrace } from '../api/jaeger.ts';

export interface SpanRow {
  readonly span: JaegerSpan;
  readonly service: string;
  readonly depth: number;
  readonly hasError: boolean;
  /** Ids of the spans above, for folding. */
  readonly ancestors: readonly string[];
  readonly children: number;
}

export interface TraceView {
  readonly id: string;
  readonly title: string;
  /** Microseconds. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly rows: readonly SpanRow[];
  /** In the order of their first span. */
  readonly services: readonly string[];
  readonly errors: number;
}

export function isError(span: JaegerSpan): boolean {
  return span.tags.some((tag) => (tag.key === 'error' && String(tag.value) === 'true') || (tag.key === 'http.status_code' && Number(tag.value) >= 500));
}

export function traceView(trace: JaegerTrace): TraceView {
  const spans = [...trace.spans].sort((a, b) => a.startTime - b.startTime);
  const ids = new Set(spans.map((span) => span.spanID));
  const children = new Map<string, JaegerSpan[]>();
  for (const span of spans) {
    const parent = parentOf(span);
    // A span whose parent never arrived, or that claims itself, stands at the top.
    const key = parent !== undefined && parent !== span.spanID && ids.has(parent) ? parent : '';
    children.set(key, [...(children.get(key) ?? []), span]);
  }
  const rows: SpanRow[] = [];
  const seen = new Set<string>();
  const visit = (span: JaegerSpan, ancestors: readonly string[]) => {
    if (seen.has(span.spanID)) return;
    seen.add(span.spanID);
    const below = children.get(span.spanID) ?? [];
    rows.push({ span, service: serviceOf(trace, span), depth: ancestors.length, hasError: isError(span), ancestors, children: below.length });
    for (const child of below) visit(child, [...ancestors, span.spanID]);
  };
  for (const root of children.get('') ?? []) visit(root, []);
  for (const span of spans) visit(span, []);
  const startUs = Math.min(...spans.map((span) => span.startTime));
  const endUs = Math.max(...spans.map((span) => span.startTime + span.duration));
  const first = rows[0];
  return { id: trace.traceID, title: first ? `${first.service}: ${shortOperation(first.span.operationName)}` : trace.traceID, startUs, durationUs: Math.max(0, endUs - startUs), rows, services: [...new Set(rows.map((row) => row.service))], errors: rows.filter((row) => row.hasError).length };
}

const parentOf = (span: JaegerSpan): string | undefined => span.references.find((reference) => reference.refType === 'CHILD_OF' && reference.traceID === span.traceID)?.spanID;
const serviceOf = (trace: JaegerTrace, span: JaegerSpan): string => trace.processes[span.processID]?.serviceName ?? 'unknown';

/** None is red: that is for errors. */
const HUES = [172, 212, 258, 42, 290, 128, 190, 68, 234, 152, 316] as const;

/** A hue of its own for a service, the same everywhere. */
export function hueOf(service: string): number {
  let hash = 7;
  for (const char of service) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return HUES[hash % HUES.length] ?? HUES[0];
}

/** `reviews.default.svc.cluster.local:9080/*` → `reviews.default:9080/*`. */
export const shortOperation = (name: string): string => name.replace('.svc.cluster.local', '');
