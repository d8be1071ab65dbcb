import type { RetryPolicy as RetryPolicyMessage } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { Delivery, DELIVERY_HEADER, RETRY_UNDELIVERED } from '../../xds/delivery.ts';
import { compileHeaderMatcher, type RequestPredicate } from './header-match.ts';
import { durationMs } from './numbers.ts';
import type { Fields, RequestView } from './request-view.ts';

/** The words of `retry_on`. Envoy: router filter, x-envoy-retry-on and x-envoy-retry-grpc-on; the last one is ours. */
const WORDS = [
  '5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream', 'retriable-status-codes',
  'retriable-headers', 'http3-post-connect-failure', 'cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable',
  RETRY_UNDELIVERED,
] as const;
export type RetryWord = (typeof WORDS)[number];

export interface RetryPolicy {
  readonly on: ReadonlySet<RetryWord>;
  readonly maxRetries: number;
  /** 0: none. */
  readonly perTryTimeoutMs: number;
  readonly baseBackOffMs: number;
  readonly maxBackOffMs: number;
  readonly statusCodes: ReadonlySet<number>;
  readonly retriableHeaders: readonly RequestPredicate[];
  readonly requestHeaders: readonly RequestPredicate[];
  /** Tries that may be spent on finding a host not tried before; 0 when hosts may repeat. */
  readonly avoidPreviousHosts: boolean;
  readonly hostAttempts: number;
}

export type TryFailure = 'connect-failure' | 'refused-stream' | 'reset' | 'reset-before-request' | 'per-try-timeout';

const DEFAULT_BASE_MS = 25;

/** Unknown words are ignored, as in Envoy. */
export function parseRetryOn(text: string): Set<RetryWord> {
  const words = new Set<RetryWord>();
  for (const part of text.split(',')) {
    const word = part.trim();
    if ((WORDS as readonly string[]).includes(word)) words.add(word as RetryWord);
  }
  return words;
}

/** Istio writes status codes into retry_on as bare numbers. */
function codesIn(text: string): number[] {
  return text.split(',').map((part) => part.trim()).filter((part) => /^[1-5]\d\d$/.test(part)).map(Number);
}

export function compileRetryPolicy(message: RetryPolicyMessage | undefined): RetryPolicy | undefined {
  if (message === undefined) return undefined;
  const on = parseRetryOn(message.retryOn);
  const listed = codesIn(message.retryOn);
  if (listed.length > 0) on.add('retriable-status-codes');
  const base = Math.max(1, durationMs(message.retryBackOff?.baseInterval) ?? DEFAULT_BASE_MS);
  return {
    on,
    maxRetries: message.numRetries ?? 1,
    perTryTimeoutMs: durationMs(message.perTryTimeout) ?? 0,
    baseBackOffMs: base,
    maxBackOffMs: durationMs(message.retryBackOff?.maxInterval) ?? base * 10,
    statusCodes: new Set([...message.retriableStatusCodes, ...listed]),
    retriableHeaders: message.retriableHeaders.map(compileHeaderMatcher),
    requestHeaders: message.retriableRequestHeaders.map(compileHeaderMatcher),
    avoidPreviousHosts: message.retryHostPredicate.some((predicate) => predicate.name.endsWith('previous_hosts')),
    hostAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
  };
}

/** May this request be retried at all? */
export function retriesRequest(policy: RetryPolicy, request: RequestView): boolean {
  return policy.on.size > 0 && (policy.requestHeaders.length === 0 || policy.requestHeaders.some((matches) => matches(request)));
}

export function retriesFailure(policy: RetryPolicy, failure: TryFailure): boolean {
  const { on } = policy;
  switch (failure) {
    case 'connect-failure':
      return on.has('connect-failure') || on.has('reset') || on.has('5xx') || on.has('gateway-error') || on.has('reset-before-request');
    case 'refused-stream':
      return on.has('refused-stream') || on.has('reset') || on.has('5xx') || on.has('gateway-error');
    case 'reset-before-request':
      return on.has('reset-before-request') || on.has('reset') || on.has('5xx') || on.has('gateway-error');
    case 'reset':
      return on.has('reset') || on.has('5xx') || on.has('gateway-error');
    case 'per-try-timeout':
      return on.has('5xx') || on.has('gateway-error') || on.has('reset');
  }
}

const GRPC_CODES: readonly [code: number, word: RetryWord][] = [
  [1, 'cancelled'],
  [4, 'deadline-exceeded'],
  [8, 'resource-exhausted'],
  [13, 'internal'],
  [14, 'unavailable'],
];

/** Decides by response headers. gRPC status counts only in a trailers-only response, the sole case in which it comes first. */
export function retriesResponse(policy: RetryPolicy, status: number, headers: Fields): boolean {
  const { on } = policy;
  const grpc = headers.get('grpc-status');
  if (on.has(RETRY_UNDELIVERED) && (status >= 500 || grpc !== undefined)) {
    const delivery = headers.get(DELIVERY_HEADER);
    if (delivery !== undefined) return delivery !== Delivery.Possible;
  }
  if (headers.get('x-envoy-ratelimited') !== undefined) return on.has('envoy-ratelimited');
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && policy.statusCodes.has(status)) return true;
  if (on.has('retriable-headers')) {
    const view: RequestView = { method: '', path: '', authority: '', scheme: '', headers };
    if (policy.retriableHeaders.some((matches) => matches(view))) return true;
  }
  return grpc !== undefined && GRPC_CODES.some(([code, word]) => code === Number(grpc) && on.has(word));
}

/** Fully jittered exponential back-off. @param retry 1 for the first retry @param random 0 ≤ random < 1 */
export function backOffMs(policy: RetryPolicy, retry: number, random: number): number {
  const ceiling = Math.min(policy.maxBackOffMs, policy.baseBackOffMs * (2 ** retry - 1));
  return random * ceiling;
}
