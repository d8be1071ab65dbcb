import { create } from '@bufbuild/protobuf';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, Cluster_LbPolicy, ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { HostPolicy } from '../registry/destination-rules.ts';
import { introduction } from './agent.ts';
import { isDetected, isHeadless, isHttp, isHttp2, type MeshService, type ServicePort } from '../registry/model.ts';
import { clusterPolicy, type UpstreamHttp } from './cluster-policy.ts';
import { hostPolicy, identitiesOf, type Context } from './context.ts';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.ts';
import { buildAssignment } from './endpoints.ts';
import { durationMs, durationOf, type Init } from './message.ts';
import { configPath, meshSni, outboundCluster } from './names.ts';
import { adsSource, meshClientSocket, originatedSocket, plaintextSocket, type Payload } from './tls.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/** One cluster to be made: everything that it depends on. */
export interface ClusterPlan {
  readonly name: string;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly subset?: string;
  readonly policy?: HostPolicy;
  readonly accounts: readonly string[];
}

/** A cluster for each port of a service, and one for each subset on each port. UDP is not proxied. */
export function planClusters(context: Context, service: MeshService): ClusterPlan[] {
  if (service.resolution === 'alias') return [];
  const policy = hostPolicy(context, service);
  const accounts = context.snapshot.endpoints.get(service.key)?.accounts ?? [];
  const { host } = service;
  return service.ports
    .filter((port) => port.protocol !== 'UDP' && context.scope.allows(service, port.port))
    .flatMap((port) =>
      [undefined, ...(policy?.subsets ?? []).map((s) => s.name)].map((subset) => ({ name: outboundCluster({ port: port.port, subset, host }), service, port, subset, policy, accounts })),
    );
}

export function buildOutboundCluster(plan: ClusterPlan, context: Context): Cluster {
  const { port, subset, policy } = plan;
  const effective = effectivePolicy(policy, port.port, subset);
  const http = upstreamHttp(port);
  // Nobody outside the mesh is told who calls.
  const filters = plan.service.isMeshExternal || http === 'none' ? [] : introduction(context.proxy);
  const base = clusterPolicy(effective, http, context.settings.config, filters);
  return create(ClusterSchema, {
    ...base,
    ...discovery(plan, base, context),
    ...security(plan, effective, context),
    name: plan.name,
    metadata: { filterMetadata: { istio: clusterMetadata(plan) } },
  });
}

function clusterMetadata({ service, port, subset, policy }: ClusterPlan) {
  return {
    ...(policy ? { config: configPath('destination-rule', policy) } : {}),
    ...(subset ? { subset } : {}),
    default_original_port: port.port,
    services: [{ host: service.host, name: service.name, namespace: service.namespace }],
  };
}

function upstreamHttp(port: ServicePort): UpstreamHttp {
  if (isHttp2(port.protocol)) return 'http2';
  if (isHttp(port.protocol)) return 'http1';
  return isDetected(port.protocol) ? 'same' : 'none';
}

/** The address that the caller dialled; also what gateways cannot do, since nobody dialled a service through them. */
export function isPassthrough(service: MeshService, context: Pick<Context, 'proxy'>): boolean {
  return service.resolution === 'passthrough' && context.proxy.kind === 'sidecar';
}

function discovery(plan: ClusterPlan, base: ClusterInit, context: Context): ClusterInit {
  const { service, name } = plan;
  if (base.clusterDiscoveryType?.case === 'type') return {};
  if (isPassthrough(service, context)) {
    return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED, lbConfig: undefined, commonLbConfig: {} };
  }
  if (service.resolution === 'dns' || service.resolution === 'dns-round-robin') {
    return {
      clusterDiscoveryType: { case: 'type', value: service.resolution === 'dns' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS },
      dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
      dnsRefreshRate: durationOf(context.settings.config.dnsRefreshRate) ?? durationMs(60_000),
      respectDnsTtl: true,
      loadAssignment: buildAssignment(plan, context),
    };
  }
  return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS }, edsClusterConfig: { edsConfig: adsSource(), serviceName: name } };
}

/** What is asked for, or else mutual TLS with those endpoints that are marked as speaking it. Istio: auto mTLS. */
function security(plan: ClusterPlan, effective: EffectivePolicy, context: Context): ClusterInit {
  const { service, port, subset, accounts } = plan;
  const { tls } = effective;
  const { config } = context.settings;
  const at = { port: port.port, subset, host: service.host };
  if (tls?.mode === 'DISABLE') return {};
  if (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') {
    return { transportSocket: originatedSocket(tls, { host: service.host, isHttp2: isHttp2(port.protocol), subjectAltNames: service.subjectAltNames }) };
  }
  const named = tls?.subjectAltNames && tls.subjectAltNames.length > 0 ? tls.subjectAltNames : service.subjectAltNames;
  const identities = named.length > 0 ? named : identitiesOf(accounts, context.settings);
  const socket = meshClientSocket({ sni: tls?.sni || meshSni(at), payload: payload(port), identities });
  if (tls?.mode === 'ISTIO_MUTUAL') return { transportSocket: socket };
  if (config.enableAutoMtls === false || service.isMeshExternal) return {};
  // Where the caller chooses the host there is nothing to tell hosts apart by: all of them, or none. Istio: the same.
  if (isPassthrough(service, context)) return isHeadless(service) && port.mutualTls === 'all' ? { transportSocket: socket } : {};
  return {
    transportSocketMatches: [
      { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: socket },
      { name: 'tlsMode-disabled', match: {}, transportSocket: plaintextSocket() },
    ],
  };
}

function payload(port: ServicePort): Payload {
  if (isHttp2(port.protocol)) return 'http2';
  return isHttp(port.protocol) ? 'http1' : 'tcp';
}
