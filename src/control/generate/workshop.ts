import { errorText } from '../../base/errors.ts';
import type { EncodedResource } from '../../xds/resource.ts';
import { WeakMemo } from '../registry/memo.ts';
import { parseOrigin, type Origin } from '../registry/origin.ts';
import { buildScope, type Scope } from '../registry/scope.ts';
import type { LeftOut, MeshSnapshot } from '../registry/snapshot.ts';
import { OriginIndex } from './origin-index.ts';

/** What came out when a resource was to be made. */
export interface Made {
  /** Undefined: it cannot be made. */
  readonly resource: EncodedResource | undefined;
  /** What was left out of it, or that it was. */
  readonly reports: readonly LeftOut[];
}

/** A thing that is made, and the objects that it is made from. */
export type Blamed = Pick<LeftOut, 'kind' | 'namespace' | 'name'> & { readonly origins?: readonly Origin[] };

/** Where resources are made: each once, for all proxies that get it, as long as one of them is there. */
export class Workshop {
  /** Where to look for what was made from an object. */
  readonly origins = new OriginIndex();
  readonly #made = new WeakMemo<Made>();
  readonly #scopes = new WeakMemo<Scope>();
  /** Of what is being made. */
  #reports: LeftOut[] = [];

  /** To be called by what is being made. */
  readonly report = (object: LeftOut): void => void this.#reports.push(object);

  /** One object that cannot be translated must not keep others from their configuration.
   * @param key tells all that the resource is made from besides `deps`
   * @param what is blamed when it cannot be made */
  make(key: string, deps: readonly unknown[], what: Blamed, build: () => EncodedResource | undefined): Made {
    return this.#made.get(key, deps, () => {
      const { value, reports } = this.noting(() => this.#safely(what, build));
      if (value) this.origins.add(value);
      return { resource: value, reports };
    });
  }

  #safely({ origins = [], ...thing }: Blamed, build: () => EncodedResource | undefined): EncodedResource | undefined {
    try {
      return build();
    } catch (error) {
      const objects = origins.map(parseOrigin);
      for (const object of objects.length > 0 ? objects : [thing]) this.report({ ...object, reason: errorText(error) });
      return undefined;
    }
  }

  /** Makes something, with what it reports. */
  noting<V>(make: () => V): { readonly value: V; readonly reports: readonly LeftOut[] } {
    const outer = this.#reports;
    const reports: LeftOut[] = [];
    this.#reports = reports;
    try {
      return { value: make(), reports };
    } finally {
      this.#reports = outer;
    }
  }

  scope(snapshot: MeshSnapshot, at: Pick<Scope, 'namespace' | 'sidecar'>): Scope {
    const { services, routing, settings } = snapshot;
    return this.#scopes.get(`${at.namespace} ${at.sidecar?.metadata.uid ?? ''}`, [services, routing, settings, at.sidecar], () => buildScope({ ...at, services, routing, settings }));
  }
}
