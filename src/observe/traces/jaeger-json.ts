/** A trace as Jaeger's query service shows it: processes apart, references, typed tags. */
import type { Process, Span, Tag } from './span.ts';
import type { Trace } from './store.ts';

export function traceJson(trace: Trace): unknown {
  const names = new Map<string, string>();
  const processes: Record<string, unknown> = {};
  const idOf = (process: Process): string => {
    const key = JSON.stringify(process);
    const known = names.get(key);
    if (known !== undefined) return known;
    const id = `p${names.size + 1}`;
    names.set(key, id);
    processes[id] = { serviceName: process.service, tags: process.tags.map(tagJson) };
    return id;
  };
  const present = new Set(trace.spans.map((span) => span.spanId));
  const spans = [...trace.spans].sort((a, b) => a.startUs - b.startUs).map((span) => spanJson(span, idOf(span.process), present));
  return { traceID: trace.traceId, spans, processes, warnings: null };
}

const tagJson = (tag: Tag) => ({ key: tag.key, type: tag.type, value: tag.value });

function spanJson(span: Span, processID: string, present: ReadonlySet<string>): unknown {
  const warnings = span.parentId !== undefined && !present.has(span.parentId) ? [`invalid parent span IDs=${span.parentId}; skipping clock skew adjustment`] : null;
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    flags: 1,
    operationName: span.operation,
    references: [
      ...(span.parentId === undefined ? [] : [{ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentId }]),
      ...span.links.map((link) => ({ refType: 'FOLLOWS_FROM', traceID: link.traceId, spanID: link.spanId })),
    ],
    startTime: span.startUs,
    duration: span.durationUs,
    tags: span.tags.map(tagJson),
    logs: span.logs.map((log) => ({ timestamp: log.timeUs, fields: log.fields.map(tagJson) })),
    processID,
    warnings,
  };
}
