/** What the requests of a measurement took, as far as the machine was there. */
import type { Answered } from './good-client.ts';
import type { Gap } from './processes.ts';

/** Of requests that were under way in no gap, nor while what had gathered in it was caught up with, for which as long again is taken. What a proxy makes others
 * wait for is not in gaps: who watches has precedence over it. */
export function undisturbed(requests: readonly Answered[], gaps: readonly Gap[]): number[] {
  const apart = gaps.map(({ from, to }) => ({ from, to: to + (to - from) }));
  return requests.filter(([due, , end]) => !apart.some((gap) => gap.from < end && due < gap.to)).map(([, seen, end]) => end - seen);
}
