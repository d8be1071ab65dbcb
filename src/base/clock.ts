/** Time as a dependency: everything that waits or dates takes a Clock, so that tests step it. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number;
  /** Monotonic time in milliseconds, the same in all threads; only differences mean something. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive when `unref` is called on it. */
  after(delayMs: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
  unref(): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not `performance.now`, which takes as long, and brings histograms and observers with it: 2 ms of a sidecar's start.
  monotonic() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  after(delayMs, run) {
    if (delayMs > LONGEST_MS) return afterLong(delayMs, run);
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() };
  },
};

/** Of Node's timers, 24.8 days: a longer one would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

function afterLong(delayMs: number, run: () => void): Timer {
  let keepsAlive = true;
  let timer = systemClock.after(LONGEST_MS, () => {
    timer = systemClock.after(delayMs - LONGEST_MS, run);
    if (!keepsAlive) timer.unref();
  });
  return {
    cancel: () => timer.cancel(),
    unref() {
      keepsAlive = false;
      timer.unref();
    },
  };
}

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
