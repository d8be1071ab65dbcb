/** Under which names the things that were made from an object go to proxies. */
import type { Origin } from '../registry/origin.ts';
import type { EncodedResource } from '../../xds/resource.ts';

export class OriginIndex {
  readonly #names = new Map<string, Map<string, Set<string>>>();

  add({ typeUrl, name, origins }: EncodedResource): void {
    for (const origin of origins) {
      let types = this.#names.get(origin);
      if (!types) this.#names.set(origin, (types = new Map()));
      const names = types.get(typeUrl);
      if (names) names.add(name);
      else types.set(typeUrl, new Set([name]));
    }
  }

  /** Names by type; also such as were made of it once. */
  get(origin: Origin): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#names.get(origin) ?? NONE;
  }

  forget(origin: Origin): void {
    this.#names.delete(origin);
  }
}

const NONE: ReadonlyMap<string, ReadonlySet<string>> = new Map();
