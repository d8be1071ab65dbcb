/** Prometheus' JSON: values as strings, times in seconds. */
import { QueryError } from '../promql/errors.ts';
import type { InstantResult, MatrixSeries, RangeResult } from '../promql/engine.ts';
import { formatValue, type RangeSlice, type Value } from '../promql/value.ts';
import { type Answer, json } from './answer.ts';

export const success = (data: unknown, notes: { warnings?: ReadonlySet<string>; infos?: ReadonlySet<string> } = {}): Answer =>
  json({ status: 'success', data, ...(notes.warnings?.size ? { warnings: [...notes.warnings] } : {}), ...(notes.infos?.size ? { infos: [...notes.infos] } : {}) });

const STATUS = { bad_data: 400, execution: 422, timeout: 503 } as const;

export const badData = (message: string): Answer => json({ status: 'error', errorType: 'bad_data', error: message }, 400);

/** @throws whatever is not a QueryError */
export function failure(error: unknown): Answer {
  if (!(error instanceof QueryError)) throw error;
  return json({ status: 'error', errorType: error.errorType, error: error.message }, STATUS[error.errorType]);
}

const point = (timeMs: number, value: number) => [timeMs / 1000, formatValue(value)];

export function instantData(result: InstantResult, timeMs: number): unknown {
  return { resultType: typeName(result.value), result: instantValue(result.value, timeMs) };
}

export const rangeData = (result: RangeResult): unknown => ({ resultType: 'matrix', result: result.series.map(matrixRow) });

const typeName = (value: Value) => value.t;

function instantValue(value: Value, timeMs: number): unknown {
  if (value.t === 'scalar') return point(timeMs, value.value);
  if (value.t === 'string') return [timeMs / 1000, value.value];
  if (value.t === 'vector') return value.samples.map((sample) => ({ metric: sample.labels.toObject(), value: point(timeMs, sample.value) }));
  return value.series.map(sliceRow);
}

const matrixRow = (series: MatrixSeries) => ({ metric: series.labels.toObject(), values: series.times.map((time, i) => point(time, series.values[i] ?? Number.NaN)) });

function sliceRow(slice: RangeSlice): unknown {
  const values = [];
  for (let i = slice.from; i < slice.to; i++) values.push(point(slice.times[i] ?? 0, slice.values[i] ?? Number.NaN));
  return { metric: slice.labels.toObject(), values };
}
