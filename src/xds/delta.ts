import { NameSet } from './name-set.ts';
import { isWildcardType } from './type-urls.ts';
import { newSubscription, type Decision, type Subscription } from './subscription.ts';

export interface DeltaRequest {
  typeUrl: string;
  resourceNamesSubscribe: readonly string[];
  resourceNamesUnsubscribe: readonly string[];
  initialResourceVersions: Readonly<Record<string, string>>;
  responseNonce: string;
  errorDetail?: { message: string };
}

/** Decides what one DeltaDiscoveryRequest means. Pure: the caller sends and stores.
 * Spec: xDS "Incremental xDS": subscription changes count even when the nonce is stale; a name that is subscribed again is
 * sent again; on the first request of a stream an empty list, or `*`, is the wildcard. */
export function decideDelta(before: Subscription | undefined, request: DeltaRequest): Decision {
  if (before === undefined) return first(request);
  const { resourceNamesSubscribe: added, resourceNamesUnsubscribe: removed } = request;
  const followed = follow(before, request);
  if (added.length === 0 && removed.length === 0) return followed;
  const wildcard = added.includes('*') || (followed.subscription.wildcard && !removed.includes('*'));
  const answer = new Set(added.filter((name) => name !== '*'));
  const names = followed.subscription.names.with(answer, removed.filter((name) => !answer.has(name)));
  const subscription = { ...followed.subscription, names, wildcard };
  if (added.length === 0) return { ...followed, subscription };
  return { subscription, kind: followed.kind, answer: added.includes('*') ? 'all' : answer };
}

function first(request: DeltaRequest): Decision {
  const asked = new Set(request.resourceNamesSubscribe);
  const wildcard = asked.delete('*') || (asked.size === 0 && isWildcardType(request.typeUrl));
  const subscription: Subscription = { ...newSubscription(request.typeUrl), wildcard, names: NameSet.of(asked) };
  const brought = new Map(Object.entries(request.initialResourceVersions));
  return { subscription, kind: 'subscribe', answer: 'all', ...(brought.size > 0 ? { brought } : {}) };
}

function follow(before: Subscription, request: DeltaRequest): Decision {
  const { responseNonce } = request;
  if (responseNonce === '') return { subscription: before, kind: 'subscribe' };
  if (responseNonce !== before.nonce) return { subscription: before, kind: 'stale' };
  if (request.errorDetail) {
    return { subscription: { ...before, waiting: false, error: request.errorDetail.message }, kind: 'nack' };
  }
  return { subscription: { ...before, waiting: false, error: undefined, ackedNonce: responseNonce }, kind: 'ack' };
}
