/** Traces of the last while, in memory, bounded by spans and bytes: the trace that was touched longest ago goes first. */
import { matchesQuery, type TraceQuery } from './query.ts';
import type { Span } from './span.ts';
import { TagPool } from './tag-pool.ts';

export interface TraceLimits {
  /** Default 100000. */
  maxSpans: number;
  /** Estimated, default 64 MiB. */
  maxBytes: number;
  /** Spans of one trace; more are refused and counted. Default 10000. */
  maxSpansPerTrace: number;
}

export const DEFAULT_TRACE_LIMITS: TraceLimits = { maxSpans: 100_000, maxBytes: 64 * 1024 * 1024, maxSpansPerTrace: 10_000 };

export interface Trace {
  readonly traceId: string;
  readonly spans: readonly Span[];
}

export interface TraceStats {
  traces: number;
  spans: number;
  bytes: number;
  /** Spans that came in, that were refused (trace too long), and that left to make room. */
  received: number;
  refused: number;
  evicted: number;
}

interface Held {
  spans: Span[];
  ids: Set<string>;
  bytes: number;
}

export class TraceStore {
  readonly #limits: TraceLimits;
  readonly #pool = new TagPool();
  /** In the order of the last arrival: the first is the next to go. */
  readonly #traces = new Map<string, Held>();
  readonly #stats: TraceStats = { traces: 0, spans: 0, bytes: 0, received: 0, refused: 0, evicted: 0 };

  constructor(limits: Partial<TraceLimits> = {}) {
    this.#limits = { ...DEFAULT_TRACE_LIMITS, ...limits };
  }

  add(spans: Iterable<Span>): void {
    for (const span of spans) this.#addOne(span);
    this.#evict();
  }

  get(traceId: string): Trace | undefined {
    const held = this.#traces.get(traceId);
    return held && { traceId, spans: held.spans };
  }

  /** Newest first, by the start of the first span. */
  find(query: TraceQuery): Trace[] {
    const found: Trace[] = [];
    for (const [traceId, held] of this.#traces) {
      if (held.spans.some((span) => matchesQuery(span, query))) found.push({ traceId, spans: held.spans });
    }
    return found.sort((a, b) => startOf(b) - startOf(a)).slice(0, query.limit);
  }

  services(): string[] {
    const names = new Set<string>();
    for (const span of this.spans()) names.add(span.process.service);
    return [...names].sort();
  }

  operations(service: string): { name: string; spanKind: string }[] {
    const found = new Map<string, { name: string; spanKind: string }>();
    for (const span of this.spans()) {
      if (span.process.service === service) found.set(`${span.operation}\n${span.kind}`, { name: span.operation, spanKind: span.kind });
    }
    return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
  }

  *spans(): Generator<Span> {
    for (const held of this.#traces.values()) yield* held.spans;
  }

  *traces(): Generator<Trace> {
    for (const [traceId, held] of this.#traces) yield { traceId, spans: held.spans };
  }

  stats(): TraceStats {
    return { ...this.#stats, traces: this.#traces.size };
  }

  #addOne(span: Span): void {
    this.#stats.received++;
    const held = this.#traces.get(span.traceId) ?? { spans: [], ids: new Set<string>(), bytes: 0 };
    // Senders repeat a batch whose answer they missed. Client and server may share an id (B3), so the kind counts too.
    const id = `${span.spanId} ${span.kind} ${span.process.service}`;
    if (held.ids.has(id)) return;
    if (held.spans.length >= this.#limits.maxSpansPerTrace) {
      this.#stats.refused++;
      return;
    }
    const { span: shared, bytes } = this.#pool.share(span);
    held.ids.add(id);
    held.spans.push(shared);
    held.bytes += bytes;
    this.#stats.spans++;
    this.#stats.bytes += bytes;
    this.#traces.delete(span.traceId);
    this.#traces.set(span.traceId, held);
  }

  #evict(): void {
    for (const [traceId, held] of this.#traces) {
      if (this.#stats.spans <= this.#limits.maxSpans && this.#stats.bytes <= this.#limits.maxBytes) return;
      this.#traces.delete(traceId);
      this.#stats.spans -= held.spans.length;
      this.#stats.bytes -= held.bytes;
      this.#stats.evicted += held.spans.length;
    }
  }
}

const startOf = (trace: Trace): number => trace.spans.reduce((first, span) => Math.min(first, span.startUs), Infinity);
