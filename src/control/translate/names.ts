/** Names of the resources that proxies get. They are Istio's: tools, dashboards and people rely on them. */
import type { JsonObject } from '@bufbuild/protobuf';
import { parseOrigin, type Origin } from '../registry/origin.ts';

export const PASSTHROUGH_CLUSTER = 'PassthroughCluster';
/** As the first, but with mutual TLS: for workloads of the mesh that a scope hides. */
export const MESH_PASSTHROUGH_CLUSTER = 'MeshPassthroughCluster';
/** Looks up the host of each request. Istio: outboundTrafficPolicy.mode ALLOW_ANY_DYNAMIC_DNS. */
export const DYNAMIC_DNS_CLUSTER = 'AllowAnyDynamicDNSCluster';
export const BLACKHOLE_CLUSTER = 'BlackHoleCluster';
export const INBOUND_PASSTHROUGH_CLUSTER = 'InboundPassthroughCluster';
export const VIRTUAL_OUTBOUND = 'virtualOutbound';
export const VIRTUAL_INBOUND = 'virtualInbound';

/** `outbound|9080|v1|reviews.default.svc.cluster.local` */
export const outboundCluster = (at: { port: number; subset?: string; host: string }): string => `outbound|${at.port}|${at.subset ?? ''}|${at.host}`;
/** `inbound|9080||` */
export const inboundCluster = (port: number): string => `inbound|${port}||`;

/** The parts of `outbound|PORT|SUBSET|HOST`. */
export function parseCluster(name: string): { direction: string; port: number; subset: string; host: string } | undefined {
  const [direction, port, subset, host] = name.split('|');
  if (direction === undefined || subset === undefined || host === undefined) return undefined;
  return { direction, port: Number(port), subset, host };
}

/** SNI by which a mesh client says whom it means: `outbound_.9080_.v1_.reviews.default.svc.cluster.local`. */
export const meshSni = (at: { port: number; subset?: string; host: string }): string => `outbound_.${at.port}_.${at.subset ?? ''}_.${at.host}`;

/** Where an object can be read from the API server; shown by tools beside what was made of it. */
export const configPath = (kind: string, at: { namespace: string; name: string }): string =>
  `/apis/${GROUPS[kind] ?? 'networking'}.istio.io/v1/namespaces/${at.namespace}/${kind}/${at.name}`;

/** Of kinds outside of `networking`. */
const GROUPS: Readonly<Record<string, string>> = { 'authorization-policy': 'security', 'peer-authentication': 'security', 'request-authentication': 'security', telemetry: 'telemetry' };

/** Metadata that names the object behind a resource. */
export const configMetadata = (kind: string, at: { namespace: string; name: string }): { filterMetadata: Record<string, JsonObject> } => ({
  filterMetadata: { istio: { config: configPath(kind, at) } },
});

/** The same of several objects, of any kinds: joined by commas. */
export function originMetadata(origins: readonly Origin[]): { filterMetadata: Record<string, JsonObject> } {
  const paths = origins.map((origin) => {
    const { kind, ...at } = parseOrigin(origin);
    return configPath(kind.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase(), at);
  });
  return { filterMetadata: paths.length === 0 ? {} : { istio: { config: paths.join(',') } } };
}
