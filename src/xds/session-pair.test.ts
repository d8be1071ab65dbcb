import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { FakeClock } from '../testkit/fake-clock.ts';
import { DeltaDiscoveryResponseSchema } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import { EncodedResource } from './resource.ts';
import { ResourceSet } from './resource-set.ts';
import { AdsSession } from './session.ts';
import type { Target } from './target.ts';
import { text } from '../testkit/xds-session.ts';
import { TypeUrl } from './type-urls.ts';
import type { Message } from './wire.ts';

const { Endpoints, Route } = TypeUrl;

/** Two clients of one source whose newest target the test sets. */
function pair() {
  const clock = new FakeClock();
  let target: Target = { number: 1, version: '1', resources: () => [ResourceSet.empty] };
  const sent: Message[][] = [[], []];
  const sessions = sent.map((list) => new AdsSession({ mode: 'delta', clock, source: { target: () => target }, write: (message) => void list.push(message) }));
  const now = (number: number, resources: Record<string, ResourceSet>) => void (target = { number, version: String(number), resources: (typeUrl) => [resources[typeUrl] ?? ResourceSet.empty] });
  const ask = (i: number, typeUrl: string, over: { subscribe?: string[]; nonce?: string } = {}) =>
    sessions[i]?.receiveDelta({ typeUrl, resourceNamesSubscribe: over.subscribe ?? [], resourceNamesUnsubscribe: [], initialResourceVersions: {}, responseNonce: over.nonce ?? '' });
  const take = (i: number) => sent[i]?.splice(0) ?? [];
  return { sessions, now, ask, take };
}

const setOf = (typeUrl: string, name: string, value: string) => ResourceSet.of([new EncodedResource(typeUrl, name, text(value))]);

test('clients that go the same way are sent the same bytes', () => {
  const s = pair();
  const endpoints = setOf(Endpoints, 'a', '1').with(setOf(Endpoints, 'b', '1'), []);
  /** How many responses both got, which must be the same objects; acknowledges them. */
  const both = () => {
    const [one, other] = [s.take(0), s.take(1)];
    one.forEach((message, i) => assert.equal(message, other[i]));
    for (const { bytes } of one) for (const i of [0, 1]) s.ask(i, Endpoints, { nonce: fromBinary(DeltaDiscoveryResponseSchema, bytes).nonce });
    return one.length;
  };
  s.now(1, { [Endpoints]: endpoints });
  for (const i of [0, 1]) s.ask(i, Endpoints, { subscribe: ['a'] });
  assert.equal(both(), 1, 'from nothing, and not all there is');
  for (const number of [2, 3]) {
    s.now(number, { [Endpoints]: endpoints.with(setOf(Endpoints, 'a', String(number)), ['b']) });
    for (const session of s.sessions) session.notify();
    assert.equal(both(), 1);
  }
  assert.deepEqual(s.sessions.map((session) => session.isSettled), [true, true]);
});

test('a client is led to what there was when it was told, not further, and it is known how far it has come', () => {
  const s = pair();
  const [session] = s.sessions;
  const nonce = () => session?.status().find((type) => type.typeUrl === Route)?.nonceSent;
  s.now(4, { [Route]: setOf(Route, 'r', '1') });
  s.ask(0, Route, { subscribe: ['r'] });
  assert.deepEqual([s.take(0).length, session?.answeredAt], [1, 0]);
  s.now(5, { [Route]: setOf(Route, 'r', '2') });
  s.ask(0, Route, { nonce: nonce() });
  assert.deepEqual([s.take(0).length, session?.answeredAt, session?.isSettled], [0, 4, true], 'it has not been told of the change');
  session?.notify();
  assert.deepEqual([s.take(0).length, session?.answeredAt], [1, 4]);
  s.now(6, { [Route]: setOf(Route, 'r', '2') });
  session?.notify();
  s.ask(0, Route, { nonce: nonce() });
  assert.deepEqual([s.take(0).length, session?.answeredAt], [0, 6], 'nothing has changed since');
  s.ask(0, Route, { subscribe: ['other'] });
  assert.deepEqual([session?.answeredAt, session?.isSettled], [5, false], 'who asks for more is not there yet');
});
