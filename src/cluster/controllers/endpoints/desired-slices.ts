/** Which endpoints a Service has now. Pure. A pod that is being deleted leaves `ready` at once, before its process
 * hears of it, so that traffic is turned away first. Kubernetes: staging/src/k8s.io/endpointslice. */
import type { Pod, Service, ServicePort } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointPort } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { isPodFinished, isPodReady } from '../pods.ts';

/** Most endpoints in one slice. Kubernetes allows up to 1000. */
const SLICE_LIMIT = 1000;

export interface DesiredSlice {
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

/** One entry for each set of port numbers that the pods give to the Service's named target ports. */
export function desiredSlices(service: Stored<Service>, pods: readonly Stored<Pod>[], zoneOf: (node: string) => string | undefined): DesiredSlice[] {
  const groups = new Map<string, DesiredSlice>();
  for (const pod of [...pods].sort(byAddress)) {
    if (!pod.status?.podIP || isPodFinished(pod)) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(service, pod, zoneOf));
    groups.set(key, group);
  }
  if (groups.size === 0) return [{ ports: [], endpoints: [] }];
  return [...groups.values()].flatMap(({ ports, endpoints }) => chunks(endpoints, SLICE_LIMIT).map((part) => ({ ports, endpoints: part })));
}

function endpointOf(service: Service, pod: Stored<Pod>, zoneOf: (node: string) => string | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const node = pod.spec?.nodeName;
  const zone = node ? zoneOf(node) : undefined;
  const hasHostname = pod.spec?.hostname && pod.spec.subdomain === service.metadata?.name && pod.metadata.namespace === service.metadata?.namespace;
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: { ready, serving: serving || (service.spec?.publishNotReadyAddresses === true && !terminating), terminating },
    ...(hasHostname ? { hostname: pod.spec?.hostname ?? '' } : {}),
    ...(node ? { nodeName: node } : {}),
    ...(zone ? { zone } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, uid: pod.metadata.uid },
  };
}

/** A port whose name the pod does not know is left out. */
function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    const protocol = port.protocol ?? 'TCP';
    return [{ name: port.name ?? '', protocol, port: number, ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}) }];
  });
}

/** The pod's port behind a Service port. Native sidecars' ports count too. */
export function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target: unknown = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  const named = [...(pod.spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? []);
  return named.find((each) => each.name === target && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'))?.containerPort;
}

function byAddress(a: Pod, b: Pod): number {
  return (a.status?.podIP ?? '') < (b.status?.podIP ?? '') ? -1 : 1;
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
