/** Traffic as the mesh's metrics tell it: rows from Prometheus to calls between workloads, each counted once. */
import type { InstantSample, LabelSet } from '../api/prometheus.ts';

export interface WorkloadRef {
  readonly namespace: string;
  readonly workload: string;
  readonly app: string;
  readonly version: string;
}

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  /** As the caller named it: `reviews.default.svc.cluster.local`. */
  readonly host: string;
}

export type Protocol = 'http' | 'grpc' | 'tcp';

/** Everything from one workload through one service to one workload. */
export interface Call {
  readonly source: WorkloadRef;
  readonly service: ServiceRef;
  readonly destination: WorkloadRef;
  readonly protocol: Protocol;
  /** Requests per second; bytes per second for TCP. */
  readonly rate: number;
  /** Response code → rate; empty for TCP. */
  readonly codes: ReadonlyMap<string, number>;
  /** Envoy response flags → rate, without `-`. */
  readonly flags: ReadonlyMap<string, number>;
  /** Share of the traffic under mutual TLS, as the receiving side saw it; undefined when it reports nothing. */
  readonly mtls: number | undefined;
}

const UNKNOWN = 'unknown';

export const CALL_LABELS = [
  'reporter', 'source_workload', 'source_workload_namespace', 'source_canonical_service', 'source_canonical_revision',
  'destination_workload', 'destination_workload_namespace', 'destination_canonical_service', 'destination_canonical_revision',
  'destination_service', 'destination_service_name', 'destination_service_namespace', 'request_protocol', 'connection_security_policy',
] as const;

/** @param window Prometheus duration, `1m`
 * @param selector label matchers to restrict it, without braces; '' for all */
export function requestsQuery(window: string, selector = ''): string {
  return `sum by (${CALL_LABELS.join(', ')}, response_code, response_flags) (rate(istio_requests_total{${selector}}[${window}])) > 0`;
}

export function bytesQuery(window: string, selector = ''): string {
  const sum = (metric: string) => `sum by (${CALL_LABELS.join(', ')}) (rate(${metric}{${selector}}[${window}]))`;
  return `(${sum('istio_tcp_sent_bytes_total')} + ${sum('istio_tcp_received_bytes_total')}) > 0`;
}

interface Side {
  rate: number;
  codes: Map<string, number>;
  flags: Map<string, number>;
  secured: number;
}

interface Pair {
  source: WorkloadRef;
  service: ServiceRef;
  destination: WorkloadRef;
  protocol: Protocol;
  bySource: Side;
  byDestination: Side;
}

/** A call is reported by both of its ends. The caller's report counts when there is one, for only the caller sees the calls that never arrived. */
export function callsOf(requests: readonly InstantSample[], bytes: readonly InstantSample[]): Call[] {
  const pairs = new Map<string, Pair>();
  for (const sample of requests) add(pairs, sample, sample.labels['request_protocol'] === 'grpc' ? 'grpc' : 'http');
  for (const sample of bytes) add(pairs, sample, 'tcp');
  return [...pairs.values()].map((pair) => {
    const side = pair.bySource.rate > 0 ? pair.bySource : pair.byDestination;
    const { rate, secured } = pair.byDestination;
    return { source: pair.source, service: pair.service, destination: pair.destination, protocol: pair.protocol, rate: side.rate, codes: side.codes, flags: side.flags, mtls: rate > 0 ? secured / rate : undefined };
  });
}

function add(pairs: Map<string, Pair>, { labels, value }: InstantSample, protocol: Protocol): void {
  if (!(value > 0)) return;
  const source = workloadOf(labels, 'source');
  const destination = workloadOf(labels, 'destination');
  const service = serviceOf(labels);
  const key = [workloadKey(source), service.namespace, service.name, workloadKey(destination), protocol].join('|');
  const pair = pairs.get(key) ?? { source, service, destination, protocol, bySource: newSide(), byDestination: newSide() };
  pairs.set(key, pair);
  const side = labels['reporter'] === 'destination' ? pair.byDestination : pair.bySource;
  side.rate += value;
  if (labels['connection_security_policy'] === 'mutual_tls') side.secured += value;
  const code = labels['response_code'];
  if (code !== undefined) side.codes.set(code, (side.codes.get(code) ?? 0) + value);
  const flags = labels['response_flags'];
  if (flags !== undefined && flags !== '-' && flags !== '') side.flags.set(flags, (side.flags.get(flags) ?? 0) + value);
}

const newSide = (): Side => ({ rate: 0, codes: new Map(), flags: new Map(), secured: 0 });
const known = (text: string | undefined): string => (text === undefined || text === '' ? UNKNOWN : text);

function workloadOf(labels: LabelSet, side: 'source' | 'destination'): WorkloadRef {
  return {
    namespace: known(labels[`${side}_workload_namespace`]),
    workload: known(labels[`${side}_workload`]),
    app: known(labels[`${side}_canonical_service`]),
    version: known(labels[`${side}_canonical_revision`]),
  };
}

function serviceOf(labels: LabelSet): ServiceRef {
  return { namespace: known(labels['destination_service_namespace']), name: known(labels['destination_service_name']), host: known(labels['destination_service']) };
}

export const isUnknown = (ref: WorkloadRef): boolean => ref.workload === UNKNOWN;
export const workloadKey = (ref: WorkloadRef): string => `${ref.namespace}/${ref.workload}`;
export const touchesNamespace = (call: Call, namespaces: ReadonlySet<string>): boolean =>
  namespaces.size === 0 || [call.source.namespace, call.destination.namespace, call.service.namespace].some((name) => namespaces.has(name));
