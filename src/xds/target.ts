import type { NameSet } from './name-set.ts';
import type { EncodedResource } from './resource.ts';
import type { ResourceSet } from './resource-set.ts';

export type Sets = readonly ResourceSet[];

/** What there is for a client at one moment. */
export interface Target {
  /** Counts up as the configuration changes. */
  readonly number: number;
  /** Version of the configuration as a whole, for humans. */
  readonly version: string;
  /** For each type always the same number of sets, no name in two of them; the same sets as long as nothing in them has changed.
   * @param names asked for; of use where not everything there is can be listed */
  resources(typeUrl: string, names: NameSet): Sets;
}

/** Where a session finds the resources of its client. */
export interface ResourceSource {
  /** What there is for the client now. */
  target(): Target;
  /** Stands in for a name that was asked for and does not exist; undefined: the client is told that it does not. */
  absent?(typeUrl: string, name: string): EncodedResource | undefined;
}

export const sameSets = (a: Sets, b: Sets): boolean => a === b || (a.length === b.length && a.every((set, i) => set === b[i]));

export function findIn(sets: Sets, name: string): EncodedResource | undefined {
  for (const set of sets) {
    const resource = set.get(name);
    if (resource) return resource;
  }
  return undefined;
}
