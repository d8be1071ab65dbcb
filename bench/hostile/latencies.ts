/** What the requests of a measurement took, as far as the machine was there. */
import type { Answered } from './good-client.ts';
import type { Gap } from './processes.ts';

/** Of requests that were not under way in gaps for more than half of their time, counting as long again for each, in which what has gathered in it is caught up with.
 * What a proxy makes others wait for is not in gaps, since who watches has precedence over it; and who has waited long has waited, whatever else was meanwhile. */
export function undisturbed(requests: readonly Answered[], gaps: readonly Gap[]): number[] {
  const apart = gaps.map(({ from, to }) => ({ from, to: to + (to - from) }));
  const disturbed = ([due, , end]: Answered): number => apart.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(end, to) - Math.max(due, from)), 0);
  return requests.filter((request) => disturbed(request) * 2 <= request[2] - request[0]).map(([, seen, end]) => end - seen);
}

/** Of the processors' time, between two moments (ms of `nowMs`), which part was in gaps. */
export function shareOf(gaps: readonly Gap[], { from, to }: Gap, processors: number): number {
  return gaps.reduce((sum, gap) => sum + Math.max(0, Math.min(gap.to, to) - Math.max(gap.from, from)), 0) / (to - from) / processors;
}
