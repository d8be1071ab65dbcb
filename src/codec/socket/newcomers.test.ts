import assert from 'node:assert/strict';
import test from 'node:test';
import { Newcomers } from './newcomers.ts';

/** Turns that are taken by hand, and how many newcomers had theirs. */
function setUp(queue: 'connections' | 'codecs' | 'requests' = 'requests') {
  const waiting: (() => void)[] = [];
  const patience: boolean[] = [];
  const time = { now: 0, spent: 0 };
  const newcomers = new Newcomers((run, isPatient) => {
    waiting.push(run);
    patience.push(isPatient);
  }, { monotonic: () => time.now, spent: () => time.spent });
  let served = 0;
  return {
    newcomers,
    time,
    isPatient: () => patience.at(-1),
    come(count: number) {
      for (let i = 0; i < count; i++) {
        newcomers[queue].add({
          proceed() {
            if (queue === 'requests') newcomers.countCame();
            return ++served < 0;
          },
        });
      }
    },
    servedNextTurn(): number {
      const before = served;
      waiting.shift()?.();
      return served - before;
    },
  };
}

/** Of a queue: what so many turns serve, and requests of those who are known. */
const turnsBy = ({ servedNextTurn }: ReturnType<typeof setUp>) => (count: number): number[] => Array.from({ length: count }, servedNextTurn);
const knownTo = ({ newcomers }: ReturnType<typeof setUp>) => (count: number): void => {
  for (let i = 0; i < count; i++) newcomers.countKnown();
};

test('one newcomer in three turns, and more by what was done for others', () => {
  const it = setUp();
  const turns = turnsBy(it);
  const known = knownTo(it);
  known(1000);
  it.come(100);
  assert.deepEqual(turns(6), [0, 0, 1, 0, 0, 1], 'what was done while nobody waited does not count');
  known(40);
  assert.deepEqual(turns(3), [10, 0, 1]);
  known(2);
  assert.deepEqual(turns(3), [0, 1, 0]);
});

test('where nobody has asked for ten milliseconds, four requests begin in a turn', () => {
  const it = setUp();
  const turns = turnsBy(it);
  const known = knownTo(it);
  it.come(100);
  assert.deepEqual(turns(2), [4, 4], 'nobody has ever asked');
  known(1);
  assert.deepEqual(turns(3), [0, 0, 1]);
  it.time.now += 9;
  assert.deepEqual(turns(3), [0, 0, 1]);
  it.time.now += 1;
  assert.deepEqual(turns(2), [4, 4]);
});

for (const [queue, alone, busy, calm] of [['connections', 1, 21, 16], ['codecs', 8, 18, 8]] as const) {
  test(`${queue}: ${alone} in a turn, ${calm} in a calm, and more by what is done for others`, () => {
    const it = setUp(queue);
    const turns = turnsBy(it);
    const known = knownTo(it);
    known(1);
    it.come(200);
    assert.deepEqual(turns(2), [alone, alone]);
    known(40);
    assert.deepEqual(turns(2), [busy, alone]);
    it.time.now += 10;
    assert.deepEqual(turns(1), [calm]);
  });
}

/** Turns of a millisecond, in which those who are known ask, until so many newcomers had theirs, each refused or not. A newcomer takes half of a millisecond. */
function pass(count: number, isRefused: boolean, { newcomers, time, servedNextTurn }: ReturnType<typeof setUp>): void {
  for (let served = 0; served < count;) {
    newcomers.countKnown();
    time.now++;
    const now = servedNextTurn();
    served += now;
    time.spent += now / 2;
    for (let i = 0; i < now && isRefused; i++) newcomers.countRefused();
  }
}

/** In turns of a quarter of a millisecond, in which those who are known ask. */
function turnsOf({ newcomers, time, servedNextTurn }: ReturnType<typeof setUp>, count: number): number[] {
  return Array.from({ length: count }, () => {
    newcomers.countKnown();
    time.now += 0.25;
    return servedNextTurn();
  });
}

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

/** By what a newcomer is taken to cost: what was spent for others in the same time is shared out, and of codecs eight begin while somebody known asks once. */
for (const [queue, expected] of [['requests', 9], ['codecs', 6]] as const) {
  test(`newcomers of whom most are refused have an eighth of the time: ${queue}`, () => {
    const it = setUp(queue);
    it.come(1000);
    pass(70, true, it);
    assert.equal(it.isPatient(), true);
    it.time.now += 100;
    const turns = turnsOf(it, 100);
    assert.ok(Math.abs(sum(turns) - expected) <= 2, `${sum(turns)} where ${expected} were expected`);
    assert.ok(Math.max(...turns) <= 1, 'time in which nobody came is not saved up');
  });

  test(`a storm that keeps nobody waiting, or is over, takes turns as others: ${queue}`, () => {
    const it = setUp(queue);
    it.newcomers.countKnown();
    it.come(1000);
    const usual = sum(Array.from({ length: 6 }, it.servedNextTurn));
    pass(70, true, it);
    it.time.now += 101;
    assert.equal(sum(Array.from({ length: 6 }, it.servedNextTurn)), usual, 'nobody else is there');
    if (queue === 'codecs') for (let i = 0; i < 140; i++) it.newcomers.countCame();
    else pass(140, false, it);
    pass(3, false, it);
    assert.equal(it.isPatient(), false);
  });
}
