/** Fills the real metrics store with what the sidecars of the made-up mesh would have exposed. */
import { Labels } from '../../src/observe/metrics/labels.ts';
import type { MetricStore } from '../../src/observe/metrics/store.ts';
import { CALLS, findWorkload, type MockCall, WORKLOADS } from './topology.ts';

const BUCKETS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, Infinity];

/** Counters so far, by series. */
export class TrafficWriter {
  readonly #store: MetricStore;
  readonly #counters = new Map<string, { labels: Labels; value: number }>();

  constructor(store: MetricStore) {
    this.#store = store;
  }

  /** Adds what happened in the `seconds` before `timeMs` and appends every counter. */
  step(timeMs: number, seconds: number): void {
    for (const call of CALLS) for (const reporter of call.from === 'unknown' ? ['destination'] : call.to === 'unknown' ? ['source'] : ['source', 'destination']) this.#call(call, reporter, { timeMs, seconds });
    for (const { labels, value } of this.#counters.values()) this.#store.append(labels, timeMs, Math.floor(value));
    for (const workload of WORKLOADS) this.#store.append(Labels.of({ __name__: 'up', job: 'kubernetes-pods', namespace: workload.namespace, pod: `${workload.name}-7d9f` }), timeMs, 1);
  }

  #call(call: MockCall, reporter: string, at: { timeMs: number; seconds: number }): void {
    const labels = labelsOf(call, reporter);
    const wave = 1 + 0.18 * Math.sin(at.timeMs / 95_000 + call.latency) + 0.08 * Math.sin(at.timeMs / 17_000);
    const amount = call.rate * wave * at.seconds;
    if (call.protocol === 'tcp') {
      this.#count('istio_tcp_sent_bytes_total', labels, amount * 700);
      this.#count('istio_tcp_received_bytes_total', labels, amount * 300);
      return;
    }
    for (const [code, share] of Object.entries(call.codes)) {
      const own = { ...labels, response_code: code, response_flags: code === '503' ? 'UF' : '-' };
      this.#count('istio_requests_total', own, amount * share);
      for (const le of BUCKETS) this.#count('istio_request_duration_milliseconds_bucket', { ...own, le: le === Infinity ? '+Inf' : String(le) }, amount * share * belowShare(le, call.latency));
    }
  }

  #count(name: string, labels: Record<string, string>, by: number): void {
    const full = Labels.of({ __name__: name, ...labels });
    const counter = this.#counters.get(full.key) ?? { labels: full, value: 0 };
    counter.value += by;
    this.#counters.set(full.key, counter);
  }
}

/** A long-tailed distribution around the median. */
const belowShare = (bound: number, median: number): number => (bound === Infinity ? 1 : 1 / (1 + (median / bound) ** 3));

function labelsOf(call: MockCall, reporter: string): Record<string, string> {
  const source = findWorkload(call.from);
  const target = findWorkload(call.to);
  const host = call.namespace === 'unknown' ? 'api.stripe.example' : `${call.service}.${call.namespace}.svc.cluster.local`;
  return {
    reporter,
    source_workload: source?.name ?? 'unknown',
    source_workload_namespace: source?.namespace ?? 'unknown',
    source_canonical_service: source?.app ?? 'unknown',
    source_canonical_revision: source?.version ?? 'latest',
    destination_workload: target?.name ?? 'unknown',
    destination_workload_namespace: target?.namespace ?? 'unknown',
    destination_canonical_service: target?.app ?? 'unknown',
    destination_canonical_revision: target?.version ?? 'latest',
    destination_service: host,
    destination_service_name: call.service,
    destination_service_namespace: call.namespace,
    request_protocol: call.protocol,
    connection_security_policy: reporter === 'destination' ? (call.mtls ? 'mutual_tls' : 'none') : 'unknown',
  };
}
