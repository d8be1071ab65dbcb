import assert from 'node:assert/strict';
import test from 'node:test';
import { decideSotw, type SotwRequest } from './sotw.ts';
import { NameSet } from './name-set.ts';
import { newSubscription, type Subscription } from './subscription.ts';
import { TypeUrl } from './type-urls.ts';

const request = (over: Partial<SotwRequest> = {}): SotwRequest => ({ typeUrl: TypeUrl.Endpoints, resourceNames: ['a', 'b'], responseNonce: '', ...over });
const known: Subscription = { ...newSubscription(TypeUrl.Endpoints), names: NameSet.of(['a', 'b']), nonce: '5', waiting: true, ackedNonce: '4' };

for (const [name, over, kind, answer] of [
  ['an ACK needs no answer', { responseNonce: '5' }, 'ack', undefined],
  ['a NACK needs no answer', { responseNonce: '5', errorDetail: { message: 'x' } }, 'nack', undefined],
  ['a stale nonce is never answered, even with new names', { responseNonce: '4', resourceNames: ['a', 'b', 'c'] }, 'stale', undefined],
  ['new names are answered', { responseNonce: '5', resourceNames: ['a', 'b', 'c'] }, 'ack', 'all'],
  ['names that were only dropped need no answer', { responseNonce: '5', resourceNames: ['a'] }, 'ack', undefined],
  ['a request without nonce starts over', {}, 'subscribe', 'all'],
] as const) {
  test(name, () => {
    const decision = decideSotw(known, request(over as Partial<SotwRequest>));
    assert.deepEqual([decision.kind, decision.answer], [kind, answer]);
  });
}

test('a NACK keeps its text and the nonce that was acknowledged before', () => {
  const { subscription } = decideSotw(known, request({ responseNonce: '5', errorDetail: { message: 'bad' } }));
  assert.deepEqual([subscription.error, subscription.ackedNonce, subscription.waiting], ['bad', '4', false]);
});

test('dropped names are asked for no more', () => {
  const { subscription } = decideSotw(known, request({ responseNonce: '5', resourceNames: ['a'] }));
  assert.deepEqual([...subscription.names], ['a']);
});

test('no names of listeners are all listeners', () => {
  const { subscription } = decideSotw(undefined, request({ typeUrl: TypeUrl.Listener, resourceNames: [] }));
  assert.equal(subscription.wildcard, true);
});
