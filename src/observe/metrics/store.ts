/** Metrics of the last hour or so, in memory. Bounded on purpose: past its limits it refuses new series and says so in its
 * own metrics, rather than growing until the pod is killed. */
import { NAME, type Labels } from './labels.ts';
import { type Matcher, matchesAll } from './matcher.ts';
import { Series, type SampleWindow } from './series.ts';
import type { SampleValue } from './chunk.ts';

export interface StoreLimits {
  /** How long samples are kept, milliseconds. */
  retentionMs: number;
  maxSeries: number;
  /** Packed samples, bytes. Past it, retention is shortened until it fits. */
  maxBytes: number;
}

export const DEFAULT_LIMITS: StoreLimits = { retentionMs: 3_600_000, maxSeries: 200_000, maxBytes: 256 * 1024 * 1024 };

export interface StoreStats {
  series: number;
  samples: number;
  bytes: number;
  /** Times of the oldest and newest sample; undefined when empty. */
  minTime: number | undefined;
  maxTime: number | undefined;
  refusedSeries: number;
  evictedSamples: number;
}

export interface MetricMetadata {
  type: string;
  help: string;
  unit: string;
}

export interface SelectRange {
  /** Exclusive, milliseconds since the epoch. */
  from: number;
  to: number;
}

export class MetricStore {
  readonly limits: StoreLimits;
  readonly metadata = new Map<string, MetricMetadata>();
  readonly #series = new Map<string, Series>();
  /** label name → value → series that carry it. */
  readonly #index = new Map<string, Map<string, Set<Series>>>();
  #samples = 0;
  #refused = 0;
  #evicted = 0;

  constructor(limits: Partial<StoreLimits> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** The series with these labels, made when it is new; undefined when the store is full. */
  series(labels: Labels): Series | undefined {
    const known = this.#series.get(labels.key);
    if (known) return known;
    if (this.#series.size >= this.limits.maxSeries) {
      this.#refused++;
      return undefined;
    }
    const series = new Series(labels);
    this.#series.set(labels.key, series);
    for (const [name, value] of labels.entries()) this.#postings(name, value).add(series);
    return series;
  }

  append(labels: Labels, timeMs: number, value: SampleValue): boolean {
    const series = this.series(labels);
    return series !== undefined && this.appendTo(series, timeMs, value);
  }

  /** For scrapers, which remember their series. The series must be held by this store (see `holds`). */
  appendTo(series: Series, timeMs: number, value: SampleValue): boolean {
    const added = series.append(timeMs, value);
    if (added) this.#samples++;
    return added;
  }

  /** False after the series was evicted: whoever remembered it asks for it anew. */
  holds(series: Series): boolean {
    return this.#series.get(series.labels.key) === series;
  }

  select(matchers: readonly Matcher[], range: SelectRange): SampleWindow[] {
    const found: SampleWindow[] = [];
    for (const series of this.#candidates(matchers)) {
      if (series.lastTime <= range.from || series.firstTime > range.to || !matchesAll(matchers, series.labels)) continue;
      const window = series.window(range.from, range.to);
      if (window) found.push(window);
    }
    return found;
  }

  /** Labels of the series that have samples in the range; every series when there are no matchers. */
  labelSets(matcherSets: readonly (readonly Matcher[])[], range: SelectRange): Labels[] {
    const sets = matcherSets.length === 0 ? [[]] : matcherSets;
    const found = new Set<Labels>();
    for (const matchers of sets) {
      for (const series of this.#candidates(matchers)) {
        if (series.lastTime > range.from && series.firstTime <= range.to && matchesAll(matchers, series.labels)) found.add(series.labels);
      }
    }
    return [...found];
  }

  stats(): StoreStats {
    let bytes = 0;
    let minTime: number | undefined;
    let maxTime: number | undefined;
    for (const series of this.#series.values()) {
      bytes += series.byteLength;
      minTime = Math.min(minTime ?? Infinity, series.firstTime);
      maxTime = Math.max(maxTime ?? -Infinity, series.lastTime);
    }
    return { series: this.#series.size, samples: this.#samples, bytes, minTime, maxTime, refusedSeries: this.#refused, evictedSamples: this.#evicted };
  }

  /** Drops what is past retention, and more when the store is over its size. Called now and then by the owner. */
  evict(nowMs: number): void {
    for (let keepMs = this.limits.retentionMs; keepMs > 1000; keepMs /= 2) {
      this.#dropBefore(nowMs - keepMs);
      if (this.stats().bytes <= this.limits.maxBytes) return;
    }
  }

  #dropBefore(timeMs: number): void {
    for (const series of this.#series.values()) {
      const dropped = series.dropBefore(timeMs);
      this.#samples -= dropped;
      this.#evicted += dropped;
      if (series.lastTime === -Infinity) this.#remove(series);
    }
  }

  #remove(series: Series): void {
    this.#series.delete(series.labels.key);
    for (const [name, value] of series.labels.entries()) {
      const values = this.#index.get(name);
      const postings = values?.get(value);
      postings?.delete(series);
      if (postings?.size === 0) values?.delete(value);
      if (values?.size === 0) this.#index.delete(name);
    }
    if (!this.#index.get(NAME)?.has(series.labels.get(NAME))) this.metadata.delete(series.labels.get(NAME));
  }

  /** The smallest set that must hold every match. */
  #candidates(matchers: readonly Matcher[]): Iterable<Series> {
    let best: Set<Series> | undefined;
    for (const matcher of matchers) {
      if (matcher.op !== '=' || matcher.value === '') continue;
      const postings = this.#index.get(matcher.name)?.get(matcher.value);
      if (!postings) return [];
      if (!best || postings.size < best.size) best = postings;
    }
    return best ?? this.#series.values();
  }

  #postings(name: string, value: string): Set<Series> {
    const values = this.#index.get(name) ?? new Map<string, Set<Series>>();
    this.#index.set(name, values);
    const postings = values.get(value) ?? new Set<Series>();
    values.set(value, postings);
    return postings;
  }
}
