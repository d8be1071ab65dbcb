/** The mesh that is changed: namespaces of 50 services, each with an HTTP port and every tenth with a TCP port too, behind
 * each at least two pods with sidecars; every tenth has subsets and a VirtualService. Everybody sees everything, which is the
 * default, and the worst case. */
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import { DestinationRules, type DestinationRule } from '../../src/api/destination-rule.ts';
import { VirtualServices, type VirtualService } from '../../src/api/virtual-service.ts';
import { PatchType, type KubeClient } from '../../src/kube/client.ts';
import { EndpointSlices, Namespaces, Pods, Services } from '../../src/kube/resource.ts';
import { MAX_TARGETS, markerText, type Marker } from './marker.ts';

const PER_NAMESPACE = 50;
const HTTP = 8080;
const TCP = 6379;

export interface MeshPod {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface MeshService {
  readonly index: number;
  readonly name: string;
  readonly namespace: string;
  readonly pods: readonly MeshPod[];
  /** Besides `pods`: the one that comes and goes. */
  extra?: MeshPod;
}

export class Mesh {
  readonly #client: KubeClient;
  readonly #services: MeshService[];
  readonly #turns = new Map<string, number>();
  readonly #born: { marker: Marker; name: string; namespace: string }[] = [];
  #births = 0;
  #addresses = 0;
  /** The first of them run a proxy. */
  readonly pods: readonly MeshPod[];

  constructor(client: KubeClient, size: { services: number; proxies: number }) {
    this.#client = client;
    const perService = Math.max(2, Math.ceil(size.proxies / size.services));
    this.#services = Array.from({ length: size.services }, (_, index): MeshService => {
      const name = `svc-${index}`;
      const namespace = `ns-${Math.floor(index / PER_NAMESPACE)}`;
      const pods = Array.from({ length: perService }, (_unused, i) => this.#pod({ name: `${name}-v${(i % 2) + 1}-${i}`, namespace, labels: { app: name, version: `v${(i % 2) + 1}` } }));
      return { index, name, namespace, pods };
    });
    this.pods = Array.from({ length: perService }, (_, i) => this.#services.flatMap((s) => s.pods[i] ?? [])).flat();
  }

