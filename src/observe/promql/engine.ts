/** Runs queries: text in, Prometheus' result types out. */
import type { Clock } from '../../base/clock.ts';
import { Labels } from '../metrics/labels.ts';
import type { MetricStore } from '../metrics/store.ts';
import type { Expr } from './ast.ts';
import { type Annotations, DEFAULT_ENGINE, type EngineOptions, QueryContext } from './context.ts';
import { QueryError } from './errors.ts';
import { evaluate } from './evaluate.ts';
import { parseQuery } from './parse.ts';
import { checkTypes } from './types.ts';
import { requireUnique } from './unique.ts';
import type { Sample, Value } from './value.ts';

/** Points that a range query may ask for per series, as in Prometheus. */
export const MAX_POINTS = 11_000;
/** How long evaluation may keep the event loop before it lets others run. */
const SLICE_MS = 20;

export interface MatrixSeries {
  readonly labels: Labels;
  /** Milliseconds. */
  readonly times: number[];
  readonly values: number[];
}

export interface InstantResult extends Annotations {
  readonly value: Value;
}

export interface RangeResult extends Annotations {
  readonly series: readonly MatrixSeries[];
}

export interface RangeQuery {
  readonly query: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

export class QueryEngine {
  readonly #store: Pick<MetricStore, 'select'>;
  readonly #clock: Clock;
  readonly options: EngineOptions;

  constructor(deps: { store: Pick<MetricStore, 'select'>; clock: Clock }, options: Partial<EngineOptions> = {}) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.options = { ...DEFAULT_ENGINE, ...options };
  }

  /** @throws QueryError */
  instant(query: string, timeMs: number, lookbackMs?: number): InstantResult {
    const expr = parseQuery(query);
    const context = this.#context(expr, { startMs: timeMs, endMs: timeMs }, lookbackMs);
    const value = evaluate(expr, timeMs, context);
    if (value.t === 'vector') requireUnique(value.samples);
    return { value, ...context.annotations };
  }

  /** @throws QueryError */
  async range(query: RangeQuery, lookbackMs?: number): Promise<RangeResult> {
    const expr = parseQuery(query.query);
    const type = checkTypes(expr);
    if (type !== 'scalar' && type !== 'vector') {
      throw new QueryError('bad_data', `invalid parameter "query": invalid expression type "${type === 'matrix' ? 'range vector' : type}" for range query, must be Scalar or instant Vector`);
    }
    if ((query.endMs - query.startMs) / query.stepMs > MAX_POINTS) {
      throw new QueryError('bad_data', 'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)');
    }
    const context = this.#context(expr, query, lookbackMs);
    const columns = new Map<string, MatrixSeries>();
    let sliceEnd = this.#clock.monotonic() + SLICE_MS;
    for (let at = query.startMs; at <= query.endMs; at += query.stepMs) {
      addPoints(columns, evaluate(expr, at, context), at);
      context.requireTime();
      if (this.#clock.monotonic() > sliceEnd) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceEnd = this.#clock.monotonic() + SLICE_MS;
      }
    }
    const series = [...columns.values()].sort((a, b) => (a.labels.key < b.labels.key ? -1 : 1));
    return { series, ...context.annotations };
  }

  #context(expr: Expr, span: { startMs: number; endMs: number; stepMs?: number }, lookbackMs: number | undefined): QueryContext {
    const options = lookbackMs === undefined ? this.options : { ...this.options, lookbackMs };
    const deadline = this.#clock.monotonic() + options.timeoutMs;
    return new QueryContext(this.#store, expr, { ...span, options, expired: () => this.#clock.monotonic() > deadline });
  }
}

function addPoints(columns: Map<string, MatrixSeries>, value: Value, at: number): void {
  for (const { labels, value: point } of pointsOf(value)) {
    const column = columns.get(labels.key) ?? { labels, times: [], values: [] };
    columns.set(labels.key, column);
    column.times.push(at);
    column.values.push(point);
  }
}

function pointsOf(value: Value): readonly Pick<Sample, 'labels' | 'value'>[] {
  if (value.t === 'scalar') return [{ labels: Labels.empty, value: value.value }];
  return value.t === 'vector' ? requireUnique(value.samples) : [];
}
