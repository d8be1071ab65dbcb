import { sameItems } from '../registry/memo.ts';
import type { LabelTerms } from '../registry/label-terms.ts';
import type { MeshService } from '../registry/model.ts';
import { hostPolicy, type Context } from '../translate/context.ts';
import { clusterEndpoints, serviceClusters, serviceNameTable } from './outbound-resources.ts';
import type { Made, Workshop } from './workshop.ts';

/** What is made for one service. */
export interface HostParts {
  readonly clusters: readonly Made[];
  readonly endpoints: readonly Made[];
  readonly names: readonly Made[];
}

export const NOTHING: HostParts = { clusters: [], endpoints: [], names: [] };

interface Entry {
  readonly deps: readonly unknown[];
  readonly parts: WeakRef<HostParts>;
}

/** The parts of services, for audiences of all namespaces: most see a service alike, and what it comes to is then looked up once. */
export class HostPartsStore {
  readonly #workshop: Workshop;
  readonly #known = new WeakMap<MeshService, Map<string, Entry>>();

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  /** @param kin what clients have in common but their namespace */
  of(service: MeshService, kin: string, by: { context: Context; terms: LabelTerms }): HostParts {
    const { snapshot, scope, settings } = by.context;
    const reached = service.ports.map(({ port }) => scope.reaches(service, port)).join();
    const deps = [hostPolicy(by.context, service), snapshot.endpoints.get(service.key), snapshot.peerAuthentications, settings, reached];
    const entries = this.#known.get(service) ?? new Map<string, Entry>();
    this.#known.set(service, entries);
    const entry = entries.get(kin);
    const known = entry && sameItems(entry.deps, deps) ? entry.parts.deref() : undefined;
    if (known) return known;
    const parts = this.#make(service, by);
    entries.set(kin, { deps, parts: new WeakRef(parts) });
    return parts;
  }

  #make(service: MeshService, { context, terms }: { context: Context; terms: LabelTerms }): HostParts {
    const workshop = this.#workshop;
    const clusters = serviceClusters(service, context, workshop);
    const endpoints = clusters.flatMap(({ resource }) => (resource?.needsEndpoints === undefined ? [] : [clusterEndpoints(resource.needsEndpoints, service, { context, terms, workshop })]));
    return { clusters, endpoints, names: context.proxy.kind === 'sidecar' ? [serviceNameTable(service, context, workshop)] : [] };
  }
}
