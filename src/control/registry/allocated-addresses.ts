import type { ServiceEntry } from '../../api/service-entry.ts';
import type { Stored } from '../../kube/object.ts';
import { isWildcard } from './hosts.ts';

/** Label by which an entry says no. Istio: `networking.istio.io/enable-autoallocate-ip`. */
const ENABLE = 'networking.istio.io/enable-autoallocate-ip';

/** Whether the control plane gives addresses to the hosts of an entry: it names none of its own, and its clients need not
 * dial the real ones. Istio: serviceentry.ShouldV2AutoAllocateIP. */
export function wantsAddresses({ metadata, spec }: Stored<ServiceEntry>): boolean {
  return (spec.resolution ?? 'NONE') !== 'NONE' && (spec.addresses ?? []).length === 0 && metadata.labels?.[ENABLE]?.toLowerCase() !== 'false';
}

/** Hosts that get addresses: a pattern has none. */
export const addressedHosts = (entry: Stored<ServiceEntry>): string[] => (wantsAddresses(entry) ? entry.spec.hosts.filter((host) => !isWildcard(host)) : []);

/** What the control plane has given to one host. It stands in the object's status, so that it outlives the control plane. */
export function allocatedAddresses(entry: Stored<ServiceEntry>, host: string): string[] {
  if (!addressedHosts(entry).includes(host)) return [];
  return (entry.status?.addresses ?? []).flatMap((a) => (a.host === host && a.value !== undefined ? [a.value] : []));
}
