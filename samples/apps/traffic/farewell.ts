/** Calls a URL again and again while the process ends. */
export interface Farewell {
  calls: number;
  failed: number;
  /** Of the first failure. */
  error?: string;
}

const PAUSE_MS = 20;

export async function callUntil(url: string, seconds: number): Promise<Farewell> {
  const result: Farewell = { calls: 0, failed: 0 };
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    result.calls++;
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`status ${response.status}`);
    } catch (error) {
      result.failed++;
      result.error ??= String(error instanceof Error ? (error.cause ?? error) : error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return result;
}
