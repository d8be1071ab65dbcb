/** The downward API: what a container may know of its own pod. Kubernetes: pkg/fieldpath, pkg/api/v1/resource. Pure. */
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { parseQuantity, quantityNumber } from '../../kube/quantity.ts';

export interface PodAddresses {
  podIp: string;
  hostIp: string;
}

/** Undefined for a path that the downward API does not have. */
export function podField(pod: Pod, path: string, addresses: PodAddresses): string | undefined {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript) return pod.metadata?.[subscript[1] as 'labels' | 'annotations']?.[subscript[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name': return pod.metadata?.name;
    case 'metadata.namespace': return pod.metadata?.namespace;
    case 'metadata.uid': return pod.metadata?.uid;
    case 'metadata.labels': return keyValues(pod.metadata?.labels);
    case 'metadata.annotations': return keyValues(pod.metadata?.annotations);
    case 'spec.nodeName': return pod.spec?.nodeName;
    case 'spec.serviceAccountName': return pod.spec?.serviceAccountName;
    case 'status.podIP':
    case 'status.podIPs': return addresses.podIp;
    case 'status.hostIP':
    case 'status.hostIPs': return addresses.hostIp;
    default: return undefined;
  }
}

/** `key="value"` lines, sorted, the value quoted as Go's %q would. */
function keyValues(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join('\n');
}

/** `limits.cpu` and its kin, in units of the divisor, rounded up; a limit that is not set is the node's capacity. */
export function resourceField(container: Container, selector: { resource: string; divisor?: string }, capacity: { cpu: number; memoryBytes: number }): string {
  const [kind, name = ''] = selector.resource.split('.', 2) as [string, string?];
  const held = kind === 'limits' ? container.resources?.limits?.[name] : container.resources?.requests?.[name];
  const fallback = kind === 'limits' ? (name === 'cpu' ? capacity.cpu : name === 'memory' ? capacity.memoryBytes : 0) : 0;
  const parsed = held === undefined ? undefined : parseQuantity(held);
  const value = parsed ? quantityNumber(parsed) : fallback;
  const divisor = selector.divisor === undefined || selector.divisor === '0' ? undefined : parseQuantity(selector.divisor);
  // Milli-precision first, so that 0.5 / 0.001 does not become 499.99….
  return String(Math.ceil(Number((value / (divisor ? quantityNumber(divisor) : 1)).toFixed(6))));
}
