import { Sum } from './numbers.ts';
import type { RangeSlice } from './value.ts';

/** Least squares through the samples: slope per second, and the value at `interceptMs`. Undefined with fewer than two samples. */
export function regression(slice: RangeSlice, interceptMs: number): { slope: number; intercept: number } | undefined {
  const n = slice.to - slice.from;
  if (n < 2) return undefined;
  const first = slice.values[slice.from] ?? Number.NaN;
  const [x, y, xy, xx] = [new Sum(), new Sum(), new Sum(), new Sum()];
  let constant = true;
  for (let i = slice.from; i < slice.to; i++) {
    const dx = ((slice.times[i] ?? 0) - interceptMs) / 1000;
    const value = slice.values[i] ?? Number.NaN;
    constant &&= value === first;
    x.add(dx);
    y.add(value);
    xy.add(dx * value);
    xx.add(dx * dx);
  }
  // A flat line is answered exactly; an infinite one has no slope.
  if (constant) return Number.isFinite(first) ? { slope: 0, intercept: first } : { slope: Number.NaN, intercept: Number.NaN };
  const covariance = xy.value - (x.value * y.value) / n;
  const variance = xx.value - (x.value * x.value) / n;
  const slope = covariance / variance;
  return { slope, intercept: y.value / n - (slope * x.value) / n };
}
