/** Makes a span of an outcome: names, kind and tags as Envoy and Istio give them. Pure. */
import type { WorkloadFacts } from '../../bootstrap/settings.ts';
import type { HttpOutcome } from '../../outcome.ts';
import type { CustomTag, TracingSettings } from '../../tracing.ts';

export type TagValue = string | number | boolean;

export interface FinishedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'server' | 'client';
  /** ms since the epoch, with fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly tags: readonly (readonly [string, TagValue])[];
  readonly isError: boolean;
}

export interface SpanOwner {
  readonly nodeId: string;
  readonly zone: string;
  readonly workload: WorkloadFacts;
  /** For custom tags. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Undefined when the outcome has no sampled span. */
export function spanOf(outcome: HttpOutcome, owner: SpanOwner): FinishedSpan | undefined {
  const { span, tracing } = outcome;
  if (!span?.sampled || !tracing) return undefined;
  const isServer = tracing.server;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: outcome.operation ?? `${isServer ? 'ingress' : 'egress'} ${outcome.authority}`,
    kind: isServer ? 'server' : 'client',
    startMs: outcome.startMs,
    endMs: outcome.startMs + outcome.durationMs,
    // By name: the configuration may set again what is set here.
    tags: [...new Map([...requestTags(outcome, tracing), ...ownerTags(owner), ...customTags(tracing.customTags, outcome, owner)])],
    // A client that went away is the client's error; what we could not answer is ours.
    isError: outcome.responseCode >= 500 || outcome.responseCode === 0 || isGrpcError(outcome.grpcStatus),
  };
}

/** gRPC codes that mean a fault of the server. Envoy: Tracing::HttpTracerUtility, 1 to 16. */
const isGrpcError = (status: number | undefined): boolean => status !== undefined && [2, 4, 8, 12, 13, 14, 15].includes(status);

function requestTags(outcome: HttpOutcome, tracing: TracingSettings): (readonly [string, TagValue])[] {
  const header = (name: string) => outcome.requestHeaders.get(name);
  const scheme = header('x-forwarded-proto') ?? 'http';
  const path = outcome.path.slice(0, tracing.maxPathTagLength);
  const tags: (readonly [string, TagValue])[] = [
    ['component', 'proxy'],
    ['http.method', outcome.method],
    ['http.url', `${scheme}://${outcome.authority}${path}`],
    ['http.protocol', outcome.protocol],
    ['http.status_code', String(outcome.responseCode)],
    ['guid:x-request-id', header('x-request-id') ?? '-'],
    ['upstream_cluster', outcome.upstream?.destination.cluster ?? '-'],
    ['upstream_cluster.name', outcome.upstream?.destination.cluster ?? '-'],
    ['response_flags', outcome.flags.length === 0 ? '-' : outcome.flags.join(',')],
    ['request_size', String(outcome.requestBytes)],
    ['response_size', String(outcome.responseBytes)],
    ['user_agent', header('user-agent') ?? '-'],
    ['peer.address', (tracing.server ? outcome.connection.downstreamRemote : (outcome.upstream?.host ?? outcome.connection.downstreamRemote)).replace(/:\d+$/, '')],
    ['downstream_cluster', header('x-envoy-downstream-service-cluster') ?? '-'],
  ];
  if (outcome.grpcStatus !== undefined) tags.push(['grpc.status_code', String(outcome.grpcStatus)]);
  return tags;
}

function ownerTags({ nodeId, zone, workload }: SpanOwner): (readonly [string, TagValue])[] {
  return [
    ['node_id', nodeId],
    ['zone', zone],
    ['istio.canonical_service', workload.canonicalName],
    ['istio.canonical_revision', workload.canonicalRevision],
    ['istio.mesh_id', workload.meshId],
    ['istio.namespace', workload.namespace],
    ['istio.cluster_id', workload.clusterId],
  ];
}

function customTags(tags: readonly CustomTag[], outcome: HttpOutcome, owner: SpanOwner): (readonly [string, TagValue])[] {
  return tags.flatMap((tag): (readonly [string, TagValue])[] => {
    const value = customValue(tag, outcome, owner);
    return value === '' ? [] : [[tag.tag, value]];
  });
}

function customValue(tag: CustomTag, outcome: HttpOutcome, owner: SpanOwner): string {
  if (tag.from === 'literal') return tag.value;
  if (tag.from === 'environment') return owner.env[tag.name] ?? tag.defaultValue;
  return outcome.requestHeaders.get(tag.name) ?? tag.defaultValue;
}
