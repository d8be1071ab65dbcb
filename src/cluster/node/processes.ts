/** Reading /proc. */
import { readFileSync } from 'node:fs';

/** Process ids of the children of a process's first thread; empty when it has none or is gone. */
export function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter((text) => text.trim() !== '').map(Number);
  } catch {
    // The process ended meanwhile.
    return [];
  }
}
