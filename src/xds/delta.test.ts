import assert from 'node:assert/strict';
import test from 'node:test';
import { decideDelta, type DeltaRequest } from './delta.ts';
import { NameSet } from './name-set.ts';
import { newSubscription, type Subscription } from './subscription.ts';
import { TypeUrl } from './type-urls.ts';

const request = (over: Partial<DeltaRequest> = {}): DeltaRequest => ({
  typeUrl: TypeUrl.Endpoints, resourceNamesSubscribe: [], resourceNamesUnsubscribe: [], initialResourceVersions: {}, responseNonce: '', ...over,
});
const known = (over: Partial<Subscription> = {}): Subscription => ({
  ...newSubscription(TypeUrl.Endpoints), names: NameSet.of(['a', 'b']), nonce: '5', waiting: true, ...over,
});

test('the first request for clusters without names is for everything', () => {
  const { subscription, answer } = decideDelta(undefined, request({ typeUrl: TypeUrl.Cluster }));
  assert.equal(subscription.wildcard, true);
  assert.equal(answer, 'all');
});

test('the first request for endpoints without names is for nothing, and is answered', () => {
  const { subscription, answer } = decideDelta(undefined, request());
  assert.equal(subscription.wildcard, false);
  assert.equal(answer, 'all');
});

test('a star is the wildcard beside names', () => {
  const { subscription } = decideDelta(undefined, request({ resourceNamesSubscribe: ['*', 'x'] }));
  assert.deepEqual([subscription.wildcard, [...subscription.names]], [true, ['x']]);
});

test('versions that a client brings along are told', () => {
  const { brought } = decideDelta(undefined, request({ resourceNamesSubscribe: ['a'], initialResourceVersions: { a: '7' } }));
  assert.deepEqual([...(brought ?? [])], [['a', '7']]);
});

test('an ACK needs no answer and ends the waiting', () => {
  const { subscription, kind, answer } = decideDelta(known({ error: 'old' }), request({ responseNonce: '5' }));
  assert.deepEqual([kind, answer, subscription.waiting, subscription.ackedNonce, subscription.error], ['ack', undefined, false, '5', undefined]);
});

test('a NACK keeps its text and needs no answer', () => {
  const { subscription, kind, answer } = decideDelta(known(), request({ responseNonce: '5', errorDetail: { message: 'no such filter' } }));
  assert.deepEqual([kind, answer, subscription.waiting, subscription.error, subscription.ackedNonce], ['nack', undefined, false, 'no such filter', '']);
});

test('a stale nonce changes nothing', () => {
  const before = known();
  const { subscription, kind, answer } = decideDelta(before, request({ responseNonce: '4' }));
  assert.deepEqual([kind, answer], ['stale', undefined]);
  assert.equal(subscription, before);
});

test('a subscription counts even with a stale nonce', () => {
  const { subscription, answer } = decideDelta(known(), request({ responseNonce: '4', resourceNamesSubscribe: ['c'] }));
  assert.ok(subscription.names.has('c'));
  assert.deepEqual(answer, new Set(['c']));
});

test('a name that is subscribed again is sent again', () => {
  const { answer } = decideDelta(known(), request({ resourceNamesSubscribe: ['a'] }));
  assert.deepEqual(answer, new Set(['a']));
});

test('unsubscribing needs no answer', () => {
  const before = known();
  const { subscription, answer } = decideDelta(before, request({ resourceNamesUnsubscribe: ['a'] }));
  assert.equal(answer, undefined);
  assert.deepEqual([...subscription.names], ['b']);
  assert.ok(before.names.has('a'), 'the value before is not changed');
});

test('unsubscribing from the star leaves the names', () => {
  const { subscription } = decideDelta(known({ wildcard: true }), request({ resourceNamesUnsubscribe: ['*'] }));
  assert.deepEqual([subscription.wildcard, [...subscription.names]], [false, ['a', 'b']]);
});
