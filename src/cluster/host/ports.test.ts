import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { listenNear } from './ports.ts';

test('a port that is taken is replaced by the next one that is free', async (t) => {
  const first = await listenNear(0);
  t.after(() => first.server.close());
  const second = await listenNear(first.port);
  t.after(() => second.server.close());
  assert.ok(second.port > first.port);
});

test('a connection that comes before the socket is handed on is refused, not left waiting', async (t) => {
  const { server, port } = await listenNear(0);
  t.after(() => server.close());
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  await once(client, 'close');
  assert.ok(client.destroyed);
});
