/** Counts outcomes under Istio's standard metric names. The label set of an outcome is looked up by the identity of the
 * objects that the data path shares between requests (destination, peer), so that a request costs about a microsecond. */
import type { WorkloadFacts } from '../bootstrap/settings.ts';
import type { Destination, HttpOutcome, Outcome, OutcomeSink, PeerMetadata, TcpOutcome } from '../outcome.ts';
import { ISTIO_LABELS, istioLabelValues } from './istio-labels.ts';
import type { Cell, Family, Histogram, Registry } from './registry.ts';

/** Istio's default bounds, for times in milliseconds and sizes in bytes alike. */
export const ISTIO_BUCKETS: readonly number[] = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000];

export interface IstioMetricsOptions {
  readonly own: WorkloadFacts;
  /** True on sidecars: an unknown outbound service is named by its Host header. */
  readonly hostFallback: boolean;
  readonly buckets?: readonly number[];
}

/** The series of one label set. */
interface HttpSeries {
  readonly requests: Cell;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
}


/** What, beside destination and peer, tells label sets apart; compared by value. */
interface CacheEntry {
  readonly reporter: string;
  readonly code: number;
  readonly grpc: number | undefined;
  readonly isGrpc: boolean;
  readonly flags: string;
  readonly peerPrincipal: string | undefined;
  readonly ownPrincipal: string | undefined;
  readonly authority: string | undefined;
  readonly series: HttpSeries;
}

const NO_DESTINATION: Destination = { cluster: '' };
const NO_PEER: PeerMetadata = {};
/** Entries looked through one by one for a pair of destination and peer; beyond it the list starts anew. */
const MAX_ENTRIES = 64;

export class IstioMetrics implements OutcomeSink {
  readonly #options: IstioMetricsOptions;
  readonly #requests: Family<Cell>;
  readonly #duration: Family<Histogram>;
  readonly #requestBytes: Family<Histogram>;
  readonly #responseBytes: Family<Histogram>;
  readonly #tcp: Readonly<Record<'opened' | 'closed' | 'sent' | 'received', Family<Cell>>>;
  readonly #cache = new WeakMap<Destination, WeakMap<PeerMetadata, CacheEntry[]>>();

  constructor(registry: Registry, options: IstioMetricsOptions) {
    this.#options = options;
    const bounds = options.buckets ?? ISTIO_BUCKETS;
    const tcpLabels = ISTIO_LABELS.filter((name) => name !== 'response_code' && name !== 'grpc_response_status');
    const histogram = (name: string, help: string) => registry.histogram({ name, help, labels: ISTIO_LABELS, bounds });
    this.#requests = registry.counter('istio_requests_total', 'Requests handled.', ISTIO_LABELS);
    this.#duration = histogram('istio_request_duration_milliseconds', 'Duration of requests.');
    this.#requestBytes = histogram('istio_request_bytes', 'Sizes of request bodies.');
    this.#responseBytes = histogram('istio_response_bytes', 'Sizes of response bodies.');
    this.#tcp = {
      opened: registry.counter('istio_tcp_connections_opened_total', 'TCP connections opened.', tcpLabels),
      closed: registry.counter('istio_tcp_connections_closed_total', 'TCP connections closed.', tcpLabels),
      sent: registry.counter('istio_tcp_sent_bytes_total', 'Bytes sent to clients on TCP connections.', tcpLabels),
      received: registry.counter('istio_tcp_received_bytes_total', 'Bytes received from clients on TCP connections.', tcpLabels),
    };
  }

  record(outcome: Outcome): void {
    if (outcome.kind === 'tcp') return this.#recordTcp(outcome);
    const series = this.#httpSeries(outcome);
    series.requests.value += 1;
    series.duration.observe(outcome.durationMs);
    series.requestBytes.observe(outcome.requestBytes);
    series.responseBytes.observe(outcome.responseBytes);
  }

  opened(outcome: Parameters<OutcomeSink['opened']>[0]): void {
    this.#tcp.opened.resolve(...this.#tcpLabels({ ...outcome, flags: [] })).value += 1;
  }

  /** Bytes of a connection that goes on. */
  transferred(outcome: TcpOutcome): void {
    const labels = this.#tcpLabels(outcome);
    this.#tcp.sent.resolve(...labels).value += outcome.sentBytes;
    this.#tcp.received.resolve(...labels).value += outcome.receivedBytes;
  }

  #recordTcp(outcome: TcpOutcome): void {
    this.transferred(outcome);
    this.#tcp.closed.resolve(...this.#tcpLabels(outcome)).value += 1;
  }

  #tcpLabels(outcome: Parameters<OutcomeSink['opened']>[0] & { flags: readonly string[] }): string[] {
    const { reporter, connection, upstream, flags } = outcome;
    const peer = reporter === 'source' ? upstream?.peerMetadata : outcome.downstreamPeerMetadata;
    return istioLabelValues({ reporter, connection, upstream, peer, flags, protocol: 'tcp', responseCode: undefined, grpcStatus: undefined, authority: undefined }, this.#options.own).slice(0, -2);
  }

  #httpSeries(outcome: HttpOutcome): HttpSeries {
    const { upstream, connection, reporter } = outcome;
    const isSource = reporter === 'source';
    const peer = isSource ? upstream?.peerMetadata : outcome.downstreamPeerMetadata;
    const entries = this.#entries(upstream?.destination ?? NO_DESTINATION, peer ?? NO_PEER);
    const peerPrincipal = isSource ? upstream?.peer : connection.downstreamPeer;
    const ownPrincipal = isSource ? upstream?.own : connection.downstreamOwn;
    const isGrpc = outcome.grpcStatus !== undefined || isGrpcType(outcome.requestHeaders.get('content-type'));
    const flags = outcome.flags.length === 0 ? '' : outcome.flags.join(',');
    const authority = isSource && this.#options.hostFallback && !upstream?.destination.serviceHost ? outcome.authority : undefined;
    for (const entry of entries) {
      if (
        entry.code === outcome.responseCode && entry.reporter === reporter && entry.flags === flags && entry.grpc === outcome.grpcStatus && entry.isGrpc === isGrpc &&
        entry.peerPrincipal === peerPrincipal && entry.ownPrincipal === ownPrincipal && entry.authority === authority
      ) return entry.series;
    }
    const labels = istioLabelValues(
      { reporter, connection, upstream, peer, protocol: isGrpc ? 'grpc' : 'http', flags: outcome.flags, responseCode: outcome.responseCode, grpcStatus: outcome.grpcStatus, authority },
      this.#options.own,
    );
    const series: HttpSeries = {
      requests: this.#requests.resolve(...labels),
      duration: this.#duration.resolve(...labels),
      requestBytes: this.#requestBytes.resolve(...labels),
      responseBytes: this.#responseBytes.resolve(...labels),
    };
    if (entries.length >= MAX_ENTRIES) entries.length = 0;
    entries.push({ reporter, code: outcome.responseCode, grpc: outcome.grpcStatus, isGrpc, flags, peerPrincipal, ownPrincipal, authority, series });
    return series;
  }

  #entries(destination: Destination, peer: PeerMetadata): CacheEntry[] {
    let byPeer = this.#cache.get(destination);
    if (!byPeer) this.#cache.set(destination, (byPeer = new WeakMap()));
    let entries = byPeer.get(peer);
    if (!entries) byPeer.set(peer, (entries = []));
    return entries;
  }
}

const isGrpcType = (type: string | undefined): boolean => type !== undefined && type.startsWith('application/grpc') && !type.startsWith('application/grpc-web');
