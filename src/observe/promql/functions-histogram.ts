/** Quantiles and fractions of classic histograms (`…_bucket{le="…"}`). Native histograms are not supported. */
import { type Labels, NAME } from '../metrics/labels.ts';
import { type Call, type FunctionTable, scalarArg, vector, vectorArg } from './call.ts';
import { formatValue, type Sample, type Value } from './value.ts';

interface Bucket {
  /** Inclusive upper bound. */
  readonly upper: number;
  /** Observations up to the bound. */
  count: number;
}

/** Below this relative difference a dip between buckets is rounding, not a broken histogram. */
const TOLERANCE = 1e-12;

function histograms(call: Call, samples: readonly Sample[]): Map<string, { labels: Labels; buckets: Bucket[] }> {
  const found = new Map<string, { labels: Labels; buckets: Bucket[] }>();
  for (const sample of samples) {
    const le = sample.labels.get('le');
    const upper = boundOf(le);
    if (upper === undefined) {
      call.context.annotations.warnings.add(`PromQL warning: bucket label "le" is missing or has a malformed value of "${le}" for metric name "${sample.labels.get(NAME)}"`);
      continue;
    }
    const labels = call.context.derive(call.expr, sample.labels, (all) => all.filter((name) => name !== 'le' && name !== NAME));
    const histogram = found.get(labels.key) ?? { labels, buckets: [] };
    found.set(labels.key, histogram);
    histogram.buckets.push({ upper, count: sample.value });
  }
  return found;
}

function boundOf(le: string): number | undefined {
  if (/^\+?inf$/i.test(le)) return Infinity;
  if (/^-inf$/i.test(le)) return -Infinity;
  const value = Number(le);
  return le.trim() === '' || Number.isNaN(value) ? undefined : value;
}

/** Ascending bounds, equal bounds merged, counts made monotonic. Undefined unless there is a +Inf bucket. */
function normalize(buckets: Bucket[]): { buckets: Bucket[]; forced: boolean } | undefined {
  const merged: Bucket[] = [];
  for (const bucket of [...buckets].sort((a, b) => a.upper - b.upper)) {
    const last = merged.at(-1);
    if (last && last.upper === bucket.upper) last.count += bucket.count;
    else merged.push({ ...bucket });
  }
  if (merged.at(-1)?.upper !== Infinity || merged.length < 2) return undefined;
  let forced = false;
  for (let i = 1; i < merged.length; i++) {
    const [before, here] = [merged[i - 1], merged[i]];
    if (!before || !here || here.count === before.count) continue;
    const near = Math.abs(here.count - before.count) <= TOLERANCE * Math.max(Math.abs(here.count), Math.abs(before.count));
    if (here.count < before.count || near) {
      forced ||= !near;
      here.count = before.count;
    }
  }
  return { buckets: merged, forced };
}

/** Spec: PromQL `histogram_quantile`: linear inside a bucket; the lowest bucket starts at 0 when its bound is positive. */
function bucketQuantile(q: number, buckets: readonly Bucket[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0 || Number.isNaN(total)) return Number.NaN;
  let rank = q * total;
  const index = buckets.findIndex((bucket, i) => i === buckets.length - 1 || bucket.count >= rank);
  const bucket = buckets[index];
  if (!bucket) return Number.NaN;
  if (index === buckets.length - 1) return buckets[index - 1]?.upper ?? Number.NaN;
  const before = buckets[index - 1];
  if (!before && bucket.upper <= 0) return bucket.upper;
  const start = before?.upper ?? 0;
  rank -= before?.count ?? 0;
  const width = bucket.upper - start;
  return start + width * (rank / (bucket.count - (before?.count ?? 0)));
}

function histogramQuantile(call: Call): Value {
  const q = scalarArg(call, 0);
  if (!(q >= 0 && q <= 1)) call.context.annotations.warnings.add(`PromQL warning: quantile value should be between 0 and 1, got ${formatValue(q)}`);
  const result: Sample[] = [];
  for (const { labels, buckets } of histograms(call, vectorArg(call, 1)).values()) {
    const normal = normalize(buckets);
    if (normal?.forced) call.context.annotations.infos.add('PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)');
    result.push({ labels, value: normal ? bucketQuantile(q, normal.buckets) : Number.NaN });
  }
  return vector(result);
}

/** The share of observations between two values. */
function bucketFraction(lower: number, upper: number, buckets: readonly Bucket[]): number {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  return lower >= upper ? 0 : (rankOf(upper, buckets) - rankOf(lower, buckets)) / total;
}

function rankOf(value: number, buckets: readonly Bucket[]): number {
  const index = buckets.findIndex((bucket) => value <= bucket.upper);
  const bucket = buckets[index];
  if (!bucket) return buckets.at(-1)?.count ?? 0;
  const before = buckets[index - 1];
  const below = before?.count ?? 0;
  if (bucket.upper === value) return bucket.count;
  const start = before?.upper ?? (bucket.upper > 0 ? 0 : -Infinity);
  if (value <= start) return below;
  if (bucket.upper === Infinity || start === -Infinity) return below;
  return below + (bucket.count - below) * ((value - start) / (bucket.upper - start));
}

function histogramFraction(call: Call): Value {
  const [lower, upper] = [scalarArg(call, 0), scalarArg(call, 1)];
  const result: Sample[] = [];
  for (const { labels, buckets } of histograms(call, vectorArg(call, 2)).values()) {
    const normal = normalize(buckets);
    result.push({ labels, value: normal ? bucketFraction(lower, upper, normal.buckets) : Number.NaN });
  }
  return vector(result);
}

export const HISTOGRAM_FUNCTIONS: FunctionTable = [
  ['histogram_quantile', histogramQuantile],
  ['histogram_fraction', histogramFraction],
];
