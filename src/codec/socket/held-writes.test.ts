import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'node:test';
import { writeHeld, writeOut } from './held-writes.ts';
import { writeLent } from './lent-writes.ts';

/** A socket that takes everything, and what each of its writes brought. */
function setUp(options: { writableHighWaterMark?: number } = {}): { socket: Duplex; writes: string[] } {
  const writes: string[] = [];
  const socket = new Duplex({
    ...options,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString('latin1'));
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => (chunk as Buffer).toString('latin1')).join(''));
      done();
    },
  });
  return { socket, writes };
}

test('pieces of one turn leave in one write at its end, in order', async () => {
  const { socket, writes } = setUp();
  writeHeld(socket, 'a\xff');
  writeHeld(socket, Buffer.from('b'));
  assert.deepEqual(writes, []);
  await nextTurn();
  assert.deepEqual(writes, ['a\xffb']);
  writeHeld(socket, 'c');
  await nextTurn();
  assert.deepEqual(writes, ['a\xffb', 'c']);
});

test('all connections write at the end of the turn, whichever wrote first first', async () => {
  const order: string[] = [];
  const [first, second] = ['first', 'second'].map((name) => new Duplex({ read() {}, write: (_chunk, _encoding, done) => (order.push(name), done()) }));
  assert.ok(first && second);
  writeHeld(second, 'x');
  writeHeld(first, 'x');
  writeHeld(second, 'y');
  await nextTurn();
  assert.deepEqual(order, ['second', 'second', 'first']);
});

for (const [name, act, expected] of [
  ['is written out before its turn', (socket: Duplex) => writeOut(socket), ['ab']],
  ['ends: what is held is written first', (socket: Duplex) => socket.end('c'), ['abc']],
  ['is lent bytes: they come behind what is held', (socket: Duplex) => writeLent(socket, [Buffer.from('c')], () => {}), ['ab', 'c']],
  ['is destroyed: what is held is dropped', (socket: Duplex) => socket.destroy(), []],
] as const) {
  test(`a connection that ${name}`, async () => {
    const { socket, writes } = setUp();
    writeHeld(socket, 'a');
    writeHeld(socket, 'b');
    act(socket);
    assert.deepEqual(writes, expected);
    await nextTurn();
    assert.deepEqual(writes, expected, 'and nothing more in the next turn');
  });
}

test('who writes more than the socket wants to hold is asked to wait, and told when it may go on', async () => {
  const { socket } = setUp({ writableHighWaterMark: 4 });
  assert.equal(writeHeld(socket, 'abc'), true);
  assert.equal(writeHeld(socket, 'def'), false);
  await once(socket, 'drain');
  assert.equal(socket.writableLength, 0);
});
