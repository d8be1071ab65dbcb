import assert from 'node:assert/strict';
import test from 'node:test';
import { EncodedResource } from './resource.ts';
import { settled, startSession, text } from '../testkit/xds-session.ts';
import { TypeUrl } from './type-urls.ts';

const { Cluster, Endpoints, Listener, Route } = TypeUrl;

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
  const s = startSession('delta');
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
  const s = startSession('delta');
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
  const s = startSession('sotw');
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
