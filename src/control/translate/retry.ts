import type { HttpRetry } from '../../api/virtual-service.ts';
import type { RetryPolicySchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { Delivery, DELIVERY_HEADER, RETRY_UNDELIVERED } from '../../xds/delivery.ts';
import { durationOf, pack, type Init } from './message.ts';

type RetryInit = Init<typeof RetryPolicySchema>;

const DEFAULT_CONDITIONS = `connect-failure,refused-stream,unavailable,cancelled,${RETRY_UNDELIVERED}`;

/** Retries of a route. Without a word from the user: the mesh's default, twice, on failures in which the server has not seen
 * the request, or in which seeing it again does no harm. Istio: retry.ConvertPolicy.
 * @param options.keepsHost requests are hashed to a host; a retry must then not avoid it */
export function retryPolicy(asked: HttpRetry | undefined, options: { fallback: HttpRetry; keepsHost: boolean }): RetryInit | undefined {
  const retry = asked ?? options.fallback;
  const attempts = retry.attempts ?? (asked ? 0 : 2);
  if (attempts <= 0) return undefined;
  const conditions = retry.retryOn ? parseConditions(retry.retryOn) : { retryOn: DEFAULT_CONDITIONS, codes: [] };
  const avoids = retry.retryIgnorePreviousHosts ?? !options.keepsHost;
  const deliveries = retriedDeliveries(conditions.retryOn.split(','));
  return {
    numRetries: attempts,
    retryOn: deliveries.length > 0 ? `${conditions.retryOn},retriable-headers` : conditions.retryOn,
    retriableHeaders: deliveries.map((exact) => ({ name: DELIVERY_HEADER, headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: exact } } } })),
    retriableStatusCodes: conditions.codes,
    hostSelectionRetryMaxAttempts: 5n,
    perTryTimeout: durationOf(retry.perTryTimeout),
    ...(retry.backoff ? { retryBackOff: { baseInterval: durationOf(retry.backoff) } } : {}),
    ...(avoids ? { retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts', configType: { case: 'typedConfig', value: pack(PreviousHostsPredicateSchema) } }] } : {}),
    ...(retry.retryRemoteLocalities === true
      ? { retryPriority: { name: 'envoy.retry_priorities.previous_priorities', configType: { case: 'typedConfig', value: pack(PreviousPrioritiesConfigSchema, { updateFrequency: 2 }) } } }
      : {}),
  };
}

/** What the sidecar of the called workload could not finish, as if it had failed on the way to that sidecar. */
function retriedDeliveries(words: readonly string[]): string[] {
  const out = new Set<string>();
  if (words.includes('connect-failure')) out.add(Delivery.None);
  if (words.includes(RETRY_UNDELIVERED)) out.add(Delivery.Repeatable);
  if (words.includes('reset')) for (const delivery of Object.values(Delivery)) out.add(delivery);
  return [...out];
}

const isStatus = (part: string): boolean => /^[1-5]\d\d$/.test(part);

/** Words and status codes, mixed: `5xx,reset,503`. */
function parseConditions(text: string): { retryOn: string; codes: number[] } {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '');
  const codes = parts.filter((part) => isStatus(part)).map(Number);
  const words = parts.filter((part) => !isStatus(part));
  if (codes.length > 0 && !words.includes('retriable-status-codes')) words.push('retriable-status-codes');
  return { retryOn: words.join(','), codes };
}
