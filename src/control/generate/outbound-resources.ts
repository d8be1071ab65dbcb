/** Clusters of one service as a client sees it, and their endpoints. Made once for all clients for which they come out alike:
 * keys and dependencies tell everything that they are made from. */
import { create } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { encodeNameTable } from '../../xds/name-table.ts';
import { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { labelSignature, type LabelTerms } from '../registry/label-terms.ts';
import { isHeadless, serviceOrigins, type MeshService } from '../registry/model.ts';
import { hostPolicy, type Context } from '../translate/context.ts';
import { buildAssignment } from '../translate/endpoints.ts';
import { keepsHeaderCase } from '../translate/header-case.ts';
import { localityText } from '../translate/locality.ts';
import { serviceNames } from '../translate/name-table.ts';
import { parseCluster } from '../translate/names.ts';
import { buildOutboundCluster, planClusters } from '../translate/outbound-clusters.ts';
import { buildSniCluster } from '../translate/sni-clusters.ts';
import { encode } from './encode.ts';
import type { Made, Workshop } from './workshop.ts';

export function serviceClusters(service: MeshService, context: Context, workshop: Workshop): Made[] {
  const { settings, proxy } = context;
  return planClusters(context, service).map((plan) => {
    const isDns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
    const endpoints = isDns ? context.snapshot.endpoints.get(service.key) : undefined;
    const key = `cluster ${proxy.kind} ${keepsHeaderCase(context) ? 'cased' : ''} ${proxy.outcomes ?? ''} ${plan.name} ${service.key} ${plan.policy?.namespace}/${plan.policy?.name} ${isDns ? localityText(proxy.locality) : ''}`;
    const origins = [...serviceOrigins(service), ...(plan.policy?.origins ?? [])];
    return workshop.make(key, [service, plan.policy, settings, plan.accounts.join(), plan.speaksMutualTls, endpoints], { kind: 'Service', namespace: service.namespace, name: service.name, origins }, () => {
      const cluster = buildOutboundCluster(plan, context);
      return encode(ClusterSchema, cluster.name, cluster, { origins, ...(isEds(cluster) ? { needsEndpoints: cluster.name } : {}) });
    });
  });
}

/** What AUTO_PASSTHROUGH leads to; the endpoints are those of the ordinary clusters. */
export function sniClusters(service: MeshService, context: Context, workshop: Workshop): Made[] {
  return planClusters(context, service).map((plan) => {
    const origins = [...serviceOrigins(service), ...(plan.policy?.origins ?? [])];
    return workshop.make(`sni ${plan.name} ${service.key} ${plan.policy?.namespace}/${plan.policy?.name}`, [service, plan.policy, context.settings], { kind: 'Service', namespace: service.namespace, name: service.name, origins }, () => {
      const cluster = buildSniCluster(plan, context);
      return cluster && encode(ClusterSchema, cluster.name, cluster, { origins, needsEndpoints: plan.name });
    });
  });
}

const isEds = ({ clusterDiscoveryType: type }: Cluster): boolean => type.case === 'type' && type.value === Cluster_DiscoveryType.EDS;

/** @param name of an EDS cluster of the service */
export function clusterEndpoints(name: string, service: MeshService, by: { context: Context; terms: LabelTerms; workshop: Workshop }): Made {
  const { context, terms, workshop } = by;
  const { proxy, settings, snapshot } = context;
  const at = parseCluster(name);
  const policy = hostPolicy(context, service);
  const endpoints = snapshot.endpoints.get(service.key);
  const origins = [...serviceOrigins(service), ...(policy?.origins ?? []), ...(endpoints?.origins ?? [])];
  const key = `endpoints ${name} ${service.key} ${localityText(proxy.locality)} ${proxy.clusterId} ${policy?.namespace}/${policy?.name} ${labelSignature(terms, context.labels)}`;
  const made = workshop.make(key, [service, endpoints, policy, snapshot.peerAuthentications, settings], { kind: 'Service', namespace: service.namespace, name: service.name, origins }, () => {
    const plan = { name, service, port: { port: at?.port ?? 0 }, subset: at?.subset || undefined, policy };
    return encode(ClusterLoadAssignmentSchema, name, buildAssignment(plan, context), { origins });
  });
  return made.resource ? made : { ...made, resource: noEndpoints(name) };
}

/** The names by which a sidecar's workload finds the service, when the sidecar answers its questions. */
export function serviceNameTable(service: MeshService, context: Context, workshop: Workshop): Made {
  const { proxy, snapshot } = context;
  const pods = isHeadless(service) ? snapshot.endpoints.get(service.key) : undefined;
  const key = `names ${service.key} ${proxy.answersDns} ${proxy.address.includes(':')}`;
  return workshop.make(key, [service, pods], { kind: 'Service', namespace: service.namespace, name: service.name }, () => {
    const table = serviceNames(service, context);
    return table.size > 0 ? new EncodedResource(TypeUrl.NameTable, service.host, encodeNameTable(table), { origins: serviceOrigins(service) }) : undefined;
  });
}

/** So that nobody waits for endpoints that there are not. */
export const noEndpoints = (name: string): EncodedResource => encode(ClusterLoadAssignmentSchema, name, create(ClusterLoadAssignmentSchema, { clusterName: name }));
