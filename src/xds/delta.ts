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
  const names = new Set(followed.subscription.names);
  const sent = new Map(followed.subscription.sent);
  let { wildcard } = followed.subscription;
  for (const name of removed) {
    if (name === '*') wildcard = false;
    names.delete(name);
    if (!wildcard) sent.delete(name);
  }
  const answer = new Set<string>();
  let everything = false;
  for (const name of added) {
    if (name === '*') {
      wildcard = true;
      everything = true;
    } else {
      names.add(name);
      answer.add(name);
    }
  }
  const subscription = { ...followed.subscription, names, wildcard, sent };
  if (added.length === 0) return { ...followed, subscription };
  return { subscription, kind: followed.kind, answer: everything ? 'all' : answer };
}

function first(request: DeltaRequest): Decision {
  const names = new Set(request.resourceNamesSubscribe);
  const wildcard = names.delete('*') || (names.size === 0 && isWildcardType(request.typeUrl));
  const sent = new Map(Object.entries(request.initialResourceVersions).map(([name, version]) => [name, { version }] as const));
  const subscription: Subscription = { ...newSubscription(request.typeUrl), wildcard, names, sent };
  return { subscription, kind: 'subscribe', answer: 'all' };
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
