/** A token bucket per filter or route. Envoy: envoy.filters.http.local_ratelimit, without descriptors. */
import type { LocalRateLimit } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import type { Clock } from '../../base/clock.ts';
import { ConfigError } from '../errors.ts';
import type { HttpFilter } from '../http/filter.ts';
import { durationMs, fraction } from '../route/numbers.ts';

export interface RateLimitSettings {
  readonly bucket: TokenBucket | undefined;
  readonly status: number;
  readonly enabled: number;
  readonly enforced: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly resourceExhausted: boolean;
}

export interface TokenBucket {
  /** Takes a token if there is one. */
  take(): boolean;
}

/** Full at the start; gains `perFill` tokens each interval. */
export function createTokenBucket(size: number, perFill: number, intervalMs: number, clock: Clock): TokenBucket {
  let tokens = size;
  let filledAt = clock.monotonic();
  return {
    take() {
      const steps = Math.floor((clock.monotonic() - filledAt) / intervalMs);
      if (steps > 0) {
        tokens = Math.min(size, tokens + steps * perFill);
        filledAt += steps * intervalMs;
      }
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}

export function compileLocalRateLimit(message: LocalRateLimit, clock: Clock): RateLimitSettings {
  if (message.descriptors.length > 0) throw new ConfigError('local_ratelimit: descriptors are not supported');
  const bucket = message.tokenBucket;
  const interval = durationMs(bucket?.fillInterval) ?? 0;
  if (bucket && interval < 50) throw new ConfigError('local_ratelimit: token_bucket.fill_interval must be at least 50 ms');
  const status = message.status?.code as number | undefined;
  return {
    bucket: bucket && createTokenBucket(bucket.maxTokens, bucket.tokensPerFill ?? 1, interval, clock),
    status: status !== undefined && status >= 400 ? status : 429,
    // Envoy: both are 0 % when absent.
    enabled: fraction(message.filterEnabled?.defaultValue, 0),
    enforced: fraction(message.filterEnforced?.defaultValue, 0),
    headers: message.responseHeadersToAdd.map((option) => [(option.header?.key ?? '').toLowerCase(), option.header?.value ?? ''] as const),
    resourceExhausted: message.rateLimitedAsResourceExhausted,
  };
}

export function createLocalRateLimitFilter(name: string, own: RateLimitSettings): HttpFilter {
  return {
    name,
    onRequest(context) {
      const perRoute = context.perRoute(name);
      if (perRoute === null) return 'continue';
      const settings = (perRoute as RateLimitSettings | undefined) ?? own;
      if (!settings.bucket || context.random() >= settings.enabled || settings.bucket.take()) return 'continue';
      if (context.random() >= settings.enforced) return 'continue';
      context.reply({
        status: settings.status, body: 'local_rate_limited', flag: 'RL', details: 'local_rate_limited', grpcStatus: settings.resourceExhausted ? 8 : undefined,
        headers: [['x-envoy-ratelimited', 'true'], ...settings.headers],
      });
      return 'done';
    },
  };
}
