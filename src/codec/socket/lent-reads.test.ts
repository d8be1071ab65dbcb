import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { MESSAGE_READ_BYTES, readLent } from './lent-reads.ts';

async function pair(t: TestContext): Promise<{ client: Socket; accepted: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is never a path.
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  return { client, accepted };
}

/** The text that came, and the memory that it lay in. */
function reading(socket: Socket | PassThrough): { text: string; places: Set<ArrayBufferLike>; until(text: string): Promise<void> } {
  const seen = {
    text: '',
    places: new Set<ArrayBufferLike>(),
    until: async (text: string) => {
      while (seen.text !== text) await new Promise((resolve) => setImmediate(resolve));
    },
  };
  readLent(socket, MESSAGE_READ_BYTES, (chunk) => {
    seen.text += chunk.toString();
    seen.places.add(chunk.buffer);
  });
  socket.resume();
  return seen;
}

test('accepted connections read into one piece of memory: this Node keeps `onread` where it is looked for', async (t) => {
  const [one, other] = [await pair(t), await pair(t)];
  const [first, second] = [reading(one.accepted), reading(other.accepted)];
  one.client.write('a');
  await first.until('a');
  one.client.write('b');
  await first.until('ab');
  other.client.write('c');
  await second.until('c');
  assert.equal(new Set([...first.places, ...second.places]).size, 1);
});

test('what was put back comes before what is read then', async (t) => {
  const { client, accepted } = await pair(t);
  client.write('world');
  accepted.unshift(Buffer.from('hello '));
  await reading(accepted).until('hello world');
});

test('nothing is read while the connection is paused', async (t) => {
  const { client, accepted } = await pair(t);
  const seen = reading(accepted);
  client.write('a');
  await seen.until('a');
  accepted.pause();
  await new Promise<void>((resolve) => client.write('b', () => resolve()));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(seen.text, 'a');
  accepted.resume();
  await seen.until('ab');
});

test('a stream that is no socket is read by its events', async () => {
  const stream = new PassThrough();
  const seen = reading(stream);
  stream.write('a');
  await seen.until('a');
});

test('of many that send much everything arrives, whoever stops some of them for a while', async (t) => {
  const OCTETS = 3_000_000;
  const connections = await Promise.all(Array.from({ length: 12 }, () => pair(t)));
  const arrived = connections.map(({ accepted }, i) => {
    let octets = 0;
    return new Promise<number>((resolve) => {
      readLent(accepted, MESSAGE_READ_BYTES, (chunk) => {
        octets += chunk.length;
        if (i % 3 === 0 && !accepted.isPaused()) {
          accepted.pause();
          setImmediate(() => accepted.resume());
        }
      });
      accepted.on('end', () => resolve(octets));
      accepted.resume();
    });
  });
  for (const { client } of connections) client.end(Buffer.alloc(OCTETS));
  assert.deepEqual(await Promise.all(arrived), connections.map(() => OCTETS));
});
