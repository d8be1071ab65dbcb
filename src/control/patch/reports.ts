/** What is to be said of patches that do less than they seem to, for the status of their objects. */
import { parseOrigin } from '../registry/origin.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Miss } from './match.ts';
import type { Outcome } from './pass.ts';
import type { Patch } from './patch.ts';

/** @param patches all that some proxy has got
 * @param outcome of all these proxies together */
export function patchReports(patches: Iterable<Patch>, outcome: Outcome): LeftOut[] {
  return [...new Set(patches)].flatMap((patch) => {
    const failed = outcome.failed.get(patch);
    if (failed !== undefined) return [told(patch, `cannot be applied everywhere: ${failed}`)];
    return outcome.applied.has(patch) ? [] : [told(patch, missedText(outcome.missed.get(patch) ?? []))];
  });
}

const told = (patch: Patch, reason: string): LeftOut => ({ ...parseOrigin(patch.origin), field: patch.path, reason });

function missedText(misses: readonly Miss[]): string {
  const [first] = misses;
  if (!first) return 'matches nothing that the proxies have';
  const found = [...new Set(misses.map((m) => m.found).filter((text) => text !== ''))];
  return `matches nothing: ${first.text}${found.length > 0 ? ` (there is ${found.join(', ')})` : ''}`;
}
