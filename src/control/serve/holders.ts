/** Which proxies hold something that was made from an object. Thousands of them hold the same few sets of resources: each set is
 * looked at once. */
import type { NameSet } from '../../xds/name-set.ts';
import type { ResourceSet } from '../../xds/resource-set.ts';
import type { AdsSession } from '../../xds/session.ts';
import type { Holding } from '../../xds/type-stream.ts';
import type { Origin } from '../registry/origin.ts';

const EVERYTHING = {};

/** @param places by type: names under which what is made from the object goes to proxies */
export function holdersOf(origin: Origin, places: ReadonlyMap<string, ReadonlySet<string>>): (session: AdsSession) => boolean {
  const known = new Map<ResourceSet, Map<NameSet | typeof EVERYTHING, boolean>>();
  const inSet = (set: ResourceSet, asked: NameSet | undefined, names: ReadonlySet<string>): boolean => {
    let answers = known.get(set);
    if (!answers) known.set(set, (answers = new Map()));
    const who = asked ?? EVERYTHING;
    let answer = answers.get(who);
    if (answer === undefined) {
      answer = names.values().some((name) => asked?.has(name) !== false && set.get(name)?.origins.has(origin) === true);
      answers.set(who, answer);
    }
    return answer;
  };
  const isHeld = (holding: Holding, names: ReadonlySet<string>): boolean => {
    for (const set of holding.sets) if (inSet(set, holding.names, names)) return true;
    if (holding.retained.size > 0) for (const name of names) if (holding.retained.get(name)?.origins?.has(origin)) return true;
    return false;
  };
  return (session) => {
    for (const [typeUrl, names] of places) {
      const holding = session.holding(typeUrl);
      if (holding && isHeld(holding, names)) return true;
    }
    return false;
  };
}
