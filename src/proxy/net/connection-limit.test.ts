import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { ConnectionLimit } from './connection-limit.ts';

class FakeSocket extends EventEmitter {
  destroy(): this {
    this.emit('close');
    return this;
  }
}

test('one too many is closed, has taken no place, and is told of once a minute', async () => {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const limit = new ConnectionLimit(2, { clock, log: { warn: (_, fields) => void told.push(fields) } });
  const sockets = Array.from({ length: 5 }, () => new FakeSocket());
  assert.deepEqual(sockets.map((socket) => limit.admit(socket)), [true, true, false, false, false]);
  assert.equal(told.length, 1);
  sockets[0]?.destroy();
  assert.deepEqual([limit.admit(new FakeSocket()), limit.admit(new FakeSocket())], [true, false]);
  assert.equal(told.length, 1);
  await clock.advance(60_000);
  assert.equal(limit.admit(new FakeSocket()), false);
  assert.equal(told.length, 2);
});
