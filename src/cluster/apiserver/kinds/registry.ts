/** Which kinds are served right now. Built-in ones stay; custom ones come and go with their definitions. */
import type { Kind } from './kind.ts';

export class KindRegistry {
  readonly #kinds = new Map<string, Kind>();
  #version = 0;

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds) this.#kinds.set(pathOf(kind), kind);
  }

  /** Grows whenever the set changes: caches of discovery and OpenAPI compare it. */
  get version(): number {
    return this.#version;
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#kinds.get(`${group}/${version}/${plural}`);
  }

  findKind(group: string, version: string, kind: string): Kind | undefined {
    return this.all().find(({ resource: r }) => r.group === group && r.version === version && r.kind === kind);
  }

  all(): Kind[] {
    return [...this.#kinds.values()];
  }

  /** Replaces the kinds of one definition, those that `isOld` names. */
  replace(isOld: (kind: Kind) => boolean, kinds: readonly Kind[]): void {
    for (const [path, kind] of this.#kinds) if (isOld(kind)) this.#kinds.delete(path);
    for (const kind of kinds) this.#kinds.set(pathOf(kind), kind);
    this.#version++;
  }
}

const pathOf = ({ resource: r }: Kind) => `${r.group}/${r.version}/${r.plural}`;
