/** Envoy's lines → outcomes, as our own data path reports them, so that both are counted by the same code. */
import type { OutcomeLine } from '../xds/agent-contract.ts';
import type { Destination, HeaderView, HttpOutcome, OutcomeSink, PeerMetadata, TcpOutcome, UpstreamFacts } from '../proxy/outcome.ts';
import type { IstioMetrics } from '../proxy/telemetry/istio-metrics.ts';
import { workloadMetadata, type PeerMetadataCodec } from '../proxy/peer-metadata.ts';

/** Metrics find their series by the identity of destination and peer: each is made once. */
const MAX_CACHED = 5000;

type Sink = OutcomeSink & Pick<IstioMetrics, 'transferred'>;

export class OutcomeLines {
  readonly #sink: Sink;
  readonly #codec: PeerMetadataCodec;
  readonly #destinations = new Cache<Destination>();
  readonly #workloads = new Cache<PeerMetadata>();
  /** Connections that have been told of and not ended, by Envoy's number. */
  readonly #open = new Map<number, { received: number; sent: number }>();
  /** Lines about what others asked of the workload. */
  incoming = 0;
  /** Lines that could not be read. */
  broken = 0;

  constructor(sink: Sink, codec: PeerMetadataCodec) {
    this.#sink = sink;
    this.#codec = codec;
  }

  take(text: string): void {
    const line = parse(text);
    if (line === undefined) {
      this.broken += 1;
      return;
    }
    if (line.reporter === 'destination') this.incoming += 1;
    if (!line.type.startsWith('Tcp')) return this.#sink.record(this.#http(line));
    this.#connection(line);
  }

  /** The first line of a connection says that it was opened; each has its bytes since the one before. */
  #connection(line: OutcomeLine): void {
    const { connection: id = 0, received, sent } = line;
    const before = this.#open.get(id);
    // An Envoy that was started again counts its connections anew.
    const known = before !== undefined && before.received <= received && before.sent <= sent ? before : undefined;
    const outcome = this.#tcp(line, { received: received - (known?.received ?? 0), sent: sent - (known?.sent ?? 0) });
    if (!known) this.#sink.opened(outcome);
    if (line.type !== 'TcpConnectionEnd') {
      this.#sink.transferred(outcome);
      this.#open.set(id, { received, sent });
      return;
    }
    this.#sink.record(outcome);
    this.#open.delete(id);
  }

  #http(line: OutcomeLine): HttpOutcome {
    return {
      kind: 'http', ...this.#common(line), method: '', path: '', rewrittenPath: '', protocol: 'HTTP/1.1', authority: line.authority ?? '',
      responseCode: line.code, grpcStatus: line.grpc, requestBytes: line.received, responseBytes: line.sent,
      requestHeaders: contentType(line.contentType), responseHeaders: NO_HEADERS,
    };
  }

  #tcp(line: OutcomeLine, bytes: { received: number; sent: number }): TcpOutcome {
    return { kind: 'tcp', ...this.#common(line), receivedBytes: bytes.received, sentBytes: bytes.sent };
  }

  #common(line: OutcomeLine) {
    const said = this.#codec.decode(line.peer, undefined);
    return {
      reporter: line.reporter, listener: '', startMs: 0, durationMs: line.duration, details: '',
      flags: line.flags === '-' ? NO_FLAGS : line.flags.split(','),
      connection: { downstreamRemote: '', downstreamLocal: '', downstreamPeer: line.downstreamPeer, downstreamOwn: line.downstreamOwn },
      upstream: this.#upstream(line, line.reporter === 'source' ? said : undefined),
      downstreamPeerMetadata: line.reporter === 'destination' ? said : undefined,
    };
  }

  #upstream(line: OutcomeLine, said: PeerMetadata | undefined): UpstreamFacts | undefined {
    const { cluster, services, workload } = line;
    if (cluster === undefined) return undefined;
    const [service] = services ?? [];
    const destination = this.#destinations.get(`${cluster} ${service?.host ?? ''}`, () => ({ cluster, serviceHost: service?.host, serviceName: service?.name, serviceNamespace: service?.namespace }));
    const known = workload === undefined ? undefined : this.#workloads.get(workload, () => workloadMetadata(workload) ?? {});
    return { destination, host: line.host, peer: line.upstreamPeer, own: line.upstreamOwn, peerMetadata: said ?? known, attempts: 1 };
  }
}

class Cache<T> {
  readonly #known = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_CACHED) this.#known.clear();
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}

const NO_FLAGS: readonly string[] = [];
const NO_HEADERS: HeaderView = { get: () => undefined };
const contentType = (value: string | undefined): HeaderView => (value === undefined ? NO_HEADERS : { get: (name) => (name === 'content-type' ? value : undefined) });

const NUMBERS = ['duration', 'received', 'sent', 'code'] as const;
const TEXTS = ['authority', 'contentType', 'cluster', 'host', 'workload', 'peer', 'downstreamPeer', 'downstreamOwn', 'upstreamPeer', 'upstreamOwn'] as const;

/** Undefined when the text is no such line: Envoy's own words, but strangers' names are in them. */
function parse(text: string): OutcomeLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  // Each field is looked at below.
  const line = value as Record<string, unknown>;
  const { reporter, type, flags, grpc, services, connection } = line;
  if ((reporter !== 'source' && reporter !== 'destination') || typeof type !== 'string' || typeof flags !== 'string') return undefined;
  if (NUMBERS.some((name) => typeof line[name] !== 'number') || TEXTS.some((name) => line[name] !== undefined && typeof line[name] !== 'string')) return undefined;
  if (connection !== undefined && typeof connection !== 'number') return undefined;
  if ((grpc !== undefined && typeof grpc !== 'number') || (services !== undefined && !(Array.isArray(services) && services.every(isService)))) return undefined;
  return value as OutcomeLine;
}

const isService = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.values(value).every((part) => typeof part === 'string');
