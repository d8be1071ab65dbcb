/** Pieces that listeners of all positions share. */
import type { MeshConfig } from '../../api/mesh-config.ts';
import { TrafficDirection } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { FilterChainSchema, ListenerFilterSchema } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { HttpInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '../../xds/generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { ProxyProtocolSchema } from '../../xds/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import { TlsInspectorSchema } from '../../xds/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { durationOf, pack, ZERO_DURATION, type Init } from './message.ts';

export type ListenerInit = Init<typeof ListenerSchema>;
export type ChainInit = Init<typeof FilterChainSchema>;
type ListenerFilterInit = Init<typeof ListenerFilterSchema>;

export const Direction = { outbound: TrafficDirection.OUTBOUND, inbound: TrafficDirection.INBOUND } as const;

/** An address that begins with `/` or `@` is the path of a Unix socket. */
export const socketAddress = (address: string, port: number): NonNullable<ListenerInit['address']> =>
  /^[/@]/.test(address)
    ? { address: { case: 'pipe', value: { path: address } } }
    : { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } };

export const tlsInspector = (): ListenerFilterInit => ({
  name: 'envoy.filters.listener.tls_inspector',
  configType: { case: 'typedConfig', value: pack(TlsInspectorSchema) },
});

/** Connections have to begin with a PROXY header. */
export const proxyProtocolFilter = (): ListenerFilterInit => ({
  name: 'envoy.filters.listener.proxy_protocol',
  configType: { case: 'typedConfig', value: pack(ProxyProtocolSchema) },
});

export const httpInspector = (): ListenerFilterInit => ({
  name: 'envoy.filters.listener.http_inspector',
  configType: { case: 'typedConfig', value: pack(HttpInspectorSchema) },
});

export const originalDestinationFilter = (): ListenerFilterInit => ({
  name: 'envoy.filters.listener.original_dst',
  configType: { case: 'typedConfig', value: pack(OriginalDstSchema) },
});

/** The first bytes decide; how long they take does not, unless the mesh configuration says so: then a connection on which
 * nothing came is taken for one that is no protocol. Istio: MeshConfig.protocolDetectionTimeout. */
export const sniffed = ({ protocolDetectionTimeout }: Pick<MeshConfig, 'protocolDetectionTimeout'>): ListenerInit => ({
  listenerFiltersTimeout: durationOf(protocolDetectionTimeout) ?? ZERO_DURATION, continueOnListenerFiltersTimeout: true,
});

/** `10.1.0.0/16`, or an address alone. */
export function cidrRange(text: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', length] = text.split('/');
  return { addressPrefix, prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length) };
}
