import { NameSet } from './name-set.ts';
import { isWildcardType } from './type-urls.ts';
import { newSubscription, type Decision, type Subscription } from './subscription.ts';

export interface SotwRequest {
  typeUrl: string;
  resourceNames: readonly string[];
  responseNonce: string;
  errorDetail?: { message: string };
}

/** Decides how to answer one state-of-the-world DiscoveryRequest. Pure: the caller sends and stores.
 * Spec: xDS "ACK/NACK and resource type instance version"; a stale nonce is never answered, names that were only dropped
 * need no answer, and a request without nonce starts over. */
export function decideSotw(before: Subscription | undefined, request: SotwRequest): Decision {
  if (before === undefined || request.responseNonce === '') {
    const fresh = newSubscription(request.typeUrl);
    return { subscription: { ...fresh, ...named(request) }, kind: 'subscribe', answer: 'all' };
  }
  if (request.responseNonce !== before.nonce) return { subscription: before, kind: 'stale' };
  const next = named(request);
  const isNack = request.errorDetail !== undefined;
  const subscription: Subscription = {
    ...before,
    ...next,
    waiting: false,
    error: request.errorDetail?.message,
    ackedNonce: isNack ? before.ackedNonce : request.responseNonce,
  };
  const isWider = (next.wildcard && !before.wildcard) || [...next.names].some((name) => !before.names.has(name));
  const kind = isNack ? 'nack' : 'ack';
  return isWider ? { subscription, kind, answer: 'all' } : { subscription, kind };
}

function named(request: SotwRequest): Pick<Subscription, 'wildcard' | 'names'> {
  const asked = new Set(request.resourceNames);
  const wildcard = asked.delete('*') || (asked.size === 0 && isWildcardType(request.typeUrl));
  return { wildcard, names: NameSet.of(asked) };
}
