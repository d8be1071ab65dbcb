import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdfScheduler } from './edf.ts';

const items = [{ name: 'a', weight: 4 }, { name: 'b', weight: 2 }, { name: 'c', weight: 1 }];
const take = (scheduler: EdfScheduler<{ name: string; weight: number }>, count: number) => Array.from({ length: count }, () => scheduler.pick()?.name).join('');

test('items come in turn by weight, smoothly and without end', () => {
  const scheduler = new EdfScheduler(items, ({ weight }) => weight);
  assert.equal(take(scheduler, 14), 'abaacbaabaacba');
});

test('turns can be taken in advance', () => assert.equal(take(new EdfScheduler(items, ({ weight }) => weight, 3), 3), 'acb'));

test('a weight that changes counts from the next turn', () => {
  const changing = items.map((item) => ({ ...item, weight: 1 }));
  const scheduler = new EdfScheduler(changing, ({ weight }) => weight);
  const [first] = changing;
  assert.ok(first);
  assert.equal(take(scheduler, 3), 'abc');
  first.weight = 100;
  assert.equal((take(scheduler, 100).match(/a/g) ?? []).length, 98);
});

test('many weights get exact shares', () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ name: String.fromCharCode(65 + i), weight: i + 1, picks: 0 }));
  const scheduler = new EdfScheduler(many, ({ weight }) => weight);
  const total = (50 * 51) / 2;
  for (let i = 0; i < total * 20; i++) {
    const item = scheduler.pick();
    if (item) item.picks++;
  }
  for (const { weight, picks } of many) assert.ok(Math.abs(picks - weight * 20) <= 1, `${weight}: ${picks}`);
});

test('nothing to pick from', () => assert.equal(new EdfScheduler([], () => 1).pick(), undefined));
