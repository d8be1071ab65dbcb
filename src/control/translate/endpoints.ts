import { create } from '@bufbuild/protobuf';
import { HealthStatus } from '../../xds/generated/envoy/config/core/v3/health_check_pb.js';
import type { ClusterLoadAssignment } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import type { LbEndpointSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_components_pb.js';
import type { HostPolicy } from '../registry/destination-rules.ts';
import type { Endpoint, Locality, MeshService } from '../registry/model.ts';
import { acceptsMutualTls } from '../registry/policies.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { labelsMatch } from '../registry/visibility.ts';
import { effectivePolicy } from './effective-policy.ts';
import { priorities } from './locality.ts';
import type { Init } from './message.ts';

/** What endpoints of one cluster depend on. */
export interface AssignmentPlan {
  readonly name: string;
  readonly service: MeshService;
  readonly port: { readonly port: number };
  readonly subset?: string;
  readonly policy?: HostPolicy;
}

/** The part of a proxy that decides which endpoints are near. */
export interface AssignmentClient {
  readonly snapshot: MeshSnapshot;
  readonly proxy: { readonly locality: Locality; readonly clusterId: string };
  readonly labels: Readonly<Record<string, string>>;
}

/** The endpoints of a cluster for a client: those of the subset, grouped by locality, nearest first when failover is on. */
export function buildAssignment(plan: AssignmentPlan, client: AssignmentClient): ClusterLoadAssignment {
  const { port, subset, policy } = plan;
  const effective = effectivePolicy(policy, port.port, subset);
  const groups = priorities(subsetEndpoints(plan, client.snapshot), client, { effective, mesh: client.snapshot.settings.config, prefersNear: plan.service.prefersNear });
  return create(ClusterLoadAssignmentSchema, {
    clusterName: plan.name,
    endpoints: groups.map((group) => ({
      locality: { region: group.locality.region, zone: group.locality.zone, subZone: group.locality.subzone },
      priority: group.priority,
      loadBalancingWeight: group.weight,
      lbEndpoints: group.endpoints.map((endpoint) => lbEndpoint(endpoint, client)),
    })),
  });
}

/** Of a subset that no policy defines: none. */
export function subsetEndpoints({ service, port, subset, policy }: AssignmentPlan, snapshot: MeshSnapshot): readonly Endpoint[] {
  const all = snapshot.endpoints.get(service.key)?.byPort.get(port.port) ?? [];
  if (subset === undefined) return all;
  const defined = policy?.subsets.find((s) => s.name === subset);
  return defined ? all.filter((e) => labelsMatch(defined.labels, e.labels)) : [];
}

function lbEndpoint(endpoint: Endpoint, client: AssignmentClient): Init<typeof LbEndpointSchema> {
  const { peerAuthentications, settings } = client.snapshot;
  const speaksTls = acceptsMutualTls(endpoint, peerAuthentications, settings.config.rootNamespace);
  const { address, port } = endpoint;
  const isSocket = address.startsWith('unix://');
  return {
    hostIdentifier: {
      case: 'endpoint',
      value: {
        address: isSocket
          ? { address: { case: 'pipe', value: { path: address.slice('unix://'.length) } } }
          : { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } },
      },
    },
    healthStatus: HealthStatus.HEALTHY,
    loadBalancingWeight: endpoint.weight > 0 ? endpoint.weight : 1,
    metadata: {
      filterMetadata: {
        ...(speaksTls ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {}),
        istio: { workload: workloadText(endpoint, client.proxy.clusterId) },
      },
    },
  };
}

/** `name;namespace;canonical-name;canonical-revision;cluster`: what telemetry reports of the peer. */
export function workloadText(endpoint: Pick<Endpoint, 'labels' | 'workloadName' | 'namespace'>, clusterId: string): string {
  const { labels, workloadName, namespace } = endpoint;
  return [workloadName, namespace, canonicalName(labels, workloadName), canonicalRevision(labels), clusterId].join(';');
}

export const canonicalName = (labels: Readonly<Record<string, string>>, fallback: string): string =>
  labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? fallback;

export const canonicalRevision = (labels: Readonly<Record<string, string>>): string =>
  labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest';
