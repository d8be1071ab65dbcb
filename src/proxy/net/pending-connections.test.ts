import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { PendingConnections } from './pending-connections.ts';

async function listening(t: TestContext): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return server;
}

/** The kernel makes connections within the call. */
function connectTo(t: TestContext, server: Server, count: number): Socket[] {
  const clients = Array.from({ length: count }, () => connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true }));
  t.after(() => clients.forEach((client) => void client.destroy()));
  return clients;
}

test('takes all that the kernel holds, one by one, as Node would hand them over', async (t) => {
  const server = await listening(t);
  const taken: Socket[] = [];
  const pending = new PendingConnections(server, (socket) => taken.push(socket));
  t.after(() => taken.forEach((socket) => void socket.destroy()));
  assert.equal(pending.proceed(), false, 'nobody is connected');
  const clients = connectTo(t, server, 5);
  const [byNode] = (await once(server, 'connection')) as [Socket];
  const more = Array.from({ length: 5 }, () => pending.proceed());
  assert.deepEqual(more, [true, true, true, true, false]);
  assert.deepEqual(new Set([byNode, ...taken].map((socket) => socket.remotePort)), new Set(clients.map((client) => client.localPort)));

  const [socket] = taken as [Socket];
  const client = clients.find(({ localPort }) => localPort === socket.remotePort) as Socket;
  assert.deepEqual([socket.isPaused(), socket.readableFlowing, socket.allowHalfOpen, socket.localPort], [byNode.isPaused(), byNode.readableFlowing, byNode.allowHalfOpen, byNode.localPort]);
  let said = '';
  socket.on('data', (part: Buffer) => (said += part.toString()));
  client.end('asked');
  await new Promise(setImmediate);
  assert.equal(said, '', 'nothing is read before somebody wants it');
  socket.resume();
  await once(socket, 'end');
  socket.end('answered');
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.deepEqual([said, answer.toString()], ['asked', 'answered'], 'each side may end alone');

  for (const one of [...clients, ...taken, byNode]) one.destroy();
  server.close();
  assert.equal(pending.proceed(), false, 'the port is closed');
});

test('what cannot be taken is left to Node', async (t) => {
  const server = await listening(t);
  const pending = new PendingConnections(server, () => assert.fail('there is none'), () => -1);
  const [client] = connectTo(t, server, 1) as [Socket];
  const connected = once(server, 'connection');
  assert.equal(pending.proceed(), false);
  const [byNode] = (await connected) as [Socket];
  byNode.destroy();
  client.destroy();
  server.close();
});

test('more are likely after 32, each within a tenth of a second of the one before', () => {
  const pending = new PendingConnections(createServer(), () => {}, () => -1);
  const likely = (count: number, from: number): boolean[] => Array.from({ length: count }, (_, i) => pending.areLikely(from + i * 99));
  assert.deepEqual(likely(33, 0), [...Array<boolean>(31).fill(false), true, true]);
  assert.deepEqual(likely(32, 32 * 99 + 100), [...Array<boolean>(31).fill(false), true], 'after a pause it begins again');
});
