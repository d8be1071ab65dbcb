import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { dismiss } from './ending.ts';

/** A server's socket that nobody reads, and its client, who has said something already. */
async function spokenTo(t: TestContext): Promise<{ server: Socket; client: Socket; ending: Promise<string> }> {
  const listening = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.after(() => listening.close());
  await once(listening, 'listening');
  const client = connect({ port: (listening.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => client.destroy());
  const ending = new Promise<string>((resolve) => client.once('end', () => resolve('ended')).once('error', ({ message }) => resolve(message)).resume());
  const [[server]] = (await Promise.all([once(listening, 'connection'), once(client, 'connect')])) as [[Socket], unknown];
  await new Promise((resolve) => client.write('hello', resolve));
  return { server, client, ending };
}

test('who is dismissed while he speaks is told the end, and not reset', async (t) => {
  const { server, client, ending } = await spokenTo(t);
  dismiss(server, { clock: new FakeClock(), patienceMs: 1000 });
  assert.equal(await ending, 'ended');
  client.end('and more');
  await once(server, 'close');
});

test('who is dismissed and does not go is cut off', async (t) => {
  const { server, ending } = await spokenTo(t);
  const clock = new FakeClock();
  dismiss(server, { clock, patienceMs: 1000 });
  assert.equal(await ending, 'ended');
  assert.equal(server.destroyed, false);
  await clock.advance(1000);
  assert.equal(server.destroyed, true);
});

test('who is held hears nothing of the end until the patience is over', async (t) => {
  const { server, client, ending } = await spokenTo(t);
  const clock = new FakeClock();
  dismiss(server, { clock, patienceMs: 1000, isHeld: true, random: () => 0.5 });
  const word = once(client, 'data');
  server.write('last word');
  await word;
  await clock.advance(1249);
  assert.equal(server.destroyed, false, 'and not all for the same time');
  await clock.advance(1);
  assert.equal(await ending, 'ended');
});

test('who is held may go earlier', async (t) => {
  const { server, client } = await spokenTo(t);
  dismiss(server, { clock: new FakeClock(), patienceMs: 1000, isHeld: true });
  client.end();
  await once(server, 'close');
});

test('without patience nobody is waited for', async (t) => {
  const { server } = await spokenTo(t);
  dismiss(server, { clock: new FakeClock(), patienceMs: 0, isHeld: true });
  await once(server, 'close');
});

for (const [name, bytes] of [['much at once', 64 * 1024], ['a little again and again', 10]] as const) {
  test(`who is dismissed and says ${name} is not listened to for ever`, async (t) => {
    const { server, client } = await spokenTo(t);
    dismiss(server, { clock: new FakeClock(), patienceMs: 1000, isHeld: true });
    const paused = once(server, 'pause');
    const piece = Buffer.alloc(bytes);
    const speak = (): void => {
      if (client.writable) client.write(piece, () => setImmediate(speak));
    };
    speak();
    await paused;
    assert.ok(server.bytesRead < 3 * 1024 * 1024);
  });
}
