import { create } from '@bufbuild/protobuf';
import type { ConnectionPool } from '../../api/common/connection-pool.ts';
import { Cluster_DiscoveryType, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { isDetected, isHttp, isHttp2 } from '../registry/model.ts';
import { boundToLoopback, connectTimeout, originalDestination, spoken } from './builtin-clusters.ts';
import { hostPolicy, type Context } from './context.ts';
import { effectivePolicy } from './effective-policy.ts';
import type { InboundPort } from './inbound-services.ts';
import { headerCase } from './header-case.ts';
import type { Init } from './message.ts';
import { inboundCluster } from './names.ts';
import { keepalive, thresholds } from './upstream-http.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/** The application behind one port: at the address that the caller dialled, called from an address that capture lets pass; or on the
 * loopback, where the mesh says so. Istio: MeshConfig.inboundTrafficPolicy. */
export function buildInboundCluster(port: InboundPort, context: Context): Cluster {
  const { config } = context.settings;
  const name = inboundCluster(port.port);
  const http = isHttp2(port.protocol) ? 'http2' : isHttp(port.protocol) ? 'http1' : isDetected(port.protocol) ? 'same' : 'none';
  const { service } = port;
  const metadata = service
    ? { metadata: { filterMetadata: { istio: { services: [{ host: service.host, name: service.name, namespace: service.namespace }] } } } }
    : {};
  const endpoint = port.endpoint ?? (config.inboundTrafficPolicy.mode === 'LOCALHOST' ? `127.0.0.1:${port.port}` : undefined);
  const base = endpoint === undefined ? { ...originalDestination(name, http, config), ...boundToLoopback() } : fixed(name, endpoint, context);
  return create(ClusterSchema, { ...base, ...spoken(http, headerCase(context)), ...limits(port, context), ...metadata });
}

/** `127.0.0.1:8080`, `0.0.0.0:8080` (the pod's own address) or `unix:///path`. */
function fixed(name: string, endpoint: string, context: Context): ClusterInit {
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon);
  const address = endpoint.startsWith('unix://')
    ? { address: { case: 'pipe' as const, value: { path: endpoint.slice('unix://'.length) } } }
    : { address: { case: 'socketAddress' as const, value: { address: host === '0.0.0.0' ? context.proxy.address : host, portSpecifier: { case: 'portValue' as const, value: Number(endpoint.slice(colon + 1)) } } } };
  return {
    name,
    connectTimeout: connectTimeout(context.settings.config),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address } } }] }] },
    ...(host === '0.0.0.0' ? boundToLoopback() : {}),
  };
}

/** Connection limits that the Sidecar object, or a DestinationRule of the workload's own namespace, sets for the service. */
function limits(port: InboundPort, context: Context): ClusterInit {
  const pool = poolFor(port, context);
  if (!pool) return {};
  return { ...thresholds(pool), ...keepalive(pool, context.settings.config) };
}

function poolFor(port: InboundPort, context: Context): ConnectionPool | undefined {
  const { sidecar } = context.scope;
  const ingress = sidecar?.spec?.ingress?.find((i) => i.port.number === port.port)?.connectionPool;
  if (ingress ?? sidecar?.spec?.inboundConnectionPool) return ingress ?? sidecar?.spec?.inboundConnectionPool;
  return port.service ? effectivePolicy(hostPolicy(context, port.service), port.servicePort).connectionPool : undefined;
}
