/** Sums and quantiles with Prometheus' care for rounding. */

/** Neumaier's compensated sum: exact where a plain loop loses the small terms. */
export class Sum {
  #sum = 0;
  #rest = 0;

  add(value: number): void {
    const total = this.#sum + value;
    if (!Number.isFinite(total)) this.#rest = 0;
    else if (Math.abs(this.#sum) >= Math.abs(value)) this.#rest += this.#sum - total + value;
    else this.#rest += value - total + this.#sum;
    this.#sum = total;
  }

  get value(): number {
    return Number.isFinite(this.#sum) ? this.#sum + this.#rest : this.#sum;
  }
}

export function sumOf(values: Iterable<number>): number {
  const sum = new Sum();
  for (const value of values) sum.add(value);
  return sum.value;
}

/** The mean; falls back to an incremental one when the sum would overflow. */
export function meanOf(values: readonly number[]): number {
  const sum = sumOf(values);
  if (Number.isFinite(sum) || values.some((value) => !Number.isFinite(value))) return sum / values.length;
  let mean = 0;
  let rest = 0;
  values.forEach((value, i) => {
    const step = value / (i + 1) - mean / (i + 1) - rest / (i + 1);
    const next = mean + step;
    rest = next - mean - step;
    mean = next;
  });
  return mean;
}

/** Population variance (Welford). */
export function varianceOf(values: readonly number[]): number {
  let mean = 0;
  let squares = 0;
  values.forEach((value, i) => {
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  });
  return squares / values.length;
}

/** Linear interpolation between the closest ranks; NaN sorts lowest. Spec: PromQL `quantile`. */
export function quantileOf(q: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const sorted = [...values].sort(ascending);
  const rank = q * (sorted.length - 1);
  const low = Math.floor(rank);
  const high = Math.min(sorted.length - 1, low + 1);
  const weight = rank - low;
  return (sorted[low] ?? Number.NaN) * (1 - weight) + (sorted[high] ?? Number.NaN) * weight;
}

/** NaN first. */
export function ascending(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
