import { create } from '@bufbuild/protobuf';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, Cluster_LbPolicy, ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { HostPolicy } from '../registry/destination-rules.ts';
import { isHttp, isTls, type MeshService, type ServicePort } from '../registry/model.ts';
import { acceptsMutualTls } from '../registry/policies.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { introduction } from './agent.ts';
import { clusterPolicy } from './cluster-policy.ts';
import { hostPolicy, type Context } from './context.ts';
import { dynamicDiscovery } from './dynamic-hosts.ts';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.ts';
import { buildAssignment, subsetEndpoints } from './endpoints.ts';
import { headerCase } from './header-case.ts';
import { durationMs, durationOf, type Init } from './message.ts';
import { configPath, outboundCluster } from './names.ts';
import { adsSource, DETECTED } from './tls.ts';
import { upstreamHttp, type UpstreamHttp } from './upstream-http.ts';
import { security } from './upstream-security.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/** One cluster to be made: everything that it depends on. */
export interface ClusterPlan {
  readonly name: string;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly subset?: string;
  readonly policy?: HostPolicy;
  readonly accounts: readonly string[];
  /** Only where the address that the caller dialled is called: whether mutual TLS is spoken there. */
  readonly speaksMutualTls?: boolean;
}

/** A cluster for each port of a service, and one for each subset on each port. UDP is not proxied. */
export function planClusters(context: Context, service: MeshService): ClusterPlan[] {
  if (service.resolution === 'alias') return [];
  const policy = hostPolicy(context, service);
  const accounts = context.snapshot.endpoints.get(service.key)?.accounts ?? [];
  const { host } = service;
  return service.ports
    .filter((port) => port.protocol !== 'UDP' && context.scope.reaches(service, port.port))
    .flatMap((port) =>
      [undefined, ...(policy?.subsets ?? []).map((s) => s.name)].map((subset) => {
        const plan: ClusterPlan = { name: outboundCluster({ port: port.port, subset, host }), service, port, subset, policy, accounts };
        return keepsAddress(plan, context) ? { ...plan, speaksMutualTls: allSpeakMutualTls(plan, context.snapshot) } : plan;
      }),
    );
}

/** The service has no address of its own, or the policy says PASSTHROUGH. */
function keepsAddress({ service, port, subset, policy }: ClusterPlan, context: Context): boolean {
  if (context.proxy.kind !== 'sidecar') return false;
  return service.resolution === 'passthrough' || effectivePolicy(policy, port.port, subset).loadBalancer?.simple === 'PASSTHROUGH';
}

function allSpeakMutualTls(plan: ClusterPlan, snapshot: MeshSnapshot): boolean {
  const { peerAuthentications, settings } = snapshot;
  const endpoints = subsetEndpoints(plan, snapshot);
  return endpoints.length > 0 && endpoints.every((endpoint) => acceptsMutualTls(endpoint, peerAuthentications, settings.config.rootNamespace));
}

export function buildOutboundCluster(plan: ClusterPlan, context: Context): Cluster {
  const { port, subset, policy } = plan;
  const { config } = context.settings;
  const effective = effectivePolicy(policy, port.port, subset);
  const http = upstreamHttp(port, effective.connectionPool, config);
  // Nobody outside the mesh is told who calls.
  if (plan.service.resolution === 'dynamic-dns' && !isHttp(port.protocol) && !isTls(port.protocol)) reportNameless(plan, context);
  const filters = plan.service.isMeshExternal || http === 'none' ? [] : introduction(context.proxy);
  const base = clusterPolicy(effective, { http, filters, mesh: config, headerCase: http === 'none' ? undefined : headerCase(context) });
  return create(ClusterSchema, {
    ...base,
    ...discovery(plan, base, context),
    ...security({ plan, effective, http, context }),
    name: plan.name,
    metadata: { filterMetadata: { istio: { ...clusterMetadata(plan), ...payload(effective, http) } } },
  });
}

/** What is neither HTTP nor TLS names nobody. */
function reportNameless({ service, port }: ClusterPlan, context: Context): void {
  for (const name of service.entries) context.report({ kind: 'ServiceEntry', namespace: service.namespace, name, field: 'spec.resolution', reason: `connections to port ${port.port} (${port.name}) carry no name that could be looked up: declare it as HTTP or TLS, or use DNS or NONE` });
}

function clusterMetadata({ service, port, subset, policy }: ClusterPlan) {
  return {
    ...(policy ? { config: configPath('destination-rule', policy) } : {}),
    ...(subset ? { subset } : {}),
    default_original_port: port.port,
    services: [{ host: service.host, name: service.name, namespace: service.namespace }],
  };
}

/** Servers of the mesh are told by ALPN what they are sent where only the request says it. */
function payload({ tls }: EffectivePolicy, http: UpstreamHttp): { payload?: string } {
  return http === 'same' && (tls?.mode === undefined || tls.mode === 'ISTIO_MUTUAL') ? { payload: DETECTED } : {};
}

/** How the hosts are found. Nobody dials a service through a gateway, so that there is no address to keep there. */
function discovery(plan: ClusterPlan, base: ClusterInit, context: Context): ClusterInit {
  const { service, name } = plan;
  const lbPolicy = base.lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED ? Cluster_LbPolicy.LEAST_REQUEST : base.lbPolicy;
  if (keepsAddress(plan, context)) {
    return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED, lbConfig: undefined, commonLbConfig: {} };
  }
  if (service.resolution === 'dynamic-dns') return dynamicDiscovery();
  if (service.resolution === 'dns' || service.resolution === 'dns-round-robin') {
    return {
      lbPolicy,
      clusterDiscoveryType: { case: 'type', value: service.resolution === 'dns' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS },
      dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
      dnsRefreshRate: durationOf(context.settings.config.dnsRefreshRate) ?? durationMs(60_000),
      respectDnsTtl: true,
      loadAssignment: buildAssignment(plan, context),
    };
  }
  return { lbPolicy, clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS }, edsClusterConfig: { edsConfig: adsSource(), serviceName: name } };
}
