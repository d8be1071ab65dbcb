/** What the requests of a measurement took, as far as the machine was there. */
import type { Answered } from './good-client.ts';
import type { Gap } from './processes.ts';

/** In which the machine is looked at, in ms. */
const WINDOW_MS = 50;
/** Gaps of all processors together, in a window in which the machine was there. */
const MOST_GAPS_MS = 2;

/** Of requests that were due while the machine was there: neither in a window in which it was not, nor in the one after it, in which what has gathered is caught up with, nor under way in one in their first
 * 50 ms. What they took has no say in it, so that what a proxy makes others wait for counts, however long. @param requests and `gaps` by ms of `nowMs` */
export function undisturbed(requests: readonly Answered[], gaps: readonly Gap[]): number[] {
  const lost = new Map<number, number>();
  const windowOf = (ms: number): number => Math.floor(ms / WINDOW_MS);
  for (const { from, to } of gaps) {
    for (let window = windowOf(from); window * WINDOW_MS < to; window++) {
      const part = Math.min(to, (window + 1) * WINDOW_MS) - Math.max(from, window * WINDOW_MS);
      lost.set(window, (lost.get(window) ?? 0) + part);
    }
  }
  const isDisturbed = ([due, , end]: Answered): boolean => {
    for (let window = windowOf(due) - 1; window <= windowOf(Math.min(end, due + WINDOW_MS)); window++) if ((lost.get(window) ?? 0) > MOST_GAPS_MS) return true;
    return false;
  };
  return requests.filter((request) => !isDisturbed(request)).map(([, seen, end]) => end - seen);
}

/** Of the processors' time, between two moments (ms of `nowMs`), which part was in gaps. */
export function shareOf(gaps: readonly Gap[], { from, to }: Gap, processors: number): number {
  return gaps.reduce((sum, gap) => sum + Math.max(0, Math.min(gap.to, to) - Math.max(gap.from, from)), 0) / (to - from) / processors;
}
