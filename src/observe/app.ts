/** The observability process: scraper → metrics store → Prometheus API; OTLP and Zipkin → trace store → Jaeger API. */
import type { Pod } from 'kubernetes-types/core/v1';
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Informer } from '../kube/informer.ts';
import type { ObserveConfig } from './config.ts';
import { type Handler, HttpListener } from './http/answer.ts';
import { JaegerApi } from './http/jaeger-api.ts';
import { PrometheusApi } from './http/prometheus-api.ts';
import { selfMetrics } from './http/self-metrics.ts';
import { otlpHandler, zipkinHandler } from './http/trace-ingest.ts';
import { MetricStore } from './metrics/store.ts';
import { QueryEngine } from './promql/engine.ts';
import { followPods } from './scrape/discovery.ts';
import { Scraper } from './scrape/scraper.ts';
import { createTarget } from './scrape/target.ts';
import { TraceStore } from './traces/store.ts';

export interface ObserveDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Undefined: static targets only. The app starts and closes it. */
  readonly pods: Informer<Pod> | undefined;
}

export interface ObservePorts {
  readonly prometheus: number;
  readonly otlp: number;
  readonly zipkin: number;
  readonly jaeger: number;
}

const EVICT_EVERY_MS = 15_000;

export class ObserveApp {
  readonly metrics: MetricStore;
  readonly traces: TraceStore;
  readonly #deps: ObserveDeps;
  readonly #config: ObserveConfig;
  readonly #scraper: Scraper;
  readonly #listeners: Record<keyof ObservePorts, HttpListener>;
  #unfollow: () => void = () => {};
  #evictTimer: Timer | undefined;

  constructor(config: ObserveConfig, deps: ObserveDeps) {
    this.#deps = deps;
    this.#config = config;
    this.metrics = new MetricStore({ retentionMs: config.retentionMs, maxSeries: config.maxSeries, maxBytes: config.maxBytes });
    this.traces = new TraceStore({ maxSpans: config.maxSpans });
    this.#scraper = new Scraper({ store: this.metrics, clock: deps.clock }, { intervalMs: config.scrapeIntervalMs });
    this.#listeners = this.#createListeners();
  }

  /** Listens, then discovers in the background: queries are answered before the cluster is. */
  async start(): Promise<ObservePorts> {
    const ports = await Promise.all(Object.values(this.#listeners).map((listener) => listener.start()));
    const [prometheus = 0, otlp = 0, zipkin = 0, jaeger = 0] = ports;
    for (const url of this.#config.staticTargets) this.#scraper.add(createTarget(url, { job: 'static', instance: new URL(url).host }));
    const { pods } = this.#deps;
    if (pods) {
      this.#unfollow = followPods(pods, this.#scraper);
      void pods.start();
    }
    this.#scheduleEviction();
    this.#deps.log.info('observing', { prometheus, otlp, zipkin, jaeger, scrapeIntervalMs: this.#config.scrapeIntervalMs });
    return { prometheus, otlp, zipkin, jaeger };
  }

  async close(): Promise<void> {
    this.#evictTimer?.cancel();
    this.#unfollow();
    await this.#deps.pods?.close();
    await this.#scraper.close();
    await Promise.all(Object.values(this.#listeners).map((listener) => listener.close()));
  }

  #createListeners(): Record<keyof ObservePorts, HttpListener> {
    const { clock, log, version } = this.#deps;
    const engine = new QueryEngine({ store: this.metrics, clock });
    const { ports, ...settings } = this.#config;
    const prometheus = new PrometheusApi({ store: this.metrics, engine, clock, version, targets: () => this.#scraper.statuses(), config: { ...ports, ...settings } });
    const jaeger = new JaegerApi({ store: this.traces, clock });
    const own: Handler = (request) => (request.path === '/metrics' ? selfMetrics(this.metrics.stats(), this.traces.stats()) : prometheus.handle(request));
    const listen = (port: number, handler: Handler) => new HttpListener({ port, host: this.#config.host, handler, log });
    return {
      prometheus: listen(ports.prometheus, own),
      otlp: listen(ports.otlp, otlpHandler(this.traces)),
      zipkin: listen(ports.zipkin, zipkinHandler(this.traces)),
      jaeger: listen(ports.jaeger, (request) => jaeger.handle(request)),
    };
  }

  #scheduleEviction(): void {
    this.#evictTimer = this.#deps.clock.after(EVICT_EVERY_MS, () => {
      this.metrics.evict(this.#deps.clock.now());
      this.#scheduleEviction();
    });
    this.#evictTimer.unref();
  }
}
