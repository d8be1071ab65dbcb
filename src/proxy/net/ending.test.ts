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
  dismiss(server, new FakeClock());
  assert.equal(await ending, 'ended');
  client.end('and more');
  await once(server, 'close');
});

test('who is dismissed and does not go is cut off', async (t) => {
  const { server, ending } = await spokenTo(t);
  const clock = new FakeClock();
  dismiss(server, clock);
  assert.equal(await ending, 'ended');
  assert.equal(server.destroyed, false);
  await clock.advance(1000);
  assert.equal(server.destroyed, true);
});
