/** A listener of which two chains match the same name and the same address is refused as a whole by Envoy. Whoever claims both
 * first keeps them; the others keep what is left. */
import { networkText } from '../../base/cidr.ts';

/** What of a chain's match differs from that of its neighbours. An empty list stands for everything. */
export interface NarrowMatch {
  readonly serverNames: readonly string[];
  readonly subnets: readonly string[];
}

export class DistinctChains {
  readonly #taken = new Set<string>();

  /** Names are compared without regard to case.
   * @returns the chain, in parts when of some names only some subnets are left; none when nothing is
   * @param about what else has to match, for chains that differ in it */
  claim<C extends NarrowMatch>(chain: C, about = ''): C[] {
    const subnets = distinct(chain.subnets.map(networkText));
    const left = new Map<string, { names: string[]; subnets: readonly string[] }>();
    for (const name of distinct(chain.serverNames)) {
      const key = `${about} ${name.toLowerCase()}`;
      const free = subnets.filter((subnet) => !this.#taken.has(`${key} ${subnet}`));
      for (const subnet of free) this.#taken.add(`${key} ${subnet}`);
      if (free.length > 0) left.getOrInsertComputed(free.length === subnets.length ? '' : free.join(), () => ({ names: [], subnets: free })).names.push(name);
    }
    return [...left.values()].map((part) => ({ ...chain, serverNames: part.names.filter((name) => name !== ANY), subnets: part.subnets.filter((subnet) => subnet !== ANY) }));
  }
}

const ANY = '';

const distinct = (values: readonly string[]): readonly string[] => (values.length === 0 ? [ANY] : values.length === 1 ? values : [...new Set(values)]);
