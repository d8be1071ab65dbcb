import type { AdsSession } from '../../xds/session.ts';
import type { OriginIndex } from '../generate/origin-index.ts';
import type { Origin } from '../registry/origin.ts';
import type { ConnectedProxy } from './discovery.ts';
import { holdersOf } from './holders.ts';

/** Proxies that hold the same, have come as far, and refuse nothing; one that refuses something is by itself. */
export interface ProxyGroup {
  readonly members: readonly ConnectedProxy[];
  readonly settledAt: number;
  /** They hold something that was made from the object that was asked for. */
  readonly holds: boolean;
}

export interface Counted extends ConnectedProxy {
  readonly session: AdsSession;
}

interface Group {
  readonly members: Counted[];
  readonly settledAt: number;
}

/** The connected proxies by what they hold, so that thousands of them are looked at as the few kinds that they are. Good for the
 * moment in which it is made. */
export class Census {
  readonly #proxies: readonly Counted[];
  readonly #origins: OriginIndex;
  readonly #groups = new Map<string, readonly Group[]>();
  readonly #numbers = new Map<unknown, number>();

  constructor(proxies: readonly Counted[], origins: OriginIndex) {
    this.#proxies = proxies;
    this.#origins = origins;
  }

  groupsOf(origin: Origin): ProxyGroup[] {
    const places = this.#origins.get(origin);
    const holds = holdersOf(origin, places);
    return this.#alike([...places.keys()].sort()).map(({ members, settledAt }) => ({ members, settledAt, holds: members.slice(0, 1).some(({ session }) => holds(session)) }));
  }

  /** By what they hold of some types. */
  #alike(types: readonly string[]): readonly Group[] {
    return this.#groups.getOrInsertComputed(types.join(), () => {
      const groups = new Map<string, Group>();
      for (const proxy of this.#proxies) {
        const { settledAt } = proxy;
        const key = `${settledAt}${this.#keyOf(proxy, types)}`;
        const group = groups.get(key);
        if (group) group.members.push(proxy);
        else groups.set(key, { members: [proxy], settledAt });
      }
      return [...groups.values()];
    });
  }

  #keyOf(proxy: Counted, types: readonly string[]): string {
    let key = proxy.refusals().length > 0 ? ` ${this.#number(proxy)}` : '';
    for (const typeUrl of types) {
      const holding = proxy.session.holding(typeUrl);
      key += '|';
      if (!holding) continue;
      for (const set of holding.sets) key += ` ${this.#number(set)}`;
      key += ` ${this.#number(holding.names)}${holding.retained.size > 0 ? ` ${this.#number(proxy)}` : ''}`;
    }
    return key;
  }

  #number(thing: unknown): number {
    let number = this.#numbers.get(thing);
    if (number === undefined) this.#numbers.set(thing, (number = this.#numbers.size));
    return number;
  }
}
