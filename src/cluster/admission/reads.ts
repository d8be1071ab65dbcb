/** What the plugins look up: from a copy that follows the API server, and from the server itself where the copy may be
 * a moment behind. Lists come from the copy only, so that a write costs no LIST. */
import type { LimitRange, Namespace, ResourceQuota, ServiceAccount } from 'kubernetes-types/core/v1.d.ts';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { IngressClass } from 'kubernetes-types/networking/v1.d.ts';
import type { PriorityClass } from 'kubernetes-types/scheduling/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isNotFound } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createInformer } from '../../kube/informer.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { IngressClasses, LimitRanges, MutatingWebhooks, Namespaces, resource, ResourceQuotas, ServiceAccounts, StorageClasses, ValidatingWebhooks } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';

export const PriorityClasses = resource<PriorityClass>('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass', false);

/** A collection as the plugins read it. */
export interface Shelf<T extends KubeObject> {
  list(): Stored<T>[];
  listIn(namespace: string): Stored<T>[];
  /** From the copy, or else from the server. */
  find(name: string, namespace?: string): Promise<Stored<T> | undefined>;
  /** As it is on the server now. */
  fresh(name: string, namespace?: string): Promise<Stored<T> | undefined>;
  /** Waits until the copy holds one that `accept` likes; undefined when `timeoutMs` passes first. */
  waitFor(accept: (object: Stored<T>) => boolean, timeoutMs: number): Promise<Stored<T> | undefined>;
}

export interface AdmissionReads {
  namespaces: Shelf<Namespace>;
  limitRanges: Shelf<LimitRange>;
  quotas: Shelf<ResourceQuota>;
  serviceAccounts: Shelf<ServiceAccount>;
  storageClasses: Shelf<StorageClass>;
  ingressClasses: Shelf<IngressClass>;
  priorityClasses: Shelf<PriorityClass>;
  mutatingWebhooks: Shelf<MutatingWebhookConfiguration>;
  validatingWebhooks: Shelf<ValidatingWebhookConfiguration>;
}

export interface OwnedReads extends AdmissionReads {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** @param deps.client known only when the API server is made, which needs the plugins first */
export function createAdmissionReads(deps: { client: () => KubeClient; clock: Clock; log: Log }): OwnedReads {
  const shelves: { start(): Promise<void>; close(): Promise<void> }[] = [];
  const shelf = <T extends KubeObject>(resource: Resource<T>): Shelf<T> => {
    const made = new InformedShelf(resource, deps);
    shelves.push(made);
    return made;
  };
  return {
    namespaces: shelf(Namespaces),
    limitRanges: shelf(LimitRanges),
    quotas: shelf(ResourceQuotas),
    serviceAccounts: shelf(ServiceAccounts),
    storageClasses: shelf(StorageClasses),
    ingressClasses: shelf(IngressClasses),
    priorityClasses: shelf(PriorityClasses),
    mutatingWebhooks: shelf(MutatingWebhooks),
    validatingWebhooks: shelf(ValidatingWebhooks),
    async start() {
      await Promise.all(shelves.map((each) => each.start()));
    },
    async close() {
      await Promise.all(shelves.map((each) => each.close()));
    },
  };
}

class InformedShelf<T extends KubeObject> implements Shelf<T> {
  readonly #resource: Resource<T>;
  readonly #deps: { client: () => KubeClient; clock: Clock; log: Log };
  #informer: Informer<T> | undefined;

  constructor(resource: Resource<T>, deps: { client: () => KubeClient; clock: Clock; log: Log }) {
    this.#resource = resource;
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#informer ??= createInformer(this.#resource, { ...this.#deps, client: this.#deps.client() });
    await this.#informer.start();
  }

  async close(): Promise<void> {
    await this.#informer?.close();
  }

  list(): Stored<T>[] {
    return this.#informer?.list() ?? [];
  }

  listIn(namespace: string): Stored<T>[] {
    return this.#informer?.listIn(namespace) ?? [];
  }

  async find(name: string, namespace?: string): Promise<Stored<T> | undefined> {
    return this.#informer?.get(namespace ? `${namespace}/${name}` : name) ?? this.fresh(name, namespace);
  }

  async fresh(name: string, namespace?: string): Promise<Stored<T> | undefined> {
    try {
      return await this.#deps.client().get(this.#resource, { name, ...(namespace ? { namespace } : {}) });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  waitFor(accept: (object: Stored<T>) => boolean, timeoutMs: number): Promise<Stored<T> | undefined> {
    const informer = this.#informer;
    if (!informer) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      let stop = () => {};
      const timer = this.#deps.clock.after(timeoutMs, () => done(undefined));
      const done = (object: Stored<T> | undefined) => {
        timer.cancel();
        stop();
        resolve(object);
      };
      stop = informer.subscribe((event) => {
        if (event.type !== 'deleted' && accept(event.object)) done(event.object);
      });
    });
  }
}
