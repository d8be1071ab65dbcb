import assert from 'node:assert/strict';
import test from 'node:test';
import { startSession } from '../testkit/xds-session.ts';
import { TypeUrl } from './type-urls.ts';

const { Cluster, Endpoints, VirtualHost } = TypeUrl;

/** A client that wants all endpoints, whatever their names: it takes what comes in the order in which it comes. */
function inOrder() {
  const s = startSession('delta');
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
  const s = startSession('delta');
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
