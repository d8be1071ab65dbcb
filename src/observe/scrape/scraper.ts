/** Scrapes every target at its own steady beat. */
import { Agent } from 'node:http';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { decodeExposition, isExpositionError } from '../metrics/exposition.ts';
import type { MetricStore } from '../metrics/store.ts';
import { TargetAppender } from './appender.ts';
import { fetchText, ScrapeError } from './fetch-text.ts';
import type { Target } from './target.ts';

export interface ScrapeOptions {
  /** Default 2000. */
  intervalMs: number;
  /** Default 1500; never above the interval. */
  timeoutMs: number;
  /** Largest answer, bytes. Default 10 MiB, which is also what Istio's agent sends at most. */
  maxBytes: number;
}

export const DEFAULT_SCRAPE: ScrapeOptions = { intervalMs: 2000, timeoutMs: 1500, maxBytes: 10 * 1024 * 1024 };

export interface TargetStatus {
  readonly target: Target;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
  /** Milliseconds since the epoch; 0 before the first scrape. */
  readonly lastScrapeMs: number;
  readonly lastDurationMs: number;
}

export interface ScrapeDeps {
  readonly store: MetricStore;
  readonly clock: Clock;
}

const ACCEPT = 'text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1';
const REPORTS = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_series_added'] as const;
/** A timer may be this late and the sample still carries the planned time: regular times pack to a byte each. */
const TOLERANCE_MS = 20;

export class Scraper {
  readonly options: ScrapeOptions;
  readonly #deps: ScrapeDeps;
  readonly #loops = new Map<string, ScrapeLoop>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });

  constructor(deps: ScrapeDeps, options: Partial<ScrapeOptions> = {}) {
    this.#deps = deps;
    const merged = { ...DEFAULT_SCRAPE, ...options };
    this.options = { ...merged, timeoutMs: Math.min(merged.timeoutMs, merged.intervalMs) };
  }

  /** A target with the same id is left running. */
  add(target: Target): void {
    if (this.#loops.has(target.id)) return;
    const loop = new ScrapeLoop(target, { ...this.#deps, options: this.options, agent: this.#agent });
    this.#loops.set(target.id, loop);
    loop.start();
  }

  async remove(id: string): Promise<void> {
    const loop = this.#loops.get(id);
    this.#loops.delete(id);
    await loop?.close();
  }

  statuses(): TargetStatus[] {
    return [...this.#loops.values()].map((loop) => loop.status).sort((a, b) => (a.target.url < b.target.url ? -1 : 1));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#loops.keys()].map((id) => this.remove(id)));
    this.#agent.destroy();
  }
}

class ScrapeLoop {
  readonly #target: Target;
  readonly #deps: ScrapeDeps & { options: ScrapeOptions; agent: Agent };
  readonly #appender: TargetAppender;
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  status: TargetStatus;

  constructor(target: Target, deps: ScrapeDeps & { options: ScrapeOptions; agent: Agent }) {
    this.#target = target;
    this.#deps = deps;
    this.#appender = new TargetAppender(deps.store, target);
    this.status = { target, health: 'unknown', lastError: '', lastScrapeMs: 0, lastDurationMs: 0 };
  }

  start(): void {
    this.#beat(this.#deps.clock.now());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#running;
    // Behind the last sample even when that was taken this very millisecond.
    const now = Math.max(this.#deps.clock.now(), this.status.lastScrapeMs + 1);
    this.#appender.end(now);
    this.#appender.endReports(REPORTS, now);
  }

  #beat(plannedMs: number): void {
    this.#running = this.#scrape(plannedMs).finally(() => {
      if (this.#stop.signal.aborted) return;
      const { intervalMs } = this.#deps.options;
      const now = this.#deps.clock.now();
      const missed = Math.max(0, Math.floor((now - plannedMs) / intervalMs));
      const next = plannedMs + (missed + 1) * intervalMs;
      this.#timer = this.#deps.clock.after(next - now, () => this.#beat(next));
    });
  }

  async #scrape(plannedMs: number): Promise<void> {
    const { clock, options, agent } = this.#deps;
    const startMs = clock.now();
    const timeMs = Math.abs(startMs - plannedMs) <= TOLERANCE_MS ? plannedMs : startMs;
    const begun = clock.monotonic();
    const deadline = new AbortController();
    const timer = clock.after(options.timeoutMs, () => deadline.abort(new ScrapeError(`no answer within ${options.timeoutMs} ms`)));
    let failure = '';
    let summary = { scraped: 0, seriesAdded: 0 };
    try {
      const headers = { accept: ACCEPT, 'accept-encoding': 'gzip', 'user-agent': 'Lateen-observe', 'x-prometheus-scrape-timeout-seconds': String(options.timeoutMs / 1000) };
      const answer = await fetchText(this.#target.url, { headers, maxBytes: options.maxBytes, agent, signal: AbortSignal.any([this.#stop.signal, deadline.signal]) });
      const exposition = decodeExposition(answer.body, answer.contentType.includes('openmetrics') ? 'openmetrics' : 'text');
      if (isExpositionError(exposition)) throw new ScrapeError(`line ${exposition.line}: ${exposition.message}`);
      if (this.#stop.signal.aborted) return;
      summary = this.#appender.append(exposition, timeMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      failure = errorText(deadline.signal.aborted ? deadline.signal.reason : error);
      this.#appender.end(timeMs);
    } finally {
      timer.cancel();
    }
    const durationMs = clock.monotonic() - begun;
    this.status = { target: this.#target, health: failure === '' ? 'up' : 'down', lastError: failure, lastScrapeMs: timeMs, lastDurationMs: durationMs };
    this.#appender.report({ up: failure === '' ? 1 : 0, scrape_duration_seconds: durationMs / 1000, scrape_samples_scraped: summary.scraped, scrape_series_added: summary.seriesAdded }, timeMs);
  }
}
