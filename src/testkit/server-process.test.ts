import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import test from 'node:test';
import { startServer } from './server-process.ts';

test('a server is not started at a port where another answers', async (t) => {
  const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await assert.rejects(startServer(process.execPath, ['-e', ''], port), { message: new RegExp(`^port ${port} is taken`) });
});

test('what a server printed before it ended is in the error', async () => {
  await assert.rejects(startServer(process.execPath, ['-e', 'console.log("why"); process.exit(1)'], 1), { message: /ended at its start:\nwhy/ });
});
