/** Clusters behind AUTO_PASSTHROUGH: named as mesh clients name what they want in SNI, without TLS of the gateway's own. */
import { create } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { clusterPolicy } from './cluster-policy.ts';
import type { Context } from './context.ts';
import { effectivePolicy } from './effective-policy.ts';
import { meshSni } from './names.ts';
import type { ClusterPlan } from './outbound-clusters.ts';
import { adsSource } from './tls.ts';

/** @returns undefined of services without endpoints in the mesh */
export function buildSniCluster(plan: ClusterPlan, context: Context): Cluster | undefined {
  const { service, port, subset, policy } = plan;
  if (service.resolution !== 'endpoints' || service.isMeshExternal) return undefined;
  const effective = effectivePolicy(policy, port.port, subset);
  return create(ClusterSchema, {
    ...clusterPolicy(effective, { http: 'none', filters: [], mesh: context.settings.config }),
    name: meshSni({ port: port.port, subset, host: service.host }),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: adsSource(), serviceName: plan.name },
    metadata: { filterMetadata: { istio: { services: [{ host: service.host, name: service.name, namespace: service.namespace }] } } },
  });
}
