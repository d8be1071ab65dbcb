import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { FakeClock } from '../testkit/fake-clock.ts';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import { EncodedResource } from './resource.ts';
import { ResourceSet } from './resource-set.ts';
import { AdsSession } from './session.ts';
import type { Target } from './target.ts';
import { shortType, TypeUrl } from './type-urls.ts';
import type { Message } from './wire.ts';

const text = (value: string) => new TextEncoder().encode(value);

/** A session, what it may send, and what it has sent: `CDS +a +b -c`. */
function start(mode: 'delta' | 'sotw') {
  const clock = new FakeClock();
  const now = new Map<string, ResourceSet>();
  const written: { short: string; typeUrl: string; nonce: string; text: string }[] = [];
  const put = (typeUrl: string, entries: Record<string, string>) => {
    const resources = Object.entries(entries).map(([name, value]) => new EncodedResource(typeUrl, name, text(value), typeUrl === TypeUrl.Cluster && value.startsWith('eds') ? { needsEndpoints: name } : {}));
    now.set(typeUrl, (now.get(typeUrl) ?? ResourceSet.empty).become(resources));
  };
  const session = new AdsSession({
    mode,
    clock,
    gateMs: 3000,
    source: { target: () => ({ number: 1, version: 'v', resources: (typeUrl) => [now.get(typeUrl) ?? ResourceSet.empty] }) },
    write({ bytes: message }) {
      if (mode === 'delta') {
        const r = fromBinary(DeltaDiscoveryResponseSchema, message);
        const parts = [...r.resources.map((x) => `+${x.name}`), ...r.removedResources.map((x) => `-${x}`)];
        written.push({ short: shortType(r.typeUrl), typeUrl: r.typeUrl, nonce: r.nonce, text: [shortType(r.typeUrl), ...parts].join(' ') });
      } else {
        const r = fromBinary(DiscoveryResponseSchema, message);
        written.push({ short: shortType(r.typeUrl), typeUrl: r.typeUrl, nonce: r.nonce, text: `${shortType(r.typeUrl)} ${r.resources.length}` });
      }
    },
  });
  const take = () => written.splice(0).map((w) => w.text);
  const delta = (typeUrl: string, over: { subscribe?: string[]; unsubscribe?: string[]; nonce?: string; error?: string; versions?: Record<string, string> } = {}) =>
    session.receiveDelta({ typeUrl, resourceNamesSubscribe: over.subscribe ?? [], resourceNamesUnsubscribe: over.unsubscribe ?? [], initialResourceVersions: over.versions ?? {}, responseNonce: over.nonce ?? '', errorDetail: over.error === undefined ? undefined : { message: over.error } });
  const nonceOf = (typeUrl: string) => session.status().find((s) => s.typeUrl === typeUrl)?.nonceSent ?? '';
  const ack = (...types: string[]) => { for (const typeUrl of types) delta(typeUrl, { nonce: nonceOf(typeUrl) }); };
  const changed = () => session.notify();
  return { session, clock, put, take, delta, ack, changed, nonceOf };
}

const { Cluster, Endpoints, Listener, Route, VirtualHost } = TypeUrl;

/** A client that holds one cluster with endpoints, one listener and one route. */
function settled() {
  const s = start('delta');
  s.put(Cluster, { a: 'eds' });
  s.put(Endpoints, { a: '1' });
  s.put(Listener, { l: '1' });
  s.put(Route, { r: '1' });
  s.delta(Cluster);
  s.ack(Cluster);
  s.delta(Endpoints, { subscribe: ['a'] });
  s.ack(Endpoints);
  s.delta(Listener);
  s.ack(Listener);
  s.delta(Route, { subscribe: ['r'] });
  s.ack(Route);
  assert.deepEqual(s.take(), ['CDS +a', 'EDS +a', 'LDS +l', 'RDS +r']);
  return s;
}

