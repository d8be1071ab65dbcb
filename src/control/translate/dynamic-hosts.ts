/** Entries whose hosts are looked up when they are called: by the host of a request, or the name that a TLS client asks for.
 * Istio: ServiceEntry resolution DYNAMIC_DNS; Envoy: dynamic forward proxy. */
import { Cluster_DnsLookupFamily, Cluster_LbPolicy, type ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterConfigSchema } from '../../xds/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import type { DnsCacheConfigSchema } from '../../xds/generated/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js';
import { FilterConfigSchema } from '../../xds/generated/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import { FilterConfigSchema as SniFilterConfigSchema } from '../../xds/generated/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js';
import type { Scope } from '../registry/scope.ts';
import type { HttpFilterInit, NetworkFilterInit } from './http-filters.ts';
import { pack, type Init } from './message.ts';

/** One cache for all of a proxy: Envoy wants it to be described alike wherever it is named. */
const cache = (): Init<typeof DnsCacheConfigSchema> => ({ name: 'dynamic-dns', dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY });

export function dynamicDiscovery(): Init<typeof ClusterSchema> {
  // Which names the server of a TLS connection has to prove is the DestinationRule's word, as for other clusters.
  const value = pack(ClusterConfigSchema, { clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: cache() }, allowInsecureClusterOptions: true });
  return { clusterDiscoveryType: { case: 'clusterType', value: { name: 'envoy.clusters.dynamic_forward_proxy', typedConfig: value } }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED, lbConfig: undefined, commonLbConfig: {} };
}

/** Passes requests to other clusters on untouched. */
export const resolveHostFilter = (): HttpFilterInit => ({
  name: 'envoy.filters.http.dynamic_forward_proxy',
  configType: { case: 'typedConfig', value: pack(FilterConfigSchema, { implementationSpecifier: { case: 'dnsCacheConfig', value: cache() } }) },
});

/** In front of the filter that passes the bytes on. @param port under which the name is called */
export const resolveNameFilter = (port: number): NetworkFilterInit => ({
  name: 'envoy.filters.network.sni_dynamic_forward_proxy',
  configType: { case: 'typedConfig', value: pack(SniFilterConfigSchema, { dnsCacheConfig: cache(), portSpecifier: { case: 'portValue', value: port } }) },
});

export const hasDynamicHosts = ({ services }: Pick<Scope, 'services'>): boolean => services.some(({ resolution }) => resolution === 'dynamic-dns');
