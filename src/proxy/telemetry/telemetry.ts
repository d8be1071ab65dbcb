/** Where outcomes go: metrics, access log and spans, in one synchronous call. A fault in one of them is logged once and never
 * reaches the request. */
import { systemClock } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import type { Outcome, OutcomeSink } from '../outcome.ts';
import type { Tracer } from '../tracing.ts';
import { AccessLog } from './access-log/access-log.ts';
import { ClusterCounters } from './cluster-counters.ts';
import type { IstioMetrics } from './istio-metrics.ts';
import { Registry } from './registry.ts';
import { createStandardMetrics } from './standard-metrics.ts';
import type { TelemetryState } from './telemetry-state.ts';
import { SpanSink } from './tracing/span-sink.ts';
import { createTracer } from './tracing/tracer.ts';
import type { SpanTransport } from './tracing/transport.ts';

export interface TelemetryDeps {
  readonly settings: Pick<ProxySettings, 'workload' | 'role' | 'nodeId' | 'nodeCluster'>;
  readonly zone?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock?: Clock;
  readonly logFlushMs?: number;
  readonly openLog?: (path: string) => (batch: string, done: () => void) => void;
  readonly spanTransport?: SpanTransport;
}

export class Telemetry implements OutcomeSink {
  readonly registry = new Registry();
  readonly clusters = new ClusterCounters();
  readonly tracer: Tracer = createTracer();
  readonly accessLog: AccessLog;
  readonly spans: SpanSink;
  readonly #istio: IstioMetrics;
  readonly #log: Log;
  #hasFailed = false;

  constructor(deps: TelemetryDeps) {
    const { settings, log, clock = systemClock } = deps;
    this.#log = log;
    this.#istio = createStandardMetrics(this.registry, settings, log);
    this.accessLog = new AccessLog({ clock, log: log.scope('accesslog'), open: deps.openLog, flushMs: deps.logFlushMs });
    this.spans = new SpanSink({
      owner: { nodeId: settings.nodeId, zone: deps.zone ?? '', workload: settings.workload, env: deps.env ?? {} },
      service: settings.nodeCluster,
      clock,
      log: log.scope('tracing'),
      transport: deps.spanTransport,
    });
  }

  record(outcome: Outcome): void {
    try {
      this.#istio.record(outcome);
      this.clusters.record(outcome);
      this.accessLog.record(outcome);
      if (outcome.kind === 'http') this.spans.record(outcome);
    } catch (error) {
      this.#failed(error);
    }
  }

  opened(outcome: Parameters<OutcomeSink['opened']>[0]): void {
    try {
      this.#istio.opened(outcome);
    } catch (error) {
      this.#failed(error);
    }
  }

  state(): TelemetryState {
    const { sent, dropped } = this.spans;
    return { families: this.registry.families(), clusters: this.clusters, spans: { sent, dropped }, linesDropped: this.accessLog.dropped };
  }

  /** Envoy: /reset_counters. */
  resetCounters(): void {
    for (const family of this.registry.families()) {
      for (const { cell } of family.series()) {
        if ('value' in cell && family.kind === 'counter') cell.value = 0;
      }
    }
    this.clusters.reset();
  }

  async close(): Promise<void> {
    await Promise.all([this.accessLog.close(), this.spans.close()]);
  }

  #failed(error: unknown): void {
    if (!this.#hasFailed) this.#log.error('telemetry of a request failed; this is told once', { error });
    this.#hasFailed = true;
  }
}
