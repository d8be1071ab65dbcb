/** Functions over `[5m]`: rates, deltas, and the …_over_time family. */
import { NAME } from '../metrics/labels.ts';
import { absentLabels } from './absent.ts';
import { type Call, type FunctionTable, type Matrix, matrixArg, scalarArg, vector } from './call.ts';
import { executionError } from './errors.ts';
import { meanOf, quantileOf, sumOf, varianceOf } from './numbers.ts';
import { regression } from './regression.ts';
import { requireUnique } from './unique.ts';
import { formatValue, type RangeSlice, type Sample, type Value } from './value.ts';

type Reduce = (slice: RangeSlice, matrix: Matrix, call: Call) => number | undefined;

const COUNTER_NAME = /(_total|_sum|_count|_bucket)$/;

function overRange(reduce: Reduce, options: { keepName?: boolean; argument?: number } = {}): (call: Call) => Value {
  return (call) => {
    const matrix = matrixArg(call, options.argument ?? 0);
    const result: Sample[] = [];
    for (const slice of matrix.series) {
      const value = reduce(slice, matrix, call);
      if (value !== undefined) result.push({ labels: options.keepName ? slice.labels : slice.labels.bare, value });
    }
    return vector(requireUnique(result));
  };
}

const valuesOf = (slice: RangeSlice): readonly number[] => (slice.from === 0 && slice.to === slice.values.length ? slice.values : slice.values.slice(slice.from, slice.to));
const overValues = (reduce: (values: readonly number[]) => number | undefined, options?: { keepName?: boolean }) => overRange((slice) => reduce(valuesOf(slice)), options);
const at = (list: readonly number[], index: number): number => list[index] ?? Number.NaN;

/** Spec: PromQL `rate`. Extrapolates to the ends of the range, but not further than half an interval beyond the samples where the
 * series seems to begin or end inside it, and a counter never below zero. */
function extrapolated(kind: { counter: boolean; perSecond: boolean }): Reduce {
  return (slice, matrix, call) => {
    const count = slice.to - slice.from;
    if (count < 2) return undefined;
    if (kind.counter) noteCounter(slice, call);
    const first = at(slice.values, slice.from);
    const increase = at(slice.values, slice.to - 1) - first + (kind.counter ? resetsSum(slice) : 0);
    const sampledMs = at(slice.times, slice.to - 1) - at(slice.times, slice.from);
    const interval = sampledMs / (count - 1);
    let toStart = at(slice.times, slice.from) - matrix.startMs;
    let toEnd = matrix.endMs - at(slice.times, slice.to - 1);
    if (toStart >= interval * 1.1) toStart = interval / 2;
    if (kind.counter && increase > 0 && first >= 0) toStart = Math.min(toStart, sampledMs * (first / increase));
    if (toEnd >= interval * 1.1) toEnd = interval / 2;
    const whole = increase * ((sampledMs + toStart + toEnd) / sampledMs);
    return kind.perSecond ? whole / ((matrix.endMs - matrix.startMs) / 1000) : whole;
  };
}

function noteCounter(slice: RangeSlice, call: Call): void {
  const name = slice.labels.get(NAME);
  if (name !== '' && !COUNTER_NAME.test(name)) call.context.annotations.infos.add(`PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "${name}"`);
}

/** What a counter had counted before each of its restarts. */
function resetsSum(slice: RangeSlice): number {
  let sum = 0;
  for (let i = slice.from + 1; i < slice.to; i++) if (at(slice.values, i) < at(slice.values, i - 1)) sum += at(slice.values, i - 1);
  return sum;
}

function lastTwo(kind: 'irate' | 'idelta'): Reduce {
  return (slice, _matrix, call) => {
    if (slice.to - slice.from < 2) return undefined;
    if (kind === 'irate') noteCounter(slice, call);
    const last = at(slice.values, slice.to - 1);
    const previous = at(slice.values, slice.to - 2);
    const elapsedMs = at(slice.times, slice.to - 1) - at(slice.times, slice.to - 2);
    if (elapsedMs === 0) return undefined;
    if (kind === 'idelta') return last - previous;
    return (last < previous ? last : last - previous) / (elapsedMs / 1000);
  };
}

function countPairs(differs: (before: number, after: number) => boolean): Reduce {
  return (slice) => {
    let count = 0;
    for (let i = slice.from + 1; i < slice.to; i++) if (differs(at(slice.values, i - 1), at(slice.values, i))) count++;
    return count;
  };
}