test('only what changed is sent', () => {
  const s = settled();
  s.put(Endpoints, { a: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['EDS +a']);
});

test('routes to a new cluster wait until the client has its endpoints', () => {
  const s = settled();
  s.put(Cluster, { a: 'eds', b: 'eds' });
  s.put(Endpoints, { a: '1', b: '1' });
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +b']);
  s.ack(Cluster);
  assert.deepEqual(s.take(), [], 'the endpoints have not been asked for');
  s.delta(Endpoints, { subscribe: ['b'] });
  assert.deepEqual(s.take(), ['EDS +b']);
  s.ack(Endpoints);
  assert.deepEqual(s.take(), ['RDS +r']);
});

test('a changed cluster is followed at once by its endpoints, which Envoy needs to warm it and does not ask for again', () => {
  const s = settled();
  s.put(Cluster, { a: 'eds', b: 'static' });
  s.changed();
  s.ack(Cluster);
  assert.deepEqual(s.take(), ['CDS +b']);
  s.put(Cluster, { a: 'eds 2', b: 'static' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +a', 'EDS +a']);
  s.ack(Endpoints);
  s.ack(Cluster);
  assert.deepEqual(s.take(), []);
});

test('a client that comes back with an old cluster and its endpoints gets both again', () => {
  const s = start('delta');
  s.put(Cluster, { a: 'eds' });
  s.put(Endpoints, { a: '1' });
  s.delta(Cluster, { versions: { a: 'old' } });
  s.delta(Endpoints, { subscribe: ['a'], versions: { a: new EncodedResource(Endpoints, 'a', text('1')).version } });
  assert.deepEqual(s.take(), ['CDS +a', 'EDS +a']);
});

test('a cluster is removed only when routes have been taken', () => {
  const s = settled();
  s.put(Cluster, {});
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['RDS +r']);
  s.ack(Route);
  assert.deepEqual(s.take(), ['CDS -a']);
});

test('a cluster that comes back while its removal waits stays', () => {
  const s = settled();
  s.put(Cluster, {});
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['RDS +r']);
  s.put(Cluster, { a: 'eds' });
  s.changed();
  s.ack(Route);
  assert.deepEqual(s.take(), []);
});

test('endpoints of a cluster that goes away stay as long as the client asks for them', () => {
  const s = settled();
  s.put(Cluster, {});
  s.put(Endpoints, {});
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['RDS +r'], 'requests that still take the old route have somewhere to go');
  s.ack(Route);
  assert.deepEqual(s.take(), ['CDS -a']);
  s.ack(Cluster);
  s.delta(Endpoints, { unsubscribe: ['a'] });
  assert.deepEqual(s.take(), []);
});

test('a client that comes back keeps a cluster that is gone until it has the routes that do without', () => {
  const s = start('delta');
  s.put(Cluster, { b: 'static' });
  s.put(Route, { r: '2' });
  s.delta(Cluster, { versions: { a: 'old', b: 'old' } });
  s.delta(Route, { subscribe: ['r'], versions: { r: 'old' } });
  assert.deepEqual(s.take(), ['CDS +b', 'RDS +r']);
  s.ack(Cluster);
  assert.deepEqual(s.take(), []);
  s.ack(Route);
  assert.deepEqual(s.take(), ['CDS -a']);
});

test('a cluster that comes back changed while its removal waits is sent, with its endpoints', () => {
  const s = settled();
  s.put(Cluster, {});
  s.put(Route, { r: '2' });
  s.changed();
  s.put(Cluster, { a: 'eds changed' });
  s.changed();
  assert.deepEqual(s.take(), ['RDS +r', 'CDS +a', 'EDS +a']);
  s.ack(Route, Cluster, Endpoints);
  assert.deepEqual(s.take(), []);
});

test('changes merge while the client is busy', () => {
  const s = settled();
  s.put(Route, { r: '2' });
  s.changed();
  s.put(Route, { r: '3' });
  s.changed();
  s.put(Route, { r: '4' });
  s.changed();
  assert.deepEqual(s.take(), ['RDS +r']);
  s.ack(Route);
  assert.deepEqual(s.take(), ['RDS +r']);
  s.ack(Route);
  assert.deepEqual(s.take(), []);
});

test('a NACK is kept with its text and the same content is not sent again', () => {
  const s = settled();
  s.put(Listener, { l: '2' });
  s.changed();
  s.delta(Listener, { nonce: s.nonceOf(Listener), error: 'no such filter' });
  s.changed();
  assert.deepEqual(s.take(), ['LDS +l']);
  assert.equal(s.session.status().find((x) => x.typeUrl === Listener)?.error, 'no such filter');
});

test('a client that never answers does not hold up everything for ever', async () => {
  const s = settled();
  s.put(Cluster, { a: 'eds', b: 'eds' });
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +b']);
  await s.clock.advance(2999);
  assert.deepEqual(s.take(), []);
  await s.clock.advance(1);
  assert.deepEqual(s.take(), ['RDS +r']);
});

test('a name that does not exist is answered as removed', () => {
  const s = settled();
  s.delta(Endpoints, { subscribe: ['nobody'] });
  assert.deepEqual(s.take(), ['EDS -nobody']);
});

test('names that were not asked for are not sent', () => {
  const s = settled();
  s.put(Endpoints, { a: '1', z: '1' });
  s.changed();
  assert.deepEqual(s.take(), []);
});

test('nothing is sent after the end', () => {
  const s = settled();
  s.session.close();
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), []);
});

