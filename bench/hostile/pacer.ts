/** The clock of the well-behaved client, in a thread of its own: says when a request is due, to a tenth of a millisecond. Timers of the event loop know whole milliseconds only. */
import { parentPort, workerData } from 'node:worker_threads';

const { perSecond } = workerData as { perSecond: number };
const cell = new Int32Array(new SharedArrayBuffer(4));
/** @param due ms since the epoch; 0: that was all */
// oxlint-disable-next-line unicorn/require-post-message-target-origin
const say = (due: number) => parentPort?.postMessage(due);
const now = (): number => performance.timeOrigin + performance.now();

parentPort?.on('message', (seconds: number) => {
  const end = now() + seconds * 1000;
  for (let due = now(); due < end; ) {
    // Evenly spaced, every request would meet the same phase of the proxy's timers.
    due += (0.5 + Math.random()) * (1000 / perSecond);
    const left = due - now();
    if (left > 0) Atomics.wait(cell, 0, 0, left);
    say(due);
  }
  say(0);
});
