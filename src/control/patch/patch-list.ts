import type { Message } from '@bufbuild/protobuf';
import type { Miss } from './match.ts';
import type { Pass } from './pass.ts';
import type { Patch, Place } from './patch.ts';

/** What is to be known of a list whose items patches add, change and take away. */
export interface ListKind<T> {
  readonly place: Place;
  /** True when the patch is for this list. */
  fits(patch: Patch): boolean;
  missed(patch: Patch, item: T): Miss | undefined;
  /** True when the patch says which item it means. */
  isNarrow(patch: Patch): boolean;
  /** Nothing can stand behind it: a router, a TCP proxy. */
  isTerminal?(item: T): boolean;
  /** What patches of other places make of an item. */
  inside?(item: T): T;
  /** Why a value must not be laid over an item. */
  clash?(patch: Patch, item: T): string | undefined;
}

/** As Istio does it: first what is there is changed or taken away, and what is in it; then comes what is new, in the order of the
 * patches. What is put at the end stands before an item that has to be the last. */
export function patchList<T extends Message>(items: readonly T[], kind: ListKind<T>, pass: Pass): T[] {
  const patches = pass.at(kind.place);
  const kept = items.flatMap((item) => {
    const changed = changedItem(item, patches, { kind, pass });
    return changed === undefined ? [] : [kind.inside ? kind.inside(changed) : changed];
  });
  for (const patch of patches) if (patch.operation !== 'MERGE' && patch.operation !== 'REMOVE' && kind.fits(patch)) add(kept, patch, { kind, pass });
  return kept;
}

interface By<T> {
  readonly kind: ListKind<T>;
  readonly pass: Pass;
}

function changedItem<T extends Message>(item: T, patches: readonly Patch[], { kind, pass }: By<T>): T | undefined {
  let now = item;
  for (const patch of patches) {
    if ((patch.operation !== 'MERGE' && patch.operation !== 'REMOVE') || !kind.fits(patch) || !pass.fits(patch, kind.missed(patch, now))) continue;
    if (patch.operation === 'REMOVE') {
      pass.done(patch);
      return undefined;
    }
    const clash = kind.clash?.(patch, now);
    if (clash === undefined) now = pass.merged(patch, now);
    else pass.fail(patch, clash);
  }
  return now;
}

function add<T extends Message>(list: T[], patch: Patch, { kind, pass }: By<T>): void {
  const at = placeFor(list, patch, { kind, pass });
  if (at === undefined) return;
  const made = pass.made<T>(patch);
  if (made) list.splice(at, patch.operation === 'REPLACE' ? 1 : 0, made);
}

/** @returns undefined when what the patch stands beside is not there */
function placeFor<T>(list: readonly T[], patch: Patch, { kind, pass }: By<T>): number | undefined {
  const { operation } = patch;
  const last = list.at(-1);
  const end = last !== undefined && kind.isTerminal?.(last) ? list.length - 1 : list.length;
  if (operation === 'ADD') return end;
  if (operation !== 'REPLACE' && !kind.isNarrow(patch)) return operation === 'INSERT_AFTER' ? end : 0;
  const found = list.findIndex((item) => pass.fits(patch, kind.missed(patch, item)));
  // Of an empty list nothing was asked.
  if (found < 0) return list.length === 0 ? void pass.fits(patch, { depth: 2, text: 'there is nothing beside which it could stand', found: '' }) : undefined;
  if (operation === 'INSERT_FIRST') return 0;
  return operation === 'INSERT_AFTER' ? found + 1 : found;
}
