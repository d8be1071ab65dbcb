import type { StoreStats } from '../metrics/store.ts';
import type { TraceStats } from '../traces/store.ts';
import type { Answer } from './answer.ts';

/** What the stores hold and what they had to refuse, in the text format. */
export function selfMetrics(metrics: StoreStats, traces: TraceStats): Answer {
  const rows: readonly (readonly [string, 'gauge' | 'counter', string, number])[] = [
    ['lateen_observe_series', 'gauge', 'Series held', metrics.series],
    ['lateen_observe_samples', 'gauge', 'Samples held', metrics.samples],
    ['lateen_observe_bytes', 'gauge', 'Packed size of the samples', metrics.bytes],
    ['lateen_observe_series_refused_total', 'counter', 'New series refused because the store is full', metrics.refusedSeries],
    ['lateen_observe_samples_evicted_total', 'counter', 'Samples dropped by retention or size', metrics.evictedSamples],
    ['lateen_observe_traces', 'gauge', 'Traces held', traces.traces],
    ['lateen_observe_spans', 'gauge', 'Spans held', traces.spans],
    ['lateen_observe_span_bytes', 'gauge', 'Estimated size of the spans', traces.bytes],
    ['lateen_observe_spans_received_total', 'counter', 'Spans received', traces.received],
    ['lateen_observe_spans_refused_total', 'counter', 'Spans refused because their trace is too long', traces.refused],
    ['lateen_observe_spans_evicted_total', 'counter', 'Spans that left to make room', traces.evicted],
    ['process_resident_memory_bytes', 'gauge', 'Resident memory', process.memoryUsage.rss()],
  ];
  const body = rows.map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`).join('');
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body };
}
