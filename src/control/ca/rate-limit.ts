/** Bounds how often one identity may have a key signed: a workload in a crash loop must not use up the authority. */
import type { Clock } from '../../base/clock.ts';

export interface RateLimit {
  /** False when the key has used up its share for now. */
  allow(key: string): boolean;
}

export interface RateLimitOptions {
  readonly perSecond: number;
  readonly burst: number;
  /** Keys remembered; beyond it the oldest is forgotten, which errs on the side of allowing. Default 10,000. */
  readonly maxKeys?: number;
  readonly clock: Clock;
}

export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { perSecond, burst, maxKeys = 10_000, clock } = options;
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    allow(key) {
      const now = clock.monotonic();
      const bucket = buckets.get(key) ?? { tokens: burst, at: now };
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
      bucket.at = now;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > maxKeys) for (const oldest of buckets.keys()) { buckets.delete(oldest); break; }
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
  };
}
