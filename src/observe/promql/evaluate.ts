/** Evaluates an expression at one moment. Ranges are left-open as in Prometheus 3: `[5m]` at t is (t - 5m, t]. */
import type { SampleWindow } from '../metrics/series.ts';
import { aggregate } from './aggregate.ts';
import type { Expr, SelectorExpr, SubqueryExpr } from './ast.ts';
import { binary } from './binary.ts';
import type { QueryContext } from './context.ts';
import { executionError } from './errors.ts';
import { callFunction } from './functions.ts';
import { shiftTime } from './plan.ts';
import { requireUnique } from './unique.ts';
import type { RangeSlice, Sample, Value } from './value.ts';

export function evaluate(expr: Expr, nowMs: number, context: QueryContext): Value {
  switch (expr.t) {
    case 'number':
      return { t: 'scalar', value: expr.value };
    case 'string':
      return { t: 'string', value: expr.value };
    case 'paren':
      return evaluate(expr.expr, nowMs, context);
    case 'negate':
      return negate(evaluate(expr.expr, nowMs, context));
    case 'selector':
      return { t: 'vector', samples: instant(expr, nowMs, context) };
    case 'range':
      return range(expr.selector, { rangeMs: expr.rangeMs, endMs: shiftTime(nowMs, expr.selector, context) }, context);
    case 'subquery':
      return subquery(expr, nowMs, context);
    case 'aggregate':
      return { t: 'vector', samples: aggregate(expr, vectorOf(expr.expr, nowMs, context), expr.param && evaluate(expr.param, nowMs, context), context) };
    case 'binary':
      return binary(expr, evaluate(expr.left, nowMs, context), evaluate(expr.right, nowMs, context), context);
    case 'call':
      return callFunction({ expr, nowMs, context, args: expr.args.map((arg) => evaluate(arg, nowMs, context)) });
  }
}

/** @throws QueryError when the value is not a vector, which `checkTypes` rules out */
function vectorOf(expr: Expr, nowMs: number, context: QueryContext): readonly Sample[] {
  const value = evaluate(expr, nowMs, context);
  if (value.t !== 'vector') throw executionError(`expected an instant vector, got a ${value.t}`);
  return value.samples;
}

function negate(value: Value): Value {
  if (value.t === 'scalar') return { t: 'scalar', value: -value.value };
  if (value.t !== 'vector') throw executionError(`cannot negate a ${value.t}`);
  return { t: 'vector', samples: requireUnique(value.samples.map((s) => ({ labels: s.labels.bare, value: -s.value }))) };
}

function instant(selector: SelectorExpr, nowMs: number, context: QueryContext): Sample[] {
  const time = shiftTime(nowMs, selector, context);
  const oldest = time - context.options.lookbackMs;
  const found: Sample[] = [];
  for (const window of context.windows(selector)) {
    const i = lastAtOrBefore(window.times, time);
    const timeMs = window.times[i];
    const value = window.values[i];
    if (timeMs === undefined || value === undefined || timeMs <= oldest || window.stale?.has(i)) continue;
    found.push({ labels: window.labels, value, timeMs });
  }
  return found;
}

function range(selector: SelectorExpr, bounds: { rangeMs: number; endMs: number }, context: QueryContext): Value {
  const startMs = bounds.endMs - bounds.rangeMs;
  const series: RangeSlice[] = [];
  for (const window of context.windows(selector)) {
    const slice = sliceOf(window, startMs, bounds.endMs);
    if (slice.to > slice.from) series.push(slice);
  }
  return { t: 'matrix', series, startMs, endMs: bounds.endMs };
}

function sliceOf(window: SampleWindow, startMs: number, endMs: number): RangeSlice {
  const from = lastAtOrBefore(window.times, startMs) + 1;
  const to = lastAtOrBefore(window.times, endMs) + 1;
  return { labels: window.labels, times: window.times, values: window.values, from, to };
}

/** The inner expression at every multiple of the step inside the range. */
function subquery(expr: SubqueryExpr, nowMs: number, context: QueryContext): Value {
  const endMs = shiftTime(nowMs, expr, context);
  const startMs = endMs - expr.rangeMs;
  const stepMs = expr.stepMs ?? context.options.subqueryStepMs;
  if (expr.rangeMs / stepMs > 50_000) throw executionError('the subquery has more than 50000 steps; use a longer step');
  const cache = context.subquery(expr);
  const columns = new Map<string, { labels: Sample['labels']; times: number[]; values: number[] }>();
  for (let at = (Math.floor(startMs / stepMs) + 1) * stepMs; at <= endMs; at += stepMs) {
    context.requireTime();
    const samples = cache.get(at) ?? vectorOf(expr.expr, at, context);
    cache.set(at, samples);
    for (const { labels, value } of samples) {
      const column = columns.get(labels.key) ?? { labels, times: [], values: [] };
      columns.set(labels.key, column);
      column.times.push(at);
      column.values.push(value);
    }
  }
  const series = [...columns.values()].map((column) => ({ ...column, from: 0, to: column.times.length }));
  return { t: 'matrix', series, startMs, endMs };
}

/** Index of the last time that is not after `timeMs`; -1 when all are. */
function lastAtOrBefore(times: readonly number[], timeMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
