/** `node witness.ts`: pinned to a processor, and with precedence over all others there, it wants to run every half of a millisecond. When it could not, nobody could: the
 * machine below the machine had taken the processor away (steal), or its kernel kept it. Prints each such gap as it ends: `FROM TO`, ms of `nowMs`.
 *
 * A gap is more than the kernel takes for one thing that somebody else asks of it, before which it lets nobody go; and less than a request of the well-behaved client takes. */
import { writeSync } from 'node:fs';
import { nowMs } from './clock.ts';

const EVERY_MS = 0.5;
const GAP_MS = 0.3;
const STDOUT = 1;

const cell = new Int32Array(new SharedArrayBuffer(4));
for (let last = nowMs(); ; ) {
  Atomics.wait(cell, 0, 0, EVERY_MS);
  const now = nowMs();
  const due = last + EVERY_MS;
  if (now - due > GAP_MS) writeSync(STDOUT, `${due} ${now}\n`);
  last = now;
}
