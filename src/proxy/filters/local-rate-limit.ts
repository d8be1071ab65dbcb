/** Token buckets per filter or route, and within them by descriptors. Envoy: envoy.filters.http.local_ratelimit. */
import type { LocalRateLimit } from '../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import type { TokenBucket as BucketMessage } from '../../xds/generated/envoy/type/v3/token_bucket_pb.js';
import { ConfigError } from '../errors.ts';
import type { FilterContext, HttpFilter } from '../http/filter.ts';
import { compileHeaderEdits, type HeaderEdits } from '../route/header-edits.ts';
import { durationMs, fraction } from '../route/numbers.ts';
import { descriptorText } from '../route/rate-limits.ts';
import type { BucketMaker } from './bucket-maker.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface RateLimitSettings {
  readonly bucket: TokenBucket | undefined;
  /** By descriptor, as `descriptorText` writes it. */
  readonly descriptors: ReadonlyMap<string, TokenBucket>;
  /** Requests that a descriptor is for take a token of the bucket too. */
  readonly alwaysTakes: boolean;
  readonly stage: number;
  readonly hostRules: 'override' | 'include' | 'ignore';
  readonly status: number;
  readonly enabled: number;
  readonly enforced: number;
  readonly responseEdits: HeaderEdits | undefined;
  /** Of requests that go on because the limit is not enforced. */
  readonly requestEdits: HeaderEdits | undefined;
  readonly tellsLimits: boolean;
  readonly resourceExhausted: boolean;
}

const HOST_RULES: readonly RateLimitSettings['hostRules'][] = ['override', 'include', 'ignore'];

export function compileLocalRateLimit(message: LocalRateLimit, buckets: BucketMaker): RateLimitSettings {
  if (message.localClusterRateLimit) throw new ConfigError('local_ratelimit: local_cluster_rate_limit is not supported');
  if (message.localRateLimitPerDownstreamConnection) throw new ConfigError('local_ratelimit: local_rate_limit_per_downstream_connection is not supported');
  const status = message.status?.code as number | undefined;
  return {
    bucket: message.tokenBucket && compileBucket(message.tokenBucket, buckets),
    descriptors: new Map(message.descriptors.flatMap(({ entries, tokenBucket }) => (tokenBucket ? [[descriptorText(entries.map(({ key, value }) => [key, value])), compileBucket(tokenBucket, buckets)] as const] : []))),
    alwaysTakes: message.alwaysConsumeDefaultTokenBucket ?? true,
    stage: message.stage,
    hostRules: HOST_RULES[message.vhRateLimits] ?? 'override',
    status: status !== undefined && status >= 400 ? status : 429,
    // Envoy: both are 0 % when absent.
    enabled: fraction(message.filterEnabled?.defaultValue, 0),
    enforced: fraction(message.filterEnforced?.defaultValue, 0),
    responseEdits: compileHeaderEdits({ add: message.responseHeadersToAdd, remove: [] }),
    requestEdits: compileHeaderEdits({ add: message.requestHeadersToAddWhenNotEnforced, remove: [] }),
    tellsLimits: message.enableXRatelimitHeaders === 1,
    resourceExhausted: message.rateLimitedAsResourceExhausted,
  };
}

function compileBucket(message: BucketMessage, buckets: BucketMaker): TokenBucket {
  const intervalMs = durationMs(message.fillInterval) ?? 0;
  if (intervalMs < 50) throw new ConfigError('local_ratelimit: token_bucket.fill_interval must be at least 50 ms');
  return buckets.make(message.maxTokens, { tokens: message.tokensPerFill ?? 1, intervalMs });
}

/** What the answer is told of. */
interface Verdict {
  readonly settings: RateLimitSettings;
  readonly bucket: TokenBucket | undefined;
  readonly isLimited: boolean;
}

export function createLocalRateLimitFilter(name: string, own: RateLimitSettings): HttpFilter {
  const verdicts = new WeakMap<FilterContext, Verdict>();
  return {
    name,
    onRequest(context) {
      const perRoute = context.perRoute(name);
      if (perRoute === null) return 'continue';
      // What the registry has compiled for this filter.
      const settings = (perRoute as RateLimitSettings | undefined) ?? own;
      if (context.random() >= settings.enabled) return 'continue';
      const { allowed, bucket } = ask(settings, context);
      const isLimited = !allowed && context.random() < settings.enforced;
      if (isLimited || settings.tellsLimits) verdicts.set(context, { settings, bucket, isLimited });
      if (allowed) return 'continue';
      if (!isLimited) {
        settings.requestEdits?.(context.request.headers, context);
        return 'continue';
      }
      context.reply({ status: settings.status, body: 'local_rate_limited', flag: 'RL', details: 'local_rate_limited', grpcStatus: settings.resourceExhausted ? 8 : undefined });
      return 'done';
    },
    onResponse(context, { headers }) {
      const verdict = verdicts.get(context);
      if (!verdict) return;
      const { settings, bucket, isLimited } = verdict;
      if (isLimited) settings.responseEdits?.(headers, context);
      if (!settings.tellsLimits || !bucket) return;
      headers.add('x-ratelimit-limit', String(bucket.size));
      headers.add('x-ratelimit-remaining', String(bucket.remaining));
      headers.add('x-ratelimit-reset', String(bucket.resetS));
    },
  };
}

interface Answer {
  readonly allowed: boolean;
  /** The one that is told of. */
  readonly bucket: TokenBucket | undefined;
}

/** Of the buckets whose descriptors fit, the slowest is asked first; the common one last. */
function ask(settings: RateLimitSettings, context: FilterContext): Answer {
  const { bucket, descriptors, alwaysTakes } = settings;
  const own = descriptors.size === 0 ? [] : fitting(settings, context);
  for (const one of own) if (!one.take()) return { allowed: false, bucket: one };
  const [first] = own;
  if (bucket && (first === undefined || alwaysTakes) && !bucket.take()) return { allowed: false, bucket };
  return { allowed: true, bucket: first ?? bucket };
}

function fitting({ descriptors, stage, hostRules }: RateLimitSettings, context: FilterContext): TokenBucket[] {
  const limits = context.route?.rateLimits;
  if (!limits) return [];
  const isHostAsked = limits.includesHost || hostRules === 'include' || (hostRules === 'override' && limits.own.length === 0);
  const found: TokenBucket[] = [];
  for (const rule of isHostAsked ? [...limits.own, ...limits.host] : limits.own) {
    const text = rule.stage === stage ? rule.describe(context) : undefined;
    const bucket = text === undefined ? undefined : descriptors.get(text);
    if (bucket) found.push(bucket);
  }
  return found.sort((a, b) => a.rate - b.rate);
}
