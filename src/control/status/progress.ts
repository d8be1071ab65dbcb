import type { Origin } from '../registry/origin.ts';
import type { ProxyGroup } from '../serve/census.ts';
import type { ConnectedProxy } from '../serve/discovery.ts';
import type { Progress, Refusal } from './facts.ts';

/** The connected proxies, as far as their progress goes. */
export interface ProxyView {
  /** Number of the newest snapshot of which every proxy has answered everything; Infinity when there is no proxy. */
  allSettledAt(): number;
  /** The proxies as they are now, to be asked of several objects. */
  census(): { groupsOf(origin: Origin): readonly ProxyGroup[] };
  /** True when the proxy is to hold something that is made from the object, whether it holds it yet or not. */
  wants(proxy: ConnectedProxy, origin: Origin): boolean;
}

const MAX_NAMES = 5;

/** How far the proxies have come with an object.
 * @param since the first snapshot that has its generation */
export function progressOf(origin: Origin, since: number, by: { groups: readonly ProxyGroup[]; wants: ProxyView['wants'] }): Progress {
  const refusals: Refusal[] = [];
  const waitingFor: string[] = [];
  let interested = 0;
  let acknowledged = 0;
  for (const { members, settledAt, holds } of by.groups) {
    const isSettled = settledAt >= since;
    if (isSettled && !holds) continue;
    // Whoever has not answered may be about to get something of it; who is not concerned must not be waited for.
    const concerned = holds ? members : members.filter((proxy) => by.wants(proxy, origin));
    interested += concerned.length;
    const [first] = concerned;
    const refusal = first?.refusals().find(({ origins }) => origins.has(origin));
    // Who refuses something is a group of its own.
    if (first && refusal) refusals.push({ proxy: nameOf(first), message: refusal.message });
    else if (isSettled) acknowledged += concerned.length;
    else waitingFor.push(...concerned.slice(0, MAX_NAMES - waitingFor.length).map(nameOf));
  }
  return { interested, acknowledged, waitingFor, refusals };
}

const nameOf = ({ proxy }: ConnectedProxy): string => `${proxy.name}.${proxy.namespace}`;
