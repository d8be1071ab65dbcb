/** Puts what one target exposed into the store, scrape after scrape. Remembers the target's series by their text, so that labels are
 * read once, and ends series that are gone with a stale marker, as Prometheus does. */
import { STALE } from '../metrics/chunk.ts';
import { decodeSeries, type Exposition } from '../metrics/exposition.ts';
import { Labels, NAME } from '../metrics/labels.ts';
import type { Series } from '../metrics/series.ts';
import type { MetricStore } from '../metrics/store.ts';
import type { Target } from './target.ts';

interface Known {
  series: Series;
  /** Number of the scrape that saw it last. */
  seen: number;
}

/** Metrics whose type and help are remembered, over all targets. */
const MAX_METADATA = 20_000;

export interface AppendSummary {
  readonly scraped: number;
  readonly seriesAdded: number;
}

export class TargetAppender {
  readonly #store: MetricStore;
  readonly #target: Target;
  readonly #known = new Map<string, Known>();
  #scrape = 0;

  constructor(store: MetricStore, target: Target) {
    this.#store = store;
    this.#target = target;
  }

  append(exposition: Exposition, timeMs: number): AppendSummary {
    this.#scrape++;
    let added = 0;
    for (const sample of exposition.samples) {
      let known = this.#known.get(sample.series);
      if (!known || !this.#store.holds(known.series)) {
        const series = this.#resolve(sample.series);
        if (!series) continue;
        if (!known) added++;
        known = { series, seen: 0 };
        this.#known.set(sample.series, known);
      }
      known.seen = this.#scrape;
      this.#store.appendTo(known.series, sample.timeMs ?? timeMs, sample.value);
    }
    this.#endMissing(timeMs);
    this.#noteMetadata(exposition);
    return { scraped: exposition.samples.length, seriesAdded: added };
  }

  /** The target did not answer, or is gone: none of its series is current any more. */
  end(timeMs: number): void {
    this.#scrape++;
    this.#endMissing(timeMs);
  }

  /** `up` and its kin, about the scrape itself. */
  report(values: Readonly<Record<string, number>>, timeMs: number): void {
    for (const [name, value] of Object.entries(values)) this.#store.append(this.#labels(Labels.of({ [NAME]: name })), timeMs, value);
  }

  endReports(names: readonly string[], timeMs: number): void {
    for (const name of names) this.#store.append(this.#labels(Labels.of({ [NAME]: name })), timeMs, STALE);
  }

  #endMissing(timeMs: number): void {
    for (const [text, known] of this.#known) {
      if (known.seen === this.#scrape) continue;
      if (this.#store.holds(known.series)) this.#store.appendTo(known.series, timeMs, STALE);
      this.#known.delete(text);
    }
  }

  #resolve(text: string): Series | undefined {
    const own = decodeSeries(text);
    return own && this.#store.series(this.#labels(own));
  }

  /** honor_labels: what the target says about itself wins over what discovery says. */
  #labels(own: Labels): Labels {
    return Labels.from([...Object.entries(this.#target.labels), ...own.entries()]);
  }

  #noteMetadata(exposition: Exposition): void {
    for (const { metric, field, text } of exposition.metadata) {
      if (this.#store.metadata.size >= MAX_METADATA && !this.#store.metadata.has(metric)) continue;
      const known = this.#store.metadata.get(metric) ?? { type: 'unknown', help: '', unit: '' };
      if (known[field] !== text || !this.#store.metadata.has(metric)) this.#store.metadata.set(metric, { ...known, [field]: text });
    }
  }
}
