/** What expressions evaluate to at one moment. */
import type { Labels } from '../metrics/labels.ts';

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** When the sample was taken: only selectors set it, only `timestamp()` asks. Milliseconds. */
  readonly timeMs?: number;
}

/** A stretch of a series: samples `from` (inclusive) to `to` (exclusive) of the arrays. Never empty, no stale markers. */
export interface RangeSlice {
  readonly labels: Labels;
  readonly times: readonly number[];
  readonly values: readonly number[];
  readonly from: number;
  readonly to: number;
}

export type Value =
  | { readonly t: 'scalar'; readonly value: number }
  | { readonly t: 'string'; readonly value: string }
  | { readonly t: 'vector'; readonly samples: readonly Sample[] }
  | { readonly t: 'matrix'; readonly series: readonly RangeSlice[]; readonly startMs: number; readonly endMs: number };

/** Shortest decimal form without an exponent, as Prometheus prints values. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([-+]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}`;
}
