/** For tests: the cluster that a DestinationRule makes of a service. */
import assert from 'node:assert/strict';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { TransportSocket } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { UpstreamTlsContextSchema, type UpstreamTlsContext } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema, type HttpProtocolOptions } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { MeshConfig } from '../../api/mesh-config.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Context } from './context.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';
import { contextFor, type TestProxy } from './testing/context.ts';

export const SHOP = 'shop.default.svc.cluster.local';
const PORTS = { http: 80, http2: 81, tcp: 82, auto: 83 } as const;

export interface RuleCase {
  /** Fields of the spec besides the host. */
  readonly spec?: string;
  readonly port?: keyof typeof PORTS;
  readonly subset?: string;
  readonly mesh?: Partial<MeshConfig>;
  readonly who?: TestProxy;
  /** More objects. */
  readonly yaml?: string;
  /** `None` for a headless service. */
  readonly clusterIp?: string;
  readonly host?: string;
}

export function contextOf({ spec, mesh, who, yaml = '', clusterIp = '10.1.0.1', host = 'shop' }: RuleCase): { context: Context; reports: LeftOut[] } {
  const service = `
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec: {clusterIP: ${clusterIp}, selector: {app: shop}, ports: [{name: http, port: 80}, {name: http2-x, port: 81}, {name: tcp-x, port: 82}, {name: x, port: 83}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-v1, namespace: default}
spec: {replicas: 2, template: {metadata: {labels: {app: shop, version: v1}}, spec: {serviceAccountName: shop, containers: []}}}
`;
  const rule = spec === undefined ? '' : `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule, namespace: default}
spec: {host: ${host}, ${spec}}
`;
  const reports: LeftOut[] = [];
  return { context: { ...contextFor(service + rule + yaml, who, { config: mesh }), report: (object) => void reports.push(object) }, reports };
}

export function clusterOf(of: RuleCase): Cluster {
  const { context } = contextOf(of);
  return clusterIn(context, of);
}

export function clusterIn(context: Context, { port = 'http', subset, host = SHOP }: RuleCase): Cluster {
  const service = context.scope.byHost.get(host.includes('.') ? host : SHOP);
  assert.ok(service);
  const plan = planClusters(context, service).find((p) => p.port.port === PORTS[port] && p.subset === subset);
  assert.ok(plan);
  return buildOutboundCluster(plan, context);
}

export function httpOptionsOf(cluster: Cluster): HttpProtocolOptions | undefined {
  const any = cluster.typedExtensionProtocolOptions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
  return any && anyUnpack(any, HttpProtocolOptionsSchema);
}

export function tlsOf(socket: TransportSocket | undefined): UpstreamTlsContext | undefined {
  return socket?.configType.case === 'typedConfig' ? anyUnpack(socket.configType.value, UpstreamTlsContextSchema) : undefined;
}