  async create(): Promise<void> {
    for (const namespace of new Set(this.#services.map((s) => s.namespace))) await this.#client.create(Namespaces, { metadata: { name: namespace } });
    for (const service of this.#services) {
      const { name, namespace, pods } = service;
      for (const pod of pods) await this.#run(pod);
      await this.#client.create(Services, serviceObject(service, service.index % 10 === 0), { namespace });
      await this.#client.create(EndpointSlices, sliceObject(service, pods), { namespace });
      if (service.index % 10 !== 5) continue;
      await this.#client.create(DestinationRules, { ...object('DestinationRule', name, namespace), spec: { host: name, subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })) } } satisfies DestinationRule, { namespace });
      await this.#client.create(VirtualServices, routeObject(service, 'none'), { namespace });
    }
  }

  /** A pod is replaced: the new one is there and ready before the slice names it, the old one goes. */
  async changeEndpoints(pick: number, started: (marker: Marker) => void): Promise<void> {
    const service = this.#at(pick);
    const marker = this.#next('e', service.index);
    const { name, namespace } = service;
    const labels = { app: name, version: 'v1', 'service.istio.io/canonical-revision': markerText(marker) };
    const pod = this.#pod({ name: `${name}-x${marker.turn}`, namespace, labels });
    const old = service.extra;
    service.extra = pod;
    await this.#run(pod);
    started(marker);
    await this.#client.update(EndpointSlices, sliceObject(service, [...service.pods, pod]));
    if (old) await this.#client.delete(Pods, { namespace, name: old.name }, { gracePeriodSeconds: 0 });
  }

  async changeRoute(pick: number, started: (marker: Marker) => void): Promise<void> {
    const routed = this.#services.filter((s) => s.index % 10 === 5);
    const service = routed[pick % routed.length] ?? this.#at(5);
    const marker = this.#next('r', service.index);
    started(marker);
    const { spec } = routeObject(service, markerText(marker));
    await this.#client.patch(VirtualServices, { namespace: service.namespace, name: service.name }, { type: PatchType.Merge, body: { spec } });
  }

  /** With two pods that are ready. */
  async addService(pick: number, started: (marker: Marker) => void): Promise<void> {
    const { namespace } = this.#at(pick);
    const marker = this.#next('s', this.#births++ % MAX_TARGETS);
    const service = { name: `new-${markerText(marker)}`, namespace };
    const pods = ['a', 'b'].map((suffix) => this.#pod({ name: `${service.name}-${suffix}`, namespace, labels: { app: service.name, version: 'v1' } }));
    for (const pod of pods) await this.#run(pod);
    started(marker);
    await this.#client.create(Services, serviceObject(service, false), { namespace });
    await this.#client.create(EndpointSlices, sliceObject(service, pods), { namespace });
    this.#born.push({ marker, ...service });
  }

  /** The oldest of those that were added, unless some client has not got it yet. */
  async removeService(isTaken: (marker: Marker) => boolean): Promise<void> {
    const [service] = this.#born;
    if (!service || !isTaken(service.marker)) return;
    this.#born.shift();
    const { name, namespace } = service;
    await this.#client.delete(Services, { namespace, name });
    await this.#client.delete(EndpointSlices, { namespace, name: `${name}-s` });
    for (const suffix of ['a', 'b']) await this.#client.delete(Pods, { namespace, name: `${name}-${suffix}` }, { gracePeriodSeconds: 0 });
  }

  /** What the node would report. */
  async #run(pod: MeshPod): Promise<void> {
    const { name, namespace, address } = pod;
    await this.#client.create(Pods, podObject(pod), { namespace });
    await this.#client.patch(Pods, { namespace, name }, { type: PatchType.Merge, body: { status: { phase: 'Running', podIP: address, conditions: [{ type: 'Ready', status: 'True' }] } } }, { subresource: 'status' });
  }

  #at(pick: number): MeshService {
    const service = this.#services[pick % this.#services.length];
    if (!service) throw new Error('a mesh without services');
    return service;
  }

  #next(kind: Marker['kind'], target: number): Marker {
    const key = `${kind}${target}`;
    const turn = (this.#turns.get(key) ?? 0) + 1;
    this.#turns.set(key, turn);
    return { kind, target, turn };
  }

  #pod(parts: Omit<MeshPod, 'address'>): MeshPod {
    const n = this.#addresses++ + 256;
    return { ...parts, address: `10.${128 + ((n >> 16) & 127)}.${(n >> 8) & 255}.${n & 255}`, labels: { ...parts.labels, 'security.istio.io/tlsMode': 'istio' } };
  }
}

const object = <K extends string>(kind: K, name: string, namespace: string) => ({ kind, metadata: { name, namespace } });

const serviceObject = ({ name, namespace }: { name: string; namespace: string }, hasTcp: boolean): Service => ({
  ...object('Service', name, namespace),
  spec: { selector: { app: name }, ports: [{ name: 'http', port: HTTP }, ...(hasTcp ? [{ name: 'tcp-cache', port: TCP }] : [])] },
});

const sliceObject = ({ name, namespace }: { name: string; namespace: string }, pods: readonly MeshPod[]): EndpointSlice => ({
  metadata: { name: `${name}-s`, namespace, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: HTTP, protocol: 'TCP' }, { name: 'tcp-cache', port: TCP, protocol: 'TCP' }],
  endpoints: pods.map((pod) => ({ addresses: [pod.address], conditions: { ready: true }, targetRef: { kind: 'Pod', name: pod.name, namespace } })),
});

const podObject = ({ name, namespace, labels }: MeshPod): Pod => ({
  ...object('Pod', name, namespace),
  metadata: { name, namespace, labels: { ...labels } },
  spec: { containers: [{ name: 'app', image: 'app', ports: [{ containerPort: HTTP }] }], serviceAccountName: labels['app'] },
});

const routeObject = ({ name, namespace }: { name: string; namespace: string }, mark: string): VirtualService => ({
  ...object('VirtualService', name, namespace),
  spec: { hosts: [name], http: [{ headers: { response: { set: { 'x-change': mark } } }, route: [{ destination: { host: name, subset: 'v1' }, weight: 90 }, { destination: { host: name, subset: 'v2' }, weight: 10 }] }] },
});
