/** What one query carries along: its data, its range, its caches and what it has to tell the asker besides the answer. */
import type { Labels } from '../metrics/labels.ts';
import type { SampleWindow } from '../metrics/series.ts';
import type { MetricStore } from '../metrics/store.ts';
import type { Expr, SelectorExpr, SubqueryExpr } from './ast.ts';
import { executionError, QueryError } from './errors.ts';
import { planSelections } from './plan.ts';
import type { Sample } from './value.ts';

export interface EngineOptions {
  /** How old a sample may be to count as current, milliseconds. Default 300000, as Prometheus. */
  lookbackMs: number;
  /** Step of subqueries that give none, milliseconds. Default 60000. */
  subqueryStepMs: number;
  /** Samples that one query may load. Default 10 million. */
  maxSamples: number;
  /** Default 30000. */
  timeoutMs: number;
}

export const DEFAULT_ENGINE: EngineOptions = { lookbackMs: 300_000, subqueryStepMs: 60_000, maxSamples: 10_000_000, timeoutMs: 30_000 };

export interface Annotations {
  readonly warnings: Set<string>;
  readonly infos: Set<string>;
}

export class QueryContext {
  readonly options: EngineOptions;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly annotations: Annotations = { warnings: new Set(), infos: new Set() };
  readonly #expired: () => boolean;
  readonly #windows = new Map<SelectorExpr, SampleWindow[]>();
  /** Per node: labels → what the node derives from them. Labels objects are the same at every step, so this hits. */
  readonly #derived = new Map<object, Map<Labels, unknown>>();
  readonly #subqueries = new Map<SubqueryExpr, Map<number, readonly Sample[]>>();

  constructor(store: Pick<MetricStore, 'select'>, expr: Expr, query: { startMs: number; endMs: number; stepMs?: number; options: EngineOptions; expired?: () => boolean }) {
    this.options = query.options;
    this.startMs = query.startMs;
    this.endMs = query.endMs;
    this.stepMs = query.stepMs ?? 0;
    this.#expired = query.expired ?? (() => false);
    let loaded = 0;
    for (const [selector, { range, ranged }] of planSelections(expr, query)) {
      const windows = store.select(selector.matchers, range);
      loaded += windows.reduce((sum, window) => sum + window.times.length, 0);
      if (loaded > query.options.maxSamples) throw executionError(`query processing would load too many samples into memory (limit ${query.options.maxSamples}); narrow the selector or the range`);
      this.#windows.set(selector, ranged ? windows.map(withoutStale).filter((window) => window.times.length > 0) : windows);
    }
  }

  windows(selector: SelectorExpr): readonly SampleWindow[] {
    return this.#windows.get(selector) ?? [];
  }

  /** @throws QueryError `timeout` when the query has had its time. Called where the work adds up. */
  requireTime(): void {
    if (this.#expired()) throw new QueryError('timeout', 'query timed out in expression evaluation');
  }

  derive<T>(node: object, labels: Labels, compute: (labels: Labels) => T): T {
    const cache = this.#derived.get(node) ?? new Map<Labels, unknown>();
    this.#derived.set(node, cache);
    const known = cache.get(labels);
    // The cache belongs to the node and every node computes one type of thing.
    if (known !== undefined) return known as T;
    const computed = compute(labels);
    cache.set(labels, computed);
    return computed;
  }

  subquery(node: SubqueryExpr): Map<number, readonly Sample[]> {
    const cache = this.#subqueries.get(node) ?? new Map<number, readonly Sample[]>();
    this.#subqueries.set(node, cache);
    return cache;
  }
}

function withoutStale(window: SampleWindow): SampleWindow {
  const { stale } = window;
  if (!stale) return window;
  const keep = (_: unknown, i: number) => !stale.has(i);
  return { labels: window.labels, times: window.times.filter(keep), values: window.values.filter(keep), stale: undefined };
}
