import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { dialPod, DialError } from './pod-dial.ts';

const HERE = '/proc/self/ns/net';

async function listen(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const part of stream) text += part.toString();
  return text;
}

test('a server that speaks first and hangs up is heard to its end, although nothing was sent', async (t) => {
  const port = await listen(t, (socket) => socket.end('good bye'));
  const stream = await dialPod(HERE, port);
  t.after(() => stream.destroy());
  assert.equal(await readAll(stream), 'good bye');
});

test('a client that has said everything still hears the answer', async (t) => {
  const port = await listen(t, (socket) => {
    let text = '';
    socket.on('data', (part) => (text += part.toString()));
    socket.on('end', () => socket.end(`heard ${text}`));
  });
  const stream = await dialPod(HERE, port);
  t.after(() => stream.destroy());
  stream.end('this');
  assert.equal(await readAll(stream), 'heard this');
});

test('a port without a listener is refused', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  await assert.rejects(dialPod(HERE, port), DialError);
});
