import type { Origin } from '../registry/origin.ts';
import type { ConnectedProxy } from '../serve/discovery.ts';
import type { Progress, Refusal } from './facts.ts';

/** The connected proxies, as far as their progress goes. */
export interface ProxyView {
  all(): readonly ConnectedProxy[];
  /** Number of the newest snapshot of which every proxy has answered everything; Infinity when there is no proxy. */
  allSettledAt(): number;
  /** Tells whether a proxy holds something that is made from the object; to be asked of many proxies at once. */
  holdersOf(origin: Origin): (proxy: ConnectedProxy) => boolean;
  /** True when the proxy is to hold something that is made from the object, whether it holds it yet or not. */
  wants(proxy: ConnectedProxy, origin: Origin): boolean;
}

const MAX_NAMES = 5;

/** How far the proxies have come with an object.
 * @param since the first snapshot that has its generation */
export function progressOf(origin: Origin, since: number, proxies: ProxyView): Progress {
  const refusals: Refusal[] = [];
  const waitingFor: string[] = [];
  let interested = 0;
  let acknowledged = 0;
  const holds = proxies.holdersOf(origin);
  for (const connection of proxies.all()) {
    const isSettled = connection.settledAt >= since;
    // Whoever has not answered may be about to get something of it; who is not concerned must not be waited for.
    if (!holds(connection) && (isSettled || !proxies.wants(connection, origin))) continue;
    interested += 1;
    const refusal = connection.refusals().find(({ origins }) => origins.has(origin));
    if (refusal) refusals.push({ proxy: nameOf(connection), message: refusal.message });
    else if (isSettled) acknowledged += 1;
    else if (waitingFor.length < MAX_NAMES) waitingFor.push(nameOf(connection));
  }
  return { interested, acknowledged, waitingFor, refusals };
}

const nameOf = ({ proxy }: ConnectedProxy): string => `${proxy.name}.${proxy.namespace}`;
