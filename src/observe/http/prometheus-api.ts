/** The Prometheus HTTP API over the store: what Grafana, Kiali, promtool and our console ask. Spec: prometheus.io "HTTP API". */
import type { Clock } from '../../base/clock.ts';
import { Labels, NAME } from '../metrics/labels.ts';
import type { Matcher } from '../metrics/matcher.ts';
import type { MetricStore } from '../metrics/store.ts';
import type { QueryEngine } from '../promql/engine.ts';
import { decodePromDuration } from '../promql/literals.ts';
import { parseSelector } from '../promql/parse.ts';
import { formatValue } from '../promql/value.ts';
import type { TargetStatus } from '../scrape/scraper.ts';
import { type Answer, plain, type Request } from './answer.ts';
import { badData, failure, instantData, rangeData, success } from './prometheus-format.ts';

export interface PrometheusDeps {
  readonly store: MetricStore;
  readonly engine: QueryEngine;
  readonly clock: Clock;
  targets(): TargetStatus[];
  /** Settings in force, for `/api/v1/status/config`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly version: string;
}

type Route = (request: Request, api: PrometheusApi) => Answer | Promise<Answer>;

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/-/healthy', () => plain('Lateen observe is Healthy.\n')],
  ['/-/ready', () => plain('Lateen observe is Ready.\n')],
  ['/api/v1/query', (request, api) => api.query(request)],
  ['/api/v1/query_range', (request, api) => api.queryRange(request)],
  ['/api/v1/series', (request, api) => api.series(request)],
  ['/api/v1/labels', (request, api) => api.labels(request)],
  ['/api/v1/targets', (request, api) => api.targets(request)],
  ['/api/v1/metadata', (request, api) => api.metadata(request)],
  ['/api/v1/rules', () => success({ groups: [] })],
  ['/api/v1/alerts', () => success({ alerts: [] })],
  ['/api/v1/alertmanagers', () => success({ activeAlertmanagers: [], droppedAlertmanagers: [] })],
  ['/api/v1/query_exemplars', () => success([])],
  ['/api/v1/status/buildinfo', (_request, api) => success(api.buildInfo())],
  ['/api/v1/status/config', (_request, api) => success({ yaml: api.configYaml() })],
  ['/api/v1/status/flags', (_request, api) => success(api.flags())],
  ['/api/v1/status/runtimeinfo', (_request, api) => success(api.runtimeInfo())],
  ['/api/v1/status/tsdb', (_request, api) => success(api.storeInfo())],
  ['/federate', (request, api) => api.federate(request)],
]);

export class PrometheusApi {
  readonly #deps: PrometheusDeps;
  readonly #startedMs: number;

  constructor(deps: PrometheusDeps) {
    this.#deps = deps;
    this.#startedMs = deps.clock.now();
  }

  async handle(request: Request): Promise<Answer> {
    const route = ROUTES.get(request.path);
    try {
      if (route) return await route(request, this);
      const label = /^\/api\/v1\/label\/([^/]+)\/values$/.exec(request.path)?.[1];
      if (label !== undefined) return this.labelValues(decodeURIComponent(label), request);
    } catch (error) {
      return failure(error);
    }
    return plain('404 page not found\n', 404);
  }

  query({ params }: Request): Answer {
    const timeMs = decodeTime(params.get('time')) ?? this.#deps.clock.now();
    if (typeof timeMs === 'string') return badData(`invalid parameter "time": ${timeMs}`);
    const lookback = lookbackOf(params);
    if (typeof lookback === 'string') return badData(lookback);
    const result = this.#deps.engine.instant(params.get('query') ?? '', timeMs, lookback);
    return success(instantData(result, timeMs), result);
  }

  async queryRange({ params }: Request): Promise<Answer> {
    const startMs = decodeTime(params.get('start'));
    const endMs = decodeTime(params.get('end'));
    const stepMs = decodeStep(params.get('step'));
    for (const [name, value] of [['start', startMs], ['end', endMs], ['step', stepMs]] as const) {
      if (typeof value !== 'number') return badData(`invalid parameter "${name}": ${value ?? `cannot parse "" to a valid ${name === 'step' ? 'duration' : 'timestamp'}`}`);
    }
    if (typeof startMs !== 'number' || typeof endMs !== 'number' || typeof stepMs !== 'number') return badData('missing range');
    if (endMs < startMs) return badData('invalid parameter "end": end timestamp must not be before start time');
    if (stepMs <= 0) return badData('invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer');
    const lookback = lookbackOf(params);
    if (typeof lookback === 'string') return badData(lookback);
    const result = await this.#deps.engine.range({ query: params.get('query') ?? '', startMs, endMs, stepMs }, lookback);
    return success(rangeData(result), result);
  }

  series(request: Request): Answer {
    if (request.params.getAll('match[]').length === 0) return badData('no match[] parameter provided');
    return success(this.#select(request).map((labels) => labels.toObject()));
  }

  labels(request: Request): Answer {
    const names = new Set<string>();
    for (const labels of this.#select(request)) for (const [name] of labels.entries()) names.add(name);
    return success([...names].sort());
  }

  labelValues(name: string, request: Request): Answer {
    const values = new Set<string>();
    for (const labels of this.#select(request)) if (labels.get(name) !== '') values.add(labels.get(name));
    return success([...values].sort());
  }

  targets({ params }: Request): Answer {
    const activeTargets = params.get('state') === 'dropped' ? [] : this.#deps.targets().map(targetJson);
    return success({ activeTargets, droppedTargets: [], droppedTargetCounts: {} });
  }

  metadata({ params }: Request): Answer {
    const wanted = params.get('metric');
    const limit = Number(params.get('limit') ?? -1);
    const entries = [...this.#deps.store.metadata].filter(([name]) => wanted === null || wanted === '' || name === wanted);
    return success(Object.fromEntries((limit >= 0 ? entries.slice(0, limit) : entries).map(([name, meta]) => [name, [meta]])));
  }

  /** The newest sample of every matching series, in the text format. */
  federate(request: Request): Answer {
    const now = this.#deps.clock.now();
    const lines = this.#matcherSets(request).flatMap((matchers) =>
      this.#deps.store.select(matchers, { from: now - this.#deps.engine.options.lookbackMs, to: now }).flatMap((window) => {
        const last = window.times.length - 1;
        if (window.stale?.has(last)) return [];
        const labels = [...window.labels.bare.entries()].map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`);
        return [`${window.labels.get(NAME)}{${labels.join(',')}} ${formatValue(window.values[last] ?? Number.NaN)} ${window.times[last]}\n`];
      }),
    );
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: lines.sort().join('') };
  }

  /** Kiali and Grafana read `version` to know what they may ask: the dialect is Prometheus 3's. */
  buildInfo(): Record<string, string> {
    return { version: '3.0.0', revision: this.#deps.version, branch: 'lateen', buildUser: 'lateen', buildDate: '', goVersion: `node ${process.versions.node}` };
  }

  configYaml(): string {
    return Object.entries(this.#deps.config).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`).join('');
  }

  flags(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.#deps.config).map(([name, value]) => [name, String(value)]));
  }

  runtimeInfo(): Record<string, unknown> {
    const stats = this.#deps.store.stats();
    return { startTime: new Date(this.#startedMs).toISOString(), CWD: '/', reloadConfigSuccess: true, corruptionCount: 0, goroutineCount: 1, storageRetention: `${this.#deps.store.limits.retentionMs / 1000}s`, timeSeriesCount: stats.series };
  }

  storeInfo(): Record<string, unknown> {
    const stats = this.#deps.store.stats();
    const counts = new Map<string, number>();
    for (const labels of this.#deps.store.labelSets([], { from: -Infinity, to: Infinity })) counts.set(labels.get(NAME), (counts.get(labels.get(NAME)) ?? 0) + 1);
    const byName = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([name, value]) => ({ name, value }));
    return { headStats: { numSeries: stats.series, chunkCount: stats.samples, minTime: stats.minTime ?? 0, maxTime: stats.maxTime ?? 0 }, seriesCountByMetricName: byName, bytes: stats.bytes, refusedSeries: stats.refusedSeries };
  }

  #matcherSets(request: Request): (readonly Matcher[])[] {
    return request.params.getAll('match[]').map((text) => parseSelector(text).matchers);
  }

  #select(request: Request): Labels[] {
    const start = decodeTime(request.params.get('start'));
    const end = decodeTime(request.params.get('end'));
    const range = { from: typeof start === 'number' ? start - 1 : -Infinity, to: typeof end === 'number' ? end : Infinity };
    const found = this.#deps.store.labelSets(this.#matcherSets(request), range);
    const limit = Number(request.params.get('limit') ?? 0);
    return limit > 0 ? found.slice(0, limit) : found;
  }
}

function targetJson(status: TargetStatus): unknown {
  return {
    discoveredLabels: { __address__: new URL(status.target.url).host, ...status.target.labels },
    labels: status.target.labels,
    scrapePool: status.target.job,
    scrapeUrl: status.target.url,
    globalUrl: status.target.url,
    lastError: status.lastError,
    lastScrape: new Date(status.lastScrapeMs).toISOString(),
    lastScrapeDuration: status.lastDurationMs / 1000,
    health: status.health,
  };
}

/** Unix seconds or RFC 3339 → milliseconds; undefined when absent, the complaint when it is neither. */
function decodeTime(text: string | null): number | string | undefined {
  if (text === null || text === '') return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.round(seconds * 1000);
  const date = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? `cannot parse "${text}" to a valid timestamp` : date;
}

function decodeStep(text: string | null): number | string | undefined {
  if (text === null || text === '') return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds * 1000;
  return decodePromDuration(text) ?? `cannot parse "${text}" to a valid duration`;
}

function lookbackOf(params: URLSearchParams): number | string | undefined {
  const value = decodeStep(params.get('lookback_delta'));
  return typeof value === 'string' ? `error parsing lookback delta duration: ${value}` : value;
}
