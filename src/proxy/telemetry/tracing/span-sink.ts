/** Turns outcomes into spans and brings each to the exporter of its provider. */
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { HttpOutcome } from '../../outcome.ts';
import type { TracingSettings } from '../../tracing.ts';
import { createSpanExporter } from './exporter.ts';
import type { SpanExporter } from './exporter.ts';
import { spanTarget } from './providers.ts';
import { spanOf } from './span.ts';
import type { SpanOwner } from './span.ts';
import type { SpanTransport } from './transport.ts';

export interface SpanSinkDeps {
  readonly owner: SpanOwner;
  /** `service.name` of spans whose provider names none. */
  readonly service: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: the network, a connection for each collector. */
  readonly transport?: SpanTransport;
}

export class SpanSink {
  readonly #deps: SpanSinkDeps;
  /** By address and service, so that listeners that name the same collector share one queue. */
  readonly #exporters = new Map<string, SpanExporter>();
  readonly #byProvider = new WeakMap<object, SpanExporter | 'none'>();

  constructor(deps: SpanSinkDeps) {
    this.#deps = deps;
  }

  record(outcome: HttpOutcome): void {
    const provider = outcome.tracing?.provider;
    if (!outcome.span?.sampled || !provider) return;
    const exporter = this.#exporter(provider);
    const span = exporter && spanOf(outcome, this.#deps.owner);
    if (span) exporter.add(span);
  }

  get sent(): number {
    return this.#sum((e) => e.sent);
  }

  get dropped(): number {
    return this.#sum((e) => e.dropped);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#exporters.values()].map((exporter) => exporter.close()));
  }

  #exporter(provider: NonNullable<TracingSettings['provider']>): SpanExporter | undefined {
    const known = this.#byProvider.get(provider);
    if (known !== undefined) return known === 'none' ? undefined : known;
    const { clock, log, transport, service } = this.#deps;
    const result = spanTarget(provider, service);
    if (!result.ok) {
      log.warn('requests are traced but their spans cannot be sent', { reason: result.reason });
      this.#byProvider.set(provider, 'none');
      return undefined;
    }
    const key = `${result.target.format} ${result.target.host}:${result.target.port}${result.target.path}#${result.target.service}`;
    const exporter = this.#exporters.get(key) ?? createSpanExporter({ target: result.target, clock, log, transport });
    this.#exporters.set(key, exporter);
    this.#byProvider.set(provider, exporter);
    return exporter;
  }

  #sum(read: (exporter: SpanExporter) => number): number {
    return [...this.#exporters.values()].reduce((total, exporter) => total + read(exporter), 0);
  }
}
