/** Counters, gauges and histograms. A label set is resolved once, to an object whose number is then changed directly: that is
 * all that happens per request. Every family is bounded; what comes beyond is counted together under the label value
 * `overflow`, so that hostile or unlucky traffic cannot grow the process. */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface Cell {
  /** Changed in place by whoever resolved it. */
  value: number;
}

export interface Series<T> {
  /** `a="b",c="d"`, escaped; empty without labels. */
  readonly labels: string;
  readonly cell: T;
}

/** Default bound on the series of one family. */
const MAX_SERIES = 5000;
const OVERFLOW = 'overflow';

export class Family<T> {
  readonly kind: MetricKind;
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly #make: () => T;
  readonly #max: number;
  readonly #series = new Map<string, Series<T>>();

  constructor(spec: { kind: MetricKind; name: string; help: string; labels?: readonly string[]; maxSeries?: number }, make: () => T) {
    this.kind = spec.kind;
    this.name = spec.name;
    this.help = spec.help;
    this.labelNames = spec.labels ?? [];
    this.#max = spec.maxSeries ?? MAX_SERIES;
    this.#make = make;
  }

  /** @param values in the order of the label names; an empty value leaves the label out, as Prometheus reads it anyway */
  resolve(...values: readonly string[]): T {
    return this.at(renderLabels(this.labelNames, values));
  }

  /** @param labels as `Series` has them */
  at(labels: string): T {
    const known = this.#series.get(labels);
    if (known) return known.cell;
    if (this.#series.size >= this.#max) return this.#overflow();
    const cell = this.#make();
    this.#series.set(labels, { labels, cell });
    return cell;
  }

  series(): Iterable<Series<T>> {
    return this.#series.values();
  }

  get size(): number {
    return this.#series.size;
  }

  clear(): void {
    this.#series.clear();
  }

  #overflow(): T {
    const labels = renderLabels(this.labelNames, this.labelNames.map(() => OVERFLOW));
    const known = this.#series.get(labels);
    if (known) return known.cell;
    const cell = this.#make();
    this.#series.set(labels, { labels, cell });
    return cell;
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** One more than the bounds: the last counts what is above all of them. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let i = 0;
    // Most values fall into the first buckets, so that a plain walk beats a binary search.
    while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
    counts[i] = (counts[i] ?? 0) + 1;
    this.sum += value;
  }
}

export type AnyFamily = Family<Cell> | Family<Histogram>;

export class Registry {
  readonly #families: AnyFamily[] = [];

  counter(name: string, help: string, labels?: readonly string[]): Family<Cell> {
    return this.#add(new Family<Cell>({ kind: 'counter', name, help, labels }, () => ({ value: 0 })));
  }

  gauge(name: string, help: string, labels?: readonly string[]): Family<Cell> {
    return this.#add(new Family<Cell>({ kind: 'gauge', name, help, labels }, () => ({ value: 0 })));
  }

  histogram(spec: { name: string; help: string; labels: readonly string[]; bounds: readonly number[] }): Family<Histogram> {
    return this.#add(new Family<Histogram>({ kind: 'histogram', ...spec }, () => new Histogram(spec.bounds)));
  }

  families(): readonly AnyFamily[] {
    return this.#families;
  }

  #add<F extends AnyFamily>(family: F): F {
    this.#families.push(family);
    return family;
  }
}

export function renderLabels(names: readonly string[], values: readonly string[]): string {
  let out = '';
  for (const [i, name] of names.entries()) {
    const value = values[i];
    if (value === undefined || value === '') continue;
    out += `${out === '' ? '' : ','}${name}="${escapeLabel(value)}"`;
  }
  return out;
}

const escapeLabel = (value: string): string => (/[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value);
