/** Under which names the things that were made from an object go to proxies; as long as any of them is there. */
import type { Origin } from '../registry/origin.ts';
import type { EncodedResource } from '../../xds/resource.ts';

type Entry = Pick<EncodedResource, 'typeUrl' | 'name' | 'origins'>;

/** Of one type. */
interface Names {
  readonly names: Set<string>;
  /** Of names that several resources bear, old and new ones: how many besides the first. */
  readonly more: Map<string, number>;
}

export class OriginIndex {
  readonly #places = new Map<string, Map<string, Names>>();
  /** Nobody says when a resource is not needed any more: it is shared by whoever still holds it. */
  readonly #gone = new FinalizationRegistry<Entry>((entry) => this.#drop(entry));

  add(resource: EncodedResource): void {
    const { typeUrl, name, origins } = resource;
    if (origins.size === 0) return;
    for (const origin of origins) {
      const types = this.#places.getOrInsertComputed(origin, () => new Map<string, Names>());
      const { names, more } = types.getOrInsertComputed(typeUrl, () => ({ names: new Set<string>(), more: new Map<string, number>() }));
      if (names.has(name)) more.set(name, (more.get(name) ?? 0) + 1);
      else names.add(name);
    }
    this.#gone.register(resource, { typeUrl, name, origins });
  }

  /** Names by type; also such as were made of it a moment ago. */
  get(origin: Origin): ReadonlyMap<string, ReadonlySet<string>> {
    const types = this.#places.get(origin);
    return types ? new Map(Array.from(types, ([typeUrl, { names }]) => [typeUrl, names])) : NONE;
  }

  /** Objects of which something is there. */
  get size(): number {
    return this.#places.size;
  }

  #drop({ typeUrl, name, origins }: Entry): void {
    for (const origin of origins) {
      const types = this.#places.get(origin);
      const found = types?.get(typeUrl);
      if (!types || !found) continue;
      const others = found.more.get(name) ?? 0;
      if (others > 1) found.more.set(name, others - 1);
      else if (others === 1) found.more.delete(name);
      else found.names.delete(name);
      if (found.names.size === 0) types.delete(typeUrl);
      if (types.size === 0) this.#places.delete(origin);
    }
  }
}

const NONE: ReadonlyMap<string, ReadonlySet<string>> = new Map();
