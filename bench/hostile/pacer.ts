/** The clock of the well-behaved client, in a thread of its own: says when a request is due, to a tenth of a millisecond. Timers of the event loop know whole milliseconds only. */
import { parentPort, workerData } from 'node:worker_threads';
import { nowMs } from './clock.ts';

const { perSecond } = workerData as { perSecond: number };
const cell = new Int32Array(new SharedArrayBuffer(4));
/** @param due ms of `nowMs`; 0: that was all */
// oxlint-disable-next-line unicorn/require-post-message-target-origin
const say = (due: number) => parentPort?.postMessage(due);

parentPort?.on('message', (seconds: number) => {
  const end = nowMs() + seconds * 1000;
  for (let due = nowMs(); due < end; ) {
    // Evenly spaced, every request would meet the same phase of the proxy's timers.
    due += (0.5 + Math.random()) * (1000 / perSecond);
    const left = due - nowMs();
    if (left > 0) Atomics.wait(cell, 0, 0, left);
    say(due);
  }
  say(0);
});