function extreme(better: (candidate: number, best: number) => boolean): (values: readonly number[]) => number {
  return (values) => values.reduce((best, value) => (better(value, best) || Number.isNaN(best) ? value : best));
}

/** Index of the last sample that is at least as good as all before, as Prometheus' ts_of_… functions count. */
function extremeTime(better: (candidate: number, best: number) => boolean): Reduce {
  return (slice) => {
    let best = slice.from;
    for (let i = slice.from; i < slice.to; i++) {
      const value = at(slice.values, i);
      if (better(value, at(slice.values, best)) || Number.isNaN(at(slice.values, best))) best = i;
    }
    return at(slice.times, best) / 1000;
  };
}

function medianDeviation(values: readonly number[]): number {
  if (values.some(Number.isNaN)) return Number.NaN;
  const median = quantileOf(0.5, values);
  return quantileOf(0.5, values.map((value) => Math.abs(value - median)));
}

/** Holt's double exponential smoothing: level and trend. */
const smoothing: Reduce = (slice, _matrix, call) => {
  const level = scalarArg(call, 1);
  const trendFactor = scalarArg(call, 2);
  if (!(level > 0 && level < 1)) throw executionError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${level}`);
  if (!(trendFactor > 0 && trendFactor < 1)) throw executionError(`invalid trend factor. Expected: 0 < tf < 1, got: ${trendFactor}`);
  const values = valuesOf(slice);
  if (values.length < 2) return undefined;
  let smooth = at(values, 0);
  let trend = at(values, 1) - smooth;
  let before = 0;
  for (let i = 1; i < values.length; i++) {
    if (i > 1) trend = trendFactor * (smooth - before) + (1 - trendFactor) * trend;
    const next = level * at(values, i) + (1 - level) * (smooth + trend);
    before = smooth;
    smooth = next;
  }
  return smooth;
};

function quantileOverTime(call: Call): Value {
  const q = scalarArg(call, 0);
  if (!(q >= 0 && q <= 1)) call.context.annotations.warnings.add(`PromQL warning: quantile value should be between 0 and 1, got ${formatValue(q)}`);
  return overRange((slice) => quantileOf(q, valuesOf(slice)), { argument: 1 })(call);
}

function absentOverTime(call: Call): Value {
  const argument = call.expr.args[0];
  return vector(matrixArg(call, 0).series.length > 0 || !argument ? [] : [{ labels: absentLabels(argument), value: 1 }]);
}

const differs = (a: number, b: number) => a !== b && !(Number.isNaN(a) && Number.isNaN(b));

export const RANGE_FUNCTIONS: FunctionTable = [
  ['rate', overRange(extrapolated({ counter: true, perSecond: true }))],
  ['increase', overRange(extrapolated({ counter: true, perSecond: false }))],
  ['delta', overRange(extrapolated({ counter: false, perSecond: false }))],
  ['irate', overRange(lastTwo('irate'))],
  ['idelta', overRange(lastTwo('idelta'))],
  ['changes', overRange(countPairs(differs))],
  ['resets', overRange(countPairs((before, after) => after < before))],
  ['deriv', overRange((slice) => regression(slice, at(slice.times, slice.from))?.slope)],
  ['predict_linear', overRange((slice, _matrix, call) => {
    const line = regression(slice, call.nowMs);
    return line && line.slope * scalarArg(call, 1) + line.intercept;
  })],
  ['double_exponential_smoothing', overRange(smoothing)],
  ['avg_over_time', overValues(meanOf)],
  ['sum_over_time', overValues(sumOf)],
  ['min_over_time', overValues(extreme((value, best) => value < best))],
  ['max_over_time', overValues(extreme((value, best) => value > best))],
  ['count_over_time', overValues((values) => values.length)],
  ['present_over_time', overValues(() => 1)],
  ['last_over_time', overValues((values) => values.at(-1), { keepName: true })],
  ['first_over_time', overValues((values) => values[0], { keepName: true })],
  ['stddev_over_time', overValues((values) => Math.sqrt(varianceOf(values)))],
  ['stdvar_over_time', overValues(varianceOf)],
  ['mad_over_time', overValues(medianDeviation)],
  ['quantile_over_time', quantileOverTime],
  ['ts_of_first_over_time', overRange((slice) => at(slice.times, slice.from) / 1000)],
  ['ts_of_last_over_time', overRange((slice) => at(slice.times, slice.to - 1) / 1000)],
  ['ts_of_max_over_time', overRange(extremeTime((value, best) => value >= best))],
  ['ts_of_min_over_time', overRange(extremeTime((value, best) => value <= best))],
  ['absent_over_time', absentOverTime],
];
