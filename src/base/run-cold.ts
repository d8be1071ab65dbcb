/** Work that is done once, over much data. V8 takes a function that passes over a megabyte for one that is worth its optimizing compilers: they and what they
 * leave behind took 4 MB of a sidecar that is told of 2,000 services, and it is told only once. */
import { setFlagsFromString } from 'node:v8';

/** Bytes from which on that shows. */
const LARGE = 64 * 1024;

/** Runs it, and all threads of the process meanwhile, without optimizing compilers when it reads so many bytes. */
export function runCold<Result>(bytes: number, run: () => Result): Result {
  if (bytes < LARGE) return run();
  // Both tiers; what is optimized already stays so, and calls are counted on.
  setFlagsFromString('--no-maglev');
  setFlagsFromString('--no-turbofan');
  try {
    return run();
  } finally {
    setFlagsFromString('--turbofan');
    setFlagsFromString('--maglev');
  }
}
