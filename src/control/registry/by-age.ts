import type { Stored } from '../../kube/object.ts';

/** Oldest first; of the same second, by name. */
export function byAge(a: Stored, b: Stored): number {
  const age = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  return age || (`${a.metadata.namespace}/${a.metadata.name}` < `${b.metadata.namespace}/${b.metadata.name}` ? -1 : 1);
}
