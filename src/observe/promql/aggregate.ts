/** sum by (…), topk, quantile, …: many samples to fewer. */
import { type Labels, NAME } from '../metrics/labels.ts';
import type { AggregateExpr, AggregateOp } from './ast.ts';
import type { QueryContext } from './context.ts';
import { executionError } from './errors.ts';
import { ascending, meanOf, quantileOf, sumOf, varianceOf } from './numbers.ts';
import { formatValue, type Sample, type Value } from './value.ts';

interface Group {
  readonly labels: Labels;
  readonly samples: Sample[];
}

const REDUCERS: Readonly<Partial<Record<AggregateOp, (values: readonly number[]) => number>>> = {
  sum: sumOf,
  avg: meanOf,
  min: (values) => values.reduce((best, value) => (value < best || Number.isNaN(best) ? value : best)),
  max: (values) => values.reduce((best, value) => (value > best || Number.isNaN(best) ? value : best)),
  count: (values) => values.length,
  group: () => 1,
  stddev: (values) => Math.sqrt(varianceOf(values)),
  stdvar: varianceOf,
};

export function aggregate(expr: AggregateExpr, samples: readonly Sample[], param: Value | undefined, context: QueryContext): Sample[] {
  if (param?.t === 'scalar') requireUsable(expr.op, param.value);
  const groups = groupSamples(expr, samples, context);
  const reduce = REDUCERS[expr.op];
  if (reduce) return groups.map((group) => ({ labels: group.labels, value: reduce(group.samples.map((s) => s.value)) }));
  if (expr.op === 'count_values') return groups.flatMap((group) => countValues(group, expr, param?.t === 'string' ? param.value : ''));
  const number = param?.t === 'scalar' ? param.value : Number.NaN;
  if (expr.op === 'quantile') {
    if (!(number >= 0 && number <= 1)) context.annotations.warnings.add(`PromQL warning: quantile value should be between 0 and 1, got ${formatValue(number)}`);
    return groups.map((group) => ({ labels: group.labels, value: quantileOf(number, group.samples.map((s) => s.value)) }));
  }
  return expr.op === 'limit_ratio' ? groups.flatMap((group) => limitRatio(group, number)) : pick(expr.op, groups, number);
}

function groupSamples(expr: AggregateExpr, samples: readonly Sample[], context: QueryContext): Group[] {
  const groups = new Map<string, Group>();
  for (const sample of samples) {
    const labels = context.derive(expr, sample.labels, (all) => (expr.without ? all.filter((name) => name !== NAME && !expr.grouping.has(name)) : all.filter((name) => expr.grouping.has(name))));
    const group = groups.get(labels.key);
    if (group) group.samples.push(sample);
    else groups.set(labels.key, { labels, samples: [sample] });
  }
  return [...groups.values()];
}

/** @throws QueryError for a parameter that no number of samples could make right */
function requireUsable(op: AggregateOp, param: number): void {
  if (op === 'quantile') return;
  if (Number.isNaN(param)) throw executionError(op === 'limit_ratio' ? 'Ratio value is NaN' : 'Parameter value is NaN');
  if (op !== 'limit_ratio' && Math.abs(param) >= 2 ** 63) throw executionError(`Scalar value ${formatValue(param)} overflows int64`);
}

/** topk, bottomk, limitk: samples with their own labels. */
function pick(op: AggregateOp, groups: readonly Group[], param: number): Sample[] {
  const k = Math.trunc(param);
  if (k < 1) return [];
  if (op === 'limitk') return groups.flatMap((group) => group.samples.slice(0, k));
  // NaN loses in both directions.
  const order = (a: Sample, b: Sample) => {
    if (Number.isNaN(a.value) || Number.isNaN(b.value)) return Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value));
    return op === 'topk' ? ascending(b.value, a.value) : ascending(a.value, b.value);
  };
  return groups.flatMap((group) => [...group.samples].sort(order).slice(0, k));
}

function countValues(group: Group, expr: AggregateExpr, label: string): Sample[] {
  if (!/^[a-zA-Z_][\w]*$/.test(label)) throw executionError(`invalid label name "${label}"`);
  const counts = new Map<string, number>();
  for (const { value } of group.samples) counts.set(formatValue(value), (counts.get(formatValue(value)) ?? 0) + 1);
  const base = expr.without ? group.labels.filter((name) => name !== label) : group.labels;
  return [...counts].map(([text, value]) => ({ labels: base.with([[label, text]]), value }));
}

/** A stable share of the series, by a hash of their labels; a negative ratio gives the complement. */
function limitRatio(group: Group, ratio: number): Sample[] {
  const share = Math.max(-1, Math.min(1, ratio));
  return group.samples.filter((sample) => {
    const position = hash(sample.labels.key) / 2 ** 32;
    return share >= 0 ? position < share : position >= 1 + share;
  });
}

/** FNV-1a with a final mix, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
