/** Objects of the API behind what is made of them. */

/** Which object something was made from: `VirtualService default/reviews`. */
export type Origin = `${string} ${string}/${string}`;

export const originOf = (kind: string, at: { readonly namespace?: string; readonly name: string }): Origin => `${kind} ${at.namespace ?? ''}/${at.name}`;

/** The origins of objects of one kind. */
export const originsOf = (kind: string, objects: readonly { readonly metadata: { readonly namespace?: string; readonly name: string } }[]): Origin[] =>
  objects.map(({ metadata }) => originOf(kind, metadata));

export function parseOrigin(origin: Origin): { kind: string; namespace: string; name: string } {
  const space = origin.indexOf(' ');
  const slash = origin.indexOf('/', space);
  return { kind: origin.slice(0, space), namespace: origin.slice(space + 1, slash), name: origin.slice(slash + 1) };
}
