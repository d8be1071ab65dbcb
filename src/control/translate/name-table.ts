/** Names that a sidecar answers itself when it takes its workload's DNS queries. Istio: pkg/dns/server BuildNameTable. */
import { isHeadless, type MeshService } from '../registry/model.ts';
import type { NameInfo, NameTable } from '../../xds/name-table.ts';
import { addressesOf, type Context } from './context.ts';

/** The names of one service: its host, and those of its pods when it has no address of its own. Empty when callers have to
 * find the address elsewhere: it is an alias, has none, or has ranges only. */
export function serviceNames(service: MeshService, context: Context): NameTable {
  const registry = service.origin;
  const info = (ips: readonly string[], shortName: string): NameInfo => ({ ips, registry, shortName, namespace: service.namespace });
  if (isHeadless(service)) return podNames(service, context, info);
  const own = service.origin === 'Kubernetes' ? service.addresses : addressesOf(service, context.proxy).filter((address) => !address.includes('/'));
  if (own.length === 0 || service.resolution === 'alias') return new Map();
  return new Map([[service.host, info(own, service.origin === 'Kubernetes' ? service.name : '')]]);
}

function podNames(service: MeshService, context: Context, info: (ips: readonly string[], shortName: string) => NameInfo): NameTable {
  const endpoints = [...(context.snapshot.endpoints.get(service.key)?.byPort.values() ?? [])].flat();
  const addresses = [...new Set(endpoints.map((e) => e.address))].filter((address) => !address.startsWith('unix:'));
  const table = new Map<string, NameInfo>();
  if (addresses.length === 0) return table;
  table.set(service.host, info(addresses, service.name));
  for (const [hostname, pods] of Map.groupBy(endpoints.filter((e) => e.hostname !== ''), (e) => e.hostname)) {
    table.set(`${hostname}.${service.host}`, info([...new Set(pods.map((e) => e.address))], `${hostname}.${service.name}`));
  }
  return table;
}
