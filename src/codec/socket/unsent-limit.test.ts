import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'node:test';
import { writeLent } from './lent-writes.ts';
import { limitUnsent } from './unsent-limit.ts';

const PIECE = Buffer.alloc(64 * 1024, 'a');
const MOST_PIECES = 200;

test('the kernel holds little for a reader that does not read, and all of it arrives when he does', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const writer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[reader]] = (await Promise.all([once(server, 'connection'), once(writer, 'connect')])) as [[Socket], unknown];

  limitUnsent(writer);
  let sent = 0;
  const taken = new Promise<void>((resolve) => {
    while (sent < MOST_PIECES && writeLent(writer, [PIECE], resolve)) sent++;
  });
  sent++;
  assert.ok(sent * PIECE.length < 1024 * 1024, `${sent} pieces were taken`);

  let read = 0;
  reader.on('data', ({ length }: Buffer) => void (read += length));
  reader.resume();
  await taken;
  writer.end();
  await once(reader, 'end');
  assert.equal(read, sent * PIECE.length);
  writer.destroy();
  server.close();
});
