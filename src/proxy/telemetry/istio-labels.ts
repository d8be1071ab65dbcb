/** The labels of Istio's standard metrics, and their values for one outcome. Source: Istio standard metrics; the fallbacks
 * are those of Envoy's istio_stats filter. */
import { parseIdentity } from '../../pki/spiffe.ts';
import type { ConnectionFacts, PeerMetadata, Reporter, UpstreamFacts } from '../outcome.ts';
import type { WorkloadFacts } from '../bootstrap/settings.ts';

export const ISTIO_LABELS = [
  'reporter',
  'source_workload', 'source_canonical_service', 'source_canonical_revision', 'source_workload_namespace', 'source_principal', 'source_app', 'source_version', 'source_cluster',
  'destination_workload', 'destination_workload_namespace', 'destination_principal', 'destination_app', 'destination_version',
  'destination_service', 'destination_canonical_service', 'destination_canonical_revision', 'destination_service_name', 'destination_service_namespace', 'destination_cluster',
  'request_protocol', 'response_flags', 'connection_security_policy', 'response_code', 'grpc_response_status',
] as const;

export interface LabelFacts {
  readonly reporter: Reporter;
  readonly connection: ConnectionFacts;
  readonly upstream: UpstreamFacts | undefined;
  /** The other side's metadata: of the client at the destination, of the server at the source. */
  readonly peer: PeerMetadata | undefined;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly flags: readonly string[];
  /** Undefined for TCP. */
  readonly responseCode: number | undefined;
  readonly grpcStatus: number | undefined;
  /** Host header, where it may stand in for an unknown service: at the source, not at gateways. */
  readonly authority: string | undefined;
}

/** Clusters that stand for traffic without a service. */
const NAMELESS: ReadonlySet<string> = new Set(['BlackHoleCluster', 'PassthroughCluster', 'AllowAnyDynamicDNSCluster', 'InboundPassthroughCluster', 'InboundPassthroughClusterIpv4', 'InboundPassthroughClusterIpv6']);
const UNKNOWN = 'unknown';
const known = (value: string | undefined): string => value || UNKNOWN;

/** Values in the order of ISTIO_LABELS. */
export function istioLabelValues(facts: LabelFacts, own: WorkloadFacts): string[] {
  const isSource = facts.reporter === 'source';
  const peerPrincipal = isSource ? facts.upstream?.peer : facts.connection.downstreamPeer;
  const ownPrincipal = isSource ? facts.upstream?.own : facts.connection.downstreamOwn;
  const peerNamespace = (peerPrincipal ? parseIdentity(peerPrincipal)?.namespace : undefined) ?? facts.peer?.namespace;
  const us = side({ workload: own.workload, canonicalName: own.canonicalName, canonicalRevision: own.canonicalRevision, app: own.app, version: own.version, cluster: own.clusterId }, own.namespace, ownPrincipal);
  const them = side(facts.peer ?? {}, peerNamespace, peerPrincipal);
  const [source, destination] = isSource ? [us, them] : [them, us];
  const service = destinationService(facts, own);
  const isMutual = Boolean(facts.connection.downstreamPeer && facts.connection.downstreamOwn);
  return [
    facts.reporter,
    source.workload, source.canonicalName, source.canonicalRevision, source.namespace, source.principal, source.app, source.version, source.cluster,
    destination.workload, destination.namespace, destination.principal, destination.app, destination.version,
    service.host, destination.canonicalName, destination.canonicalRevision, service.name, service.namespace ?? destination.namespace, destination.cluster,
    facts.protocol,
    facts.flags.length === 0 ? '-' : facts.flags.join(','),
    isSource ? UNKNOWN : isMutual ? 'mutual_tls' : 'none',
    facts.responseCode === undefined ? '' : String(facts.responseCode),
    facts.grpcStatus === undefined ? '' : String(facts.grpcStatus),
  ];
}

const side = (metadata: PeerMetadata, namespace: string | undefined, principal: string | undefined) => ({
  workload: known(metadata.workload),
  namespace: known(namespace),
  principal: known(principal),
  app: known(metadata.app),
  version: known(metadata.version),
  canonicalName: known(metadata.canonicalName),
  canonicalRevision: metadata.canonicalRevision || 'latest',
  cluster: known(metadata.cluster),
});

function destinationService(facts: LabelFacts, own: WorkloadFacts): { host: string; name: string; namespace: string | undefined } {
  const destination = facts.upstream?.destination;
  const fallback = facts.reporter === 'destination' ? own.canonicalName : facts.authority;
  const namespace = facts.reporter === 'destination' ? own.namespace : destination?.serviceNamespace || undefined;
  if (destination && NAMELESS.has(destination.cluster)) return { host: known(fallback), name: destination.cluster, namespace };
  if (!destination?.serviceHost) return { host: known(fallback), name: known(fallback), namespace };
  const dot = destination.serviceHost.indexOf('.');
  const firstLabel = dot < 0 ? destination.serviceHost : destination.serviceHost.slice(0, dot);
  return { host: destination.serviceHost, name: destination.serviceName || firstLabel, namespace };
}
