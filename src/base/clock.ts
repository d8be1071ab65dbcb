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
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() };
  },
};

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
