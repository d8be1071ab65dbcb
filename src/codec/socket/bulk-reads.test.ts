import assert from 'node:assert/strict';
import test from 'node:test';
import { BulkReads, type Reading } from './bulk-reads.ts';

const KB = 1024;

class Connection implements Reading {
  readonly destroyed: boolean = false;
  resumed = 0;
  #isPaused = false;

  isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.resumed++;
  }
}

/** Turns that are taken by hand. */
function setUp(): { reads: BulkReads; nextTurn: () => void; pass: (ms: number) => void } {
  const waiting: (() => void)[] = [];
  let now = 0;
  return { reads: new BulkReads((run) => void waiting.push(run), () => now), nextTurn: () => waiting.splice(0).forEach((run) => run()), pass: (ms) => void (now += ms) };
}

test('whoever reads alone goes on', () => {
  const { reads, nextTurn } = setUp();
  const one = new Connection();
  for (let turn = 0; turn < 5; turn++) {
    assert.equal(reads.mayGoOn(one, 256 * KB, 0), true);
    nextTurn();
  }
  assert.equal(one.resumed, 0);
});

test('whoever reads alone may read four times as much in a turn, and no more once another reads', () => {
  const { reads, nextTurn } = setUp();
  const [one, other] = [new Connection(), new Connection()];
  const goesOn = (connection: Connection): boolean => reads.mayGoOn(connection, 128 * KB, 0);
  assert.deepEqual([goesOn(one), goesOn(one), goesOn(one), goesOn(one)], [true, true, true, false]);
  nextTurn();
  assert.equal(one.resumed, 1);
  assert.deepEqual([goesOn(one), goesOn(other), goesOn(one)], [true, false, false]);
});

test('whoever reads alone reads no more than others for a while after somebody has read, however little', () => {
  const { reads, nextTurn, pass } = setUp();
  const [one, other] = [new Connection(), new Connection()];
  const turn = (): number => {
    let went = 1;
    while (reads.mayGoOn(one, 32 * KB, 0)) went++;
    nextTurn();
    return went;
  };
  assert.equal(turn(), 16);
  reads.countSmall(one);
  assert.equal(turn(), 16, 'the end of what it has read');
  reads.countSmall(other);
  assert.equal(turn(), 4);
  pass(99);
  assert.equal(turn(), 4);
  pass(1);
  assert.equal(turn(), 16);
});

test('of many who read much, so many octets a turn are read, each in its turn', () => {
  const { reads, nextTurn } = setUp();
  const all = Array.from({ length: 20 }, () => new Connection());
  const went = all.filter((connection) => reads.mayGoOn(connection, 64 * KB, 0));
  assert.equal(went.length, 1);
  for (const connection of went) assert.equal(reads.mayGoOn(connection, 64 * KB, 0), false, 'others wait');
  const order: Connection[] = [];
  for (let turn = 0; turn < 10; turn++) {
    nextTurn();
    const released = all.filter((connection) => connection.resumed > 0 && !order.includes(connection));
    assert.equal(released.length, 2);
    order.push(...released);
  }
  assert.deepEqual(order, [...all.slice(1), ...went]);
  nextTurn();
  assert.equal(reads.mayGoOn(all[0] ?? new Connection(), 64 * KB, 0), true, 'nobody waits any more');
});

test('who is wanted again while others wait goes on in its turn, unless it is stopped once more', () => {
  const { reads, nextTurn } = setUp();
  const [first, second, third, fourth] = [new Connection(), new Connection(), new Connection(), new Connection()];
  reads.resume(first);
  assert.equal(first.resumed, 1, 'nobody reads');
  assert.equal(reads.mayGoOn(first, 300 * KB, 0), false);
  for (const connection of [second, third, fourth]) {
    reads.pause(connection);
    reads.resume(connection);
  }
  reads.pause(third);
  nextTurn();
  assert.deepEqual([first.resumed, second.resumed, third.resumed, fourth.resumed], [2, 0, 0, 0]);
  nextTurn();
  assert.deepEqual([second.resumed, third.resumed, fourth.resumed], [1, 0, 1]);
});

test('who is wanted again, and reads once more before its turn has come, goes on in its turn', () => {
  const { reads, nextTurn } = setUp();
  const [first, second] = [new Connection(), new Connection()];
  assert.equal(reads.mayGoOn(first, 300 * KB, 0), false);
  reads.pause(second);
  reads.resume(second);
  assert.equal(reads.mayGoOn(second, 64 * KB, 0), false);
  nextTurn();
  assert.deepEqual([first.resumed, second.resumed], [1, 0]);
  nextTurn();
  assert.equal(second.resumed, 1);
});

test('whom its reader has stopped is not resumed', () => {
  const { reads, nextTurn } = setUp();
  const [first, second, third] = [new Connection(), new Connection(), new Connection()];
  for (const connection of [first, second, third]) assert.equal(reads.mayGoOn(connection, 300 * KB, 0), false);
  second.pause();
  nextTurn();
  nextTurn();
  nextTurn();
  assert.deepEqual([first.resumed, second.resumed, third.resumed], [1, 0, 1]);
});

test('where an octet takes long, fewer are read in a turn, and one read at least', () => {
  const { reads, nextTurn } = setUp();
  const all = Array.from({ length: 20 }, () => new Connection());
  const turn = (ms: number): number => {
    const before = all.filter(({ resumed }) => resumed > 0).length;
    nextTurn();
    const now = all.filter(({ resumed }) => resumed > 0);
    for (const connection of now.slice(before)) reads.mayGoOn(connection, 64 * KB, ms);
    return now.length - before;
  };
  for (const connection of all) reads.mayGoOn(connection, 64 * KB, 0.02);
  assert.equal(turn(0.02), 2);
  assert.equal(turn(1), 2);
  assert.equal(turn(1), 1, 'half a millisecond is expected of each');
  assert.equal(turn(0.02), 1);
});
