import type { Clock, Timer } from '../base/clock.ts';

export interface DebounceOptions {
  /** Runs when nothing came for this long … */
  quietMs: number;
  /** … but never later than this after the first call. */
  maxMs: number;
  clock: Clock;
}

export interface Debounced {
  trigger(): void;
  close(): void;
}

/** Joins a burst of calls into one run. */
export function createDebounce(options: DebounceOptions, run: () => void): Debounced {
  const { quietMs, maxMs, clock } = options;
  let timer: Timer | undefined;
  let firstAt = 0;
  let isClosed = false;
  const fire = () => {
    timer = undefined;
    run();
  };
  return {
    trigger() {
      if (isClosed) return;
      const now = clock.monotonic();
      if (timer === undefined) firstAt = now;
      else timer.cancel();
      timer = clock.after(Math.max(0, Math.min(quietMs, firstAt + maxMs - now)), fire);
    },
    close() {
      isClosed = true;
      timer?.cancel();
      timer = undefined;
    },
  };
}
