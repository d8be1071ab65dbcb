/** Compiled routes: what a route configuration means, without what happens then. */
import type { ConfigMetadata } from '../outcome.ts';
import type { HashPolicy } from './hash-policy.ts';
import type { HeaderEdits } from './header-edits.ts';
import type { RequestPredicate } from './header-match.ts';
import type { RateLimitRule } from './rate-limits.ts';
import type { RequestView } from './request-view.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { FindRoute, PathShape } from './route-index.ts';

/** Compiled `typed_per_filter_config`, by filter name; null where the filter is disabled. */
export type PerFilter = ReadonlyMap<string, unknown>;

export interface WeightedDestination {
  readonly cluster: string;
  readonly weight: number;
  readonly hostRewrite?: string;
  readonly requestEdits?: HeaderEdits;
  readonly responseEdits?: HeaderEdits;
  readonly perFilter: PerFilter;
}

export interface MirrorPolicy {
  readonly cluster: string;
  /** 0…1 */
  readonly fraction: number;
  readonly appendShadow: boolean;
}

export type HostRewrite =
  | { readonly by: 'literal'; readonly host: string }
  | { readonly by: 'auto' }
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'path'; rewrite(path: string): string };

export interface ForwardAction {
  readonly kind: 'forward';
  /** A single cluster, or weighted ones, or the name of a header that carries the cluster's name. */
  readonly target: { readonly cluster: WeightedDestination } | { readonly weighted: readonly WeightedDestination[]; readonly total: number } | { readonly header: string };
  readonly clusterNotFoundCode: number;
  /** Rewrites path and query. */
  readonly rewritePath?: (path: string) => string;
  readonly hostRewrite?: HostRewrite;
  readonly appendForwardedHost: boolean;
  /** Whole response; 0: none. Envoy's default: 15 s. */
  readonly timeoutMs: number;
  /** Undefined: the connection manager's. */
  readonly idleTimeoutMs?: number;
  /** Present when `grpc-timeout` is obeyed in place of `timeoutMs`; 0: without a cap. */
  readonly grpcTimeoutMaxMs?: number;
  /** Most time of the whole exchange, which is given up even when the answer has begun. */
  readonly duration?: DurationLimit;
  readonly retry?: RetryPolicy;
  readonly mirrors: readonly MirrorPolicy[];
  readonly hash?: HashPolicy;
  readonly upgrades: ReadonlyMap<string, boolean>;
  readonly highPriority: boolean;
}

export interface DurationLimit {
  /** 0: none. */
  readonly maxMs: number;
  /** Present when `grpc-timeout` decides, up to this; 0: without a cap. */
  readonly grpcMaxMs?: number;
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: number;
  location(request: RequestView): string;
}

export interface DirectAction {
  readonly kind: 'direct';
  readonly status: number;
  readonly body: Buffer;
}

export type RouteAction = ForwardAction | RedirectAction | DirectAction;

export interface RouteRateLimits {
  readonly own: readonly RateLimitRule[];
  /** Of the virtual host. */
  readonly host: readonly RateLimitRule[];
  /** The route says that those of its host count too. */
  readonly includesHost: boolean;
}

export interface Route {
  readonly name: string;
  readonly shape: PathShape;
  readonly matches: RequestPredicate;
  readonly action: RouteAction;
  readonly requestEdits: readonly HeaderEdits[];
  readonly responseEdits: readonly HeaderEdits[];
  readonly perFilter: PerFilter;
  /** Name of the operation in traces. */
  readonly decorator?: string;
  readonly metadata?: ConfigMetadata;
  /** What rate limits may ask of a request; absent: nothing. */
  readonly rateLimits?: RouteRateLimits;
  readonly virtualHost: VirtualHost;
}

export interface VirtualHost {
  readonly name: string;
  readonly metadata?: ConfigMetadata;
  readonly domains: readonly string[];
  readonly requireTls: 'none' | 'external' | 'all';
  readonly attemptCountInRequest: boolean;
  readonly attemptCountInResponse: boolean;
  /** Retries after a try that took too long say so. */
  readonly timeoutRetryInRequest: boolean;
  readonly routes: readonly Route[];
  /** First route of the list that matches. */
  readonly find: FindRoute<Route>;
}

/** @param random 0 ≤ random < 1 */
export function pickDestination(action: ForwardAction, request: RequestView, random: number): WeightedDestination {
  const { target } = action;
  if ('cluster' in target) return target.cluster;
  if ('header' in target) return { cluster: request.headers.get(target.header) ?? '', weight: 1, perFilter: NO_FILTERS };
  let point = random * target.total;
  for (const candidate of target.weighted) {
    point -= candidate.weight;
    if (point < 0) return candidate;
  }
  // Rounding may leave a hair above the last bound.
  return target.weighted.findLast((candidate) => candidate.weight > 0) ?? { cluster: '', weight: 0, perFilter: NO_FILTERS };
}

const NO_FILTERS: PerFilter = new Map();
