/** Polls `probe` until it stops throwing and returns its value; fails with the last error when time is up.
 * For waiting on another process or socket, never to hide a failure: the probe asserts the final state. */
export async function eventually<T>(probe: () => T | Promise<T>, options: { timeoutMs?: number; everyMs?: number } = {}): Promise<T> {
  const { timeoutMs = 20_000, everyMs = 20 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
