import assert from 'node:assert/strict';
import { test } from 'node:test';
import { priorityLoads, type LevelCount } from './priority-load.ts';

const level = (healthy: number, all: number, degraded = 0): LevelCount => ({ all, healthy, degraded });
const rules = { overprovisioning: 140, panicThreshold: 50 };
const show = (levels: readonly LevelCount[], override: Partial<typeof rules> = {}) =>
  priorityLoads(levels, { ...rules, ...override }).map(({ healthy, degraded, panic }) => `${healthy}${degraded > 0 ? `+${degraded}` : ''}${panic ? '!' : ''}`).join(' ');

/** Expected figures by Envoy's documentation of priority levels, degraded endpoints and panic. */
const cases: readonly [name: string, levels: LevelCount[], want: string, override?: Partial<typeof rules>][] = [
  ['everything is well', [level(4, 4), level(4, 4)], '100 0'],
  ['72 % healthy still carry everything', [level(72, 100), level(100, 100)], '100 0'],
  ['71 % healthy carry 99', [level(71, 100), level(100, 100)], '99 1'],
  ['half carry 70', [level(50, 100), level(100, 100)], '70 30'],
  ['25 % carry 35', [level(25, 100), level(100, 100)], '35 65'],
  ['the first is dead', [level(0, 10), level(10, 10)], '0 100'],
  ['both are too small together: they share in proportion, and panic', [level(25, 100), level(25, 100)], '50! 50!'],
  ['five and thirty of a hundred', [level(5, 100), level(30, 100)], '50! 50!'],
  ['five and fifty-five: only the first is in panic', [level(5, 100), level(55, 100)], '9! 91'],
  ['a low first level is not in panic while the others make up for it', [level(10, 100), level(100, 100)], '14 86'],
  ['three levels take what is left', [level(25, 100), level(25, 100), level(100, 100)], '35 35 30'],
  ['degraded hosts take what the healthy cannot', [level(50, 100, 50)], '70+30'],
  ['degraded hosts come after all healthy ones', [level(25, 100, 0), level(25, 100, 25)], '35 35+30'],
  ['degraded alone', [level(0, 100, 100)], '0+100'],
  ['all are dead: by number of hosts', [level(0, 3), level(0, 1)], '75! 25!'],
  ['all are dead and panic is off: the first, in vain', [level(0, 3), level(0, 1)], '100 0', { panicThreshold: 0 }],
  ['few are left and panic is off', [level(1, 10)], '100', { panicThreshold: 0 }],
  ['few are left', [level(1, 10)], '100!'],
  ['another factor', [level(50, 100), level(100, 100)], '50 50', { overprovisioning: 100 }],
  ['rounding goes to the first that is available', [level(1, 3), level(1, 3), level(1, 3)], '34! 33! 33!', { overprovisioning: 100 }],
  ['no hosts', [level(0, 0)], '100!'],
  ['no levels', [], ''],
];
for (const [name, levels, want, override] of cases) test(name, () => assert.equal(show(levels, override), want));

test('the shares always add up to 100', () => {
  for (let a = 0; a <= 7; a++) for (let b = 0; b <= 7; b++) for (let d = 0; a + d <= 7; d++) {
    const loads = priorityLoads([level(a, 7, d), level(b, 7)], rules);
    assert.equal(loads.reduce((sum, load) => sum + load.healthy + load.degraded, 0), 100, `${a} ${b} ${d}`);
  }
});
