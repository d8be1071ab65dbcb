/** Waiting times between attempts: exponential with full jitter, so that a thousand sidecars do not come back together. */
export interface Backoff {
  /** Time to wait before the next attempt, ms. */
  next(): number;
  /** After a success. */
  reset(): void;
}

export function createBackoff(options: { readonly baseMs: number; readonly maxMs: number; readonly random?: () => number }): Backoff {
  const { baseMs, maxMs, random = Math.random } = options;
  let failures = 0;
  return {
    next() {
      const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30));
      failures += 1;
      // Never zero: a server that refuses at once must not be asked in a busy loop.
      return Math.max(baseMs / 2, ceiling * random());
    },
    reset: () => void (failures = 0),
  };
}