test('state of the world: a removed cluster stays in the response until routes have been taken', () => {
  const s = start('sotw');
  const send = (typeUrl: string, names: string[] = []) => s.session.receiveSotw({ typeUrl, resourceNames: names, responseNonce: s.nonceOf(typeUrl) });
  s.put(Cluster, { a: 'static', b: 'static' });
  s.put(Route, { r: '1' });
  send(Cluster);
  send(Cluster);
  send(Route, ['r']);
  send(Route, ['r']);
  assert.deepEqual(s.take(), ['CDS 2', 'RDS 1']);
  s.put(Cluster, { a: 'static', c: 'static' });
  s.put(Route, { r: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS 3', 'RDS 1']);
  send(Cluster);
  assert.deepEqual(s.take(), []);
  send(Route, ['r']);
  assert.deepEqual(s.take(), ['CDS 2']);
});

test('a client is settled when it has answered everything', () => {
  const s = settled();
  assert.equal(s.session.isSettled, true);
  s.changed();
  assert.equal(s.session.isSettled, true, 'nothing differs');
  s.put(Route, { r: '2' });
  s.changed();
  assert.equal(s.session.isSettled, false, 'sent');
  s.ack(Route);
  assert.equal(s.session.isSettled, true, 'taken');
});

test('a client that does not answer is not settled although nobody waits for it any more', () => {
  const s = settled();
  s.put(Route, { r: '2' });
  s.put(Cluster, {});
  s.changed();
  s.clock.advance(3000);
  assert.equal(s.session.isSettled, false);
});

/** A client that wants all endpoints, whatever their names: it takes what comes in the order in which it comes. */
function inOrder() {
  const s = start('delta');
  s.put(Cluster, { a: 'eds' });
  s.put(Endpoints, { a: '1' });
  s.put(VirtualHost, { h: '1' });
  s.delta(Cluster, { subscribe: ['*'] });
  s.delta(Endpoints, { subscribe: ['*'] });
  s.delta(VirtualHost, { subscribe: ['*'] });
  assert.deepEqual(s.take(), ['CDS +a', 'EDS +a', 'VHDS +h'], 'nothing waits for an answer');
  assert.equal(s.session.isSettled, false);
  s.ack(Cluster, Endpoints, VirtualHost);
  assert.equal(s.session.isSettled, true);
  return s;
}

test('a client that takes things in order gets a new cluster, its endpoints and the routes to it together', () => {
  const s = inOrder();
  s.put(Cluster, { a: 'eds', b: 'eds' });
  s.put(Endpoints, { a: '1', b: '1' });
  s.put(VirtualHost, { h: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +b', 'EDS +b', 'VHDS +h']);
  s.ack(Cluster, Endpoints, VirtualHost);
  assert.equal(s.session.isSettled, true);
  s.put(Cluster, { a: 'eds 2', b: 'eds' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +a'], 'it holds the endpoints of a changed cluster');
});

test('a client that wants all endpoints is told that there are none of a cluster, which would wait for them', () => {
  const s = inOrder();
  s.put(Cluster, { a: 'eds', b: 'eds' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +b', 'EDS -b']);
});

test('a client that takes things in order gets no routes before the clusters that it has not been sent', () => {
  const s = inOrder();
  s.put(Cluster, { a: 'eds 2' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS +a']);
  s.put(Cluster, { a: 'eds 2', b: 'static' });
  s.put(VirtualHost, { h: '2' });
  s.changed();
  assert.deepEqual(s.take(), [], 'clusters are not answered, and the new one cannot be sent');
  s.ack(Cluster);
  assert.deepEqual(s.take(), ['CDS +b', 'VHDS +h']);
});

test('what is gone goes with the change after the one that gave it up, and what has come back stays', () => {
  const s = inOrder();
  s.put(Cluster, { a: 'eds', b: 'eds', c: 'eds' });
  s.put(Endpoints, { a: '1', b: '1', c: '1' });
  s.changed();
  s.ack(Cluster, Endpoints);
  s.take();
  s.put(Cluster, { a: 'eds' });
  s.put(Endpoints, { a: '1' });
  s.put(VirtualHost, { h: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['VHDS +h']);
  s.put(Endpoints, { a: '2' });
  s.changed();
  assert.deepEqual(s.take(), ['EDS +a'], 'routes have not been taken');
  s.ack(Endpoints, VirtualHost);
  assert.deepEqual(s.take(), []);
  assert.equal(s.session.isSettled, true, 'nothing refers to what is left');
  s.put(Cluster, { a: 'eds', c: 'eds' });
  s.put(Endpoints, { a: '3', c: '1' });
  s.changed();
  assert.deepEqual(s.take(), ['CDS -b', 'EDS +a -b']);
});

test('what is gone goes by itself when no change comes', async () => {
  const s = inOrder();
  s.put(Cluster, {});
  s.put(Endpoints, {});
  s.put(VirtualHost, {});
  s.changed();
  assert.deepEqual(s.take(), ['VHDS -h']);
  s.ack(VirtualHost);
  await s.clock.advance(1999);
  assert.deepEqual(s.take(), []);
  await s.clock.advance(1);
  assert.deepEqual(s.take(), ['CDS -a', 'EDS -a']);
});

test('a client that comes back in order gives up what is gone', async () => {
  const s = start('delta');
  s.put(Cluster, { b: 'static' });
  s.put(VirtualHost, { h: '2' });
  s.delta(Cluster, { subscribe: ['*'], versions: { a: 'old', b: 'old' } });
  s.delta(Endpoints, { subscribe: ['*'], versions: { a: 'old' } });
  s.delta(VirtualHost, { subscribe: ['*'], versions: { h: 'old' } });
  assert.deepEqual(s.take(), ['CDS +b', 'EDS', 'VHDS +h']);
  s.ack(Cluster, Endpoints, VirtualHost);
  await s.clock.advance(2000);
  assert.deepEqual(s.take(), ['CDS -a', 'EDS -a']);
});

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
