/** What telemetry has counted, and the sum of what several threads have. */
import { blankCount, type ClusterCount, type ClusterCounters } from './cluster-counters.ts';
import { type AnyFamily, Family, Histogram, type MetricKind, type Series } from './registry.ts';

export interface TelemetryState {
  readonly families: readonly AnyFamily[];
  readonly clusters: Pick<ReadonlyMap<string, ClusterCount>, 'get'>;
  readonly spans: { readonly sent: number; readonly dropped: number };
  /** Of access logs. */
  readonly linesDropped: number;
}

interface FamilyReport {
  readonly kind: MetricKind;
  readonly name: string;
  readonly help: string;
  readonly series: readonly Series<{ readonly value: number } | Pick<Histogram, 'bounds' | 'counts' | 'sum'>>[];
}

/** The same as a message from one thread to another, which keeps no classes. */
export interface TelemetryReport extends Pick<TelemetryState, 'spans' | 'linesDropped'> {
  readonly families: readonly FamilyReport[];
  readonly clusters: readonly (readonly [name: string, count: ClusterCount])[];
}

export function reportOf(state: TelemetryState & { readonly clusters: ClusterCounters }): TelemetryReport {
  return {
    spans: state.spans,
    linesDropped: state.linesDropped,
    families: state.families.map((family) => ({ kind: family.kind, name: family.name, help: family.help, series: [...family.series()] })),
    clusters: [...state.clusters.entries()],
  };
}

/** Counters and histograms are added up. A gauge says what is so in each of the threads: the greatest counts. */
export function sumOfReports(reports: readonly TelemetryReport[]): TelemetryState {
  const families = new Map<string, AnyFamily>();
  const clusters = new Map<string, ClusterCount>();
  for (const report of reports) {
    for (const family of report.families) addFamily(families, family);
    for (const [name, count] of report.clusters) addCount(clusters.getOrInsertComputed(name, blankCount), count);
  }
  const sum = (read: (report: TelemetryReport) => number) => reports.reduce((total, report) => total + read(report), 0);
  return { families: [...families.values()], clusters, spans: { sent: sum(({ spans }) => spans.sent), dropped: sum(({ spans }) => spans.dropped) }, linesDropped: sum(({ linesDropped }) => linesDropped) };
}

/** Each thread has bounded its own. */
const UNBOUNDED = Infinity;

function addFamily(families: Map<string, AnyFamily>, { kind, name, help, series }: FamilyReport): void {
  for (const { labels, cell } of series) {
    if ('counts' in cell) {
      const made = () => new Family<Histogram>({ kind, name, help, maxSeries: UNBOUNDED }, () => new Histogram(cell.bounds));
      // A family of this name has the same kind in every thread.
      const total = (families.getOrInsertComputed(name, made) as Family<Histogram>).at(labels);
      for (const [i, count] of cell.counts.entries()) total.counts[i] = (total.counts[i] ?? 0) + count;
      total.sum += cell.sum;
    } else {
      const made = () => new Family<{ value: number }>({ kind, name, help, maxSeries: UNBOUNDED }, () => ({ value: 0 }));
      const total = (families.getOrInsertComputed(name, made) as Family<{ value: number }>).at(labels);
      total.value = kind === 'gauge' ? Math.max(total.value, cell.value) : total.value + cell.value;
    }
  }
}

function addCount(total: ClusterCount, count: ClusterCount): void {
  for (const [code, value] of count.codes) total.codes.set(code, (total.codes.get(code) ?? 0) + value);
  total.requests += count.requests;
  total.retries += count.retries;
  total.timeouts += count.timeouts;
  total.connectFailures += count.connectFailures;
  total.pendingOverflow += count.pendingOverflow;
}
