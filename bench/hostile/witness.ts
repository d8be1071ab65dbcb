/** `node witness.ts`: pinned to a processor, and with precedence over all others there, it wants to run every millisecond. When it could not, nobody could: the
 * machine below the machine had taken the processor away (steal), or its kernel kept it. Prints each such gap as it ends: `FROM TO`, ms of `nowMs`. */
import { writeSync } from 'node:fs';
import { nowMs } from './clock.ts';

const EVERY_MS = 1;
/** A request of the well-behaved client takes half as long. */
const GAP_MS = 1;
const STDOUT = 1;

const cell = new Int32Array(new SharedArrayBuffer(4));
for (let last = nowMs(); ; ) {
  Atomics.wait(cell, 0, 0, EVERY_MS);
  const now = nowMs();
  if (now - last > EVERY_MS + GAP_MS) writeSync(STDOUT, `${last} ${now}\n`);
  last = now;
}
