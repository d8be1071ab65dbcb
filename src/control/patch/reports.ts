/** What is to be said of patches that do less than they seem to, for the status of their objects. */
import { parseOrigin } from '../registry/origin.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Miss } from './match.ts';
import type { Outcome } from './pass.ts';
import type { Patch } from './patch.ts';
import type { Program } from './program.ts';

/** @param programs of all proxies
 * @param outcome of all these proxies together */
export function patchReports(programs: Iterable<Pick<Program, 'patches' | 'told' | 'asked'>>, outcome: Outcome): LeftOut[] {
  const all = [...new Set(programs)];
  const applied = new Set(Array.from(outcome.applied, keyOf));
  const own = all.flatMap((program) => program.told.map(({ patch, told: { path, why } }): LeftOut => ({ ...parseOrigin(patch.origin), field: path, reason: why })));
  const rest = [...new Set(all.flatMap(({ patches }) => patches))].filter(({ place }) => place !== 'BOOTSTRAP').flatMap((patch) => {
    const failed = outcome.failed.get(patch);
    if (failed !== undefined) return [told(patch, `cannot be applied everywhere: ${failed}`)];
    return applied.has(keyOf(patch)) ? [] : [told(patch, missedText(outcome.missed.get(patch) ?? []))];
  });
  const got = new Set(all.flatMap((program) => [...program.patches, ...program.told.map(({ patch }) => patch)].map(keyOf)));
  const forNobody = all.flatMap(({ asked }) => asked).filter((patch) => patch.place !== 'EXTENSION_CONFIG' && !got.has(keyOf(patch))).map((patch) => told(patch, `is for none of the connected proxies that the object selects: ${whoText(patch)}`));
  return [...new Map([...own, ...rest, ...forNobody].map((report) => [JSON.stringify(report), report])).values()];
}

/** A patch may be another one for our own proxy. */
const keyOf = ({ origin, path }: Patch): string => `${origin} ${path}`;

const told = (patch: Patch, reason: string): LeftOut => ({ ...parseOrigin(patch.origin), field: patch.path, reason });

function whoText({ context, match }: Patch): string {
  const { proxyVersion, metadata } = match.proxy ?? {};
  return [...(context === 'ANY' ? [] : [`context is ${context}`]), ...(proxyVersion ? [`proxyVersion is ${proxyVersion}`] : []), ...(metadata ? [`metadata is ${JSON.stringify(metadata)}`] : [])].join(', ');
}

function missedText(misses: readonly Miss[]): string {
  const [first] = misses;
  if (!first) return 'matches nothing that the proxies have';
  const found = [...new Set(misses.map((m) => m.found).filter((text) => text !== ''))];
  return `matches nothing: ${first.text}${found.length > 0 ? ` (there is ${found.join(', ')})` : ''}`;
}
