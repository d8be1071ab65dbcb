import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { listenAt } from './listen.ts';

const HOSTS = ['127.0.0.1', '0.0.0.0', '::1', 'localhost'];

for (const host of HOSTS) {
  test(`a server listens at ${host}, and says where`, async (t) => {
    const server = createServer((socket) => socket.end('here'));
    t.after(() => server.close());
    await new Promise<void>((resolve) => listenAt(server, { host, port: 0 }, resolve));
    // A TCP server's address is never a path.
    const { address, port } = server.address() as AddressInfo;
    if (host !== 'localhost') assert.equal(address, host);
    const text = await new Promise((resolve) => void connect(port, address).on('data', (data) => resolve(String(data))));
    assert.equal(text, 'here');
  });
}

test('a port that is taken is an error event, and the server can still be closed', async () => {
  const first = createServer();
  await new Promise<void>((resolve) => listenAt(first, { host: '127.0.0.1', port: 0 }, resolve));
  const second = createServer();
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
    second.on('error', resolve);
    listenAt(second, { host: '127.0.0.1', port: (first.address() as AddressInfo).port }, () => {});
  });
  assert.equal(error.code, 'EADDRINUSE');
  assert.match(error.message, /127\.0\.0\.1/);
  second.close();
  first.close();
});
