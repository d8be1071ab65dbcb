/** How many clients may be connected where nothing else is said: as many as leave descriptors for connections to upstreams. With none left nobody could be
 * served, not even those who are connected already. Envoy has no such default; it warns. */
import { readOptional } from '../../base/optional-file.ts';

const SHARE = 0.75;

/** @param limits as in /proc/self/limits; Node has raised the soft limit to the hard one */
export function mostClients(limits: string = readOptional('/proc/self/limits') ?? ''): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Math.floor(Number(soft) * SHARE);
}
