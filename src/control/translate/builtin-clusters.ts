import { create } from '@bufbuild/protobuf';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { httpOptions, OVER_HTTP2, thresholds, type UpstreamHttp } from './upstream-http.ts';
import type { Context } from './context.ts';
import { dynamicDiscovery } from './dynamic-hosts.ts';
import { headerCase, type HeaderCase } from './header-case.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';
import { BLACKHOLE_CLUSTER, DYNAMIC_DNS_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, MESH_PASSTHROUGH_CLUSTER, PASSTHROUGH_CLUSTER } from './names.ts';
import { meshClientSocket, originatedSocket } from './tls.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/** From this address a sidecar calls its own application: capture rules let it pass, so that nothing loops. */
export const LOOP_FREE_ADDRESS = '127.0.0.6';

/** Where traffic goes that belongs to no known service: to whom it was meant for (with mutual TLS when that is a workload of
 * the mesh that a scope hides), or nowhere. */
export function passthroughClusters(context: Context): Cluster[] {
  const mesh = context.settings.config;
  return [
    create(ClusterSchema, { ...originalDestination(PASSTHROUGH_CLUSTER, 'same', mesh), ...spoken('same', headerCase(context)) }),
    create(ClusterSchema, { ...originalDestination(MESH_PASSTHROUGH_CLUSTER, 'none', mesh), transportSocket: meshClientSocket({ sni: '', payload: 'tcp', identities: [] }) }),
    ...(mesh.outboundTrafficPolicy.mode === 'ALLOW_ANY_DYNAMIC_DNS' ? [dynamicDnsCluster(context)] : []),
    create(ClusterSchema, { name: BLACKHOLE_CLUSTER, connectTimeout: connectTimeout(mesh), clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC } }),
  ];
}

export const inboundPassthroughCluster = (context: Context): Cluster =>
  create(ClusterSchema, { ...originalDestination(INBOUND_PASSTHROUGH_CLUSTER, 'same', context.settings.config), ...spoken('same', headerCase(context)), ...boundToLoopback() });

/** For requests whose host is nobody's: it is looked up when it is called, and asked for by TLS when the mesh says so. */
function dynamicDnsCluster(context: Context): Cluster {
  const { config } = context.settings;
  const { tls } = config.outboundTrafficPolicy;
  const originated = tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL' ? tls : undefined;
  return create(ClusterSchema, {
    name: DYNAMIC_DNS_CLUSTER,
    connectTimeout: connectTimeout(config),
    ...thresholds(undefined),
    ...(originated ? { transportSocket: originatedSocket(originated, { host: '*', isHttp2: false, subjectAltNames: [], defaults: config.tlsDefaults }) } : {}),
    ...httpOptions({ http: 'same', originated, filters: [], headerCase: headerCase(context) }),
    ...dynamicDiscovery(),
  });
}

/** A cluster that calls the address that the caller dialled. */
export function originalDestination(name: string, http: UpstreamHttp, mesh: MeshConfig): ClusterInit {
  return {
    name,
    connectTimeout: connectTimeout(mesh),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    circuitBreakers: { thresholds: [{ maxConnections: 4_294_967_295, maxPendingRequests: 4_294_967_295, maxRequests: 4_294_967_295, maxRetries: 4_294_967_295, trackRemaining: true }] },
    ...spoken(http),
  };
}

export const boundToLoopback = (): ClusterInit => ({
  upstreamBindConfig: { sourceAddress: { address: LOOP_FREE_ADDRESS, portSpecifier: { case: 'portValue', value: 0 } } },
});

export const connectTimeout = (mesh: MeshConfig) => durationOf(mesh.connectTimeout) ?? durationMs(10_000);

/** The HTTP versions that the application is spoken to. */
export function spoken(http: UpstreamHttp, headerKeyFormat?: HeaderCase): ClusterInit {
  if (http === 'none' || (http === 'http1' && headerKeyFormat === undefined)) return {};
  const options = pack(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions:
      http === 'same'
        ? { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: { headerKeyFormat }, http2ProtocolOptions: OVER_HTTP2 } }
        : { case: 'explicitHttpConfig', value: { protocolConfig: http === 'http2' ? { case: 'http2ProtocolOptions', value: OVER_HTTP2 } : { case: 'httpProtocolOptions', value: { headerKeyFormat } } } },
  });
  return { typedExtensionProtocolOptions: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options } };
}
