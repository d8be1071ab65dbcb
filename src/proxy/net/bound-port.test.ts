import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test from 'node:test';
import { BoundPort } from './bound-port.ts';

/** Enough for a few turns in which the machine stalls, after each of which 32 come one by one. */
const CLIENTS = 400;

test('who comes at one moment is taken in a few turns of the event loop', async (t) => {
  const port = new BoundPort({ address: '127.0.0.1', port: 0 });
  t.after(() => port.close());
  assert.equal(await port.failure, undefined);
  const taken: Socket[] = [];
  const all = Promise.withResolvers<void>();
  let turns = 0;
  port.serve((socket) => {
    taken.push(socket);
    if (taken.length === CLIENTS) all.resolve();
  });
  const turn = (): void => {
    turns++;
    if (taken.length < CLIENTS) setImmediate(turn);
  };
  const clients = Array.from({ length: CLIENTS }, () => connect(port.bound?.port ?? 0, '127.0.0.1'));
  t.after(() => [...clients, ...taken].forEach((socket) => void socket.destroy()));
  const connected = Promise.all(clients.map((client) => once(client, 'connect')));
  turn();
  await Promise.all([all.promise, connected]);
  assert.ok(turns < CLIENTS / 2, `${turns} turns`);
  assert.deepEqual(new Set(taken.map((socket) => socket.remotePort)), new Set(clients.map((client) => client.localPort)));
});
