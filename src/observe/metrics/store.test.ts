import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Labels } from './labels.ts';
import { createMatcher } from './matcher.ts';
import { MetricStore } from './store.ts';

const series = (name: string, labels: Record<string, string> = {}) => Labels.of({ __name__: name, ...labels });
const all = { from: -Infinity, to: Infinity };
const named = (name: string) => [createMatcher('__name__', '=', name)];

test('selects by equality, inequality and anchored patterns', () => {
  const store = new MetricStore();
  for (const code of ['200', '404', '500']) store.append(series('requests', { code }), 1000, 1);
  const codes = (op: '=' | '!=' | '=~' | '!~', value: string) => store.select([...named('requests'), createMatcher('code', op, value)], all).map((w) => w.labels.get('code'));
  assert.deepEqual(codes('=', '404'), ['404']);
  assert.deepEqual(codes('!=', '404'), ['200', '500']);
  assert.deepEqual(codes('=~', '[45]..'), ['404', '500']);
  assert.deepEqual(codes('=~', '4'), [], 'patterns are anchored');
  assert.deepEqual(codes('!~', '200|404'), ['500']);
});

test('a range is open at its start and closed at its end', () => {
  const store = new MetricStore();
  for (const time of [1000, 2000, 3000]) store.append(series('a'), time, time);
  assert.deepEqual(store.select(named('a'), { from: 1000, to: 3000 })[0]?.times, [2000, 3000]);
});

test('samples that are not newer are refused', () => {
  const store = new MetricStore();
  assert.equal(store.append(series('a'), 2000, 1), true);
  assert.equal(store.append(series('a'), 2000, 2), false);
  assert.equal(store.append(series('a'), 1000, 2), false);
});

test('a full store refuses new series, keeps the old ones and counts the refusals', () => {
  const store = new MetricStore({ maxSeries: 2 });
  for (const name of ['a', 'b', 'c']) store.append(series(name), 1000, 1);
  assert.equal(store.append(series('a'), 2000, 1), true);
  assert.deepEqual({ series: store.stats().series, refused: store.stats().refusedSeries }, { series: 2, refused: 1 });
});

test('eviction follows the retention, and the index forgets series that are gone', () => {
  const store = new MetricStore({ retentionMs: 10_000 });
  store.append(series('old', { x: '1' }), 1000, 1);
  store.append(series('new', { x: '1' }), 50_000, 1);
  store.evict(51_000);
  assert.deepEqual(store.labelSets([], all).map(String), ['new{x="1"}']);
  assert.equal(store.append(series('old', { x: '1' }), 52_000, 2), true, 'a series may come back');
});

test('a store over its size shortens the retention instead of growing', () => {
  const store = new MetricStore({ retentionMs: 1e9, maxBytes: 20_000 });
  for (let i = 0; i < 10_000; i++) store.append(series('a'), i * 1000, Math.sin(i));
  store.evict(10_000_000);
  assert.ok(store.stats().bytes <= 20_000, `${store.stats().bytes} bytes`);
  assert.equal(store.stats().maxTime, 9_999_000, 'the newest samples stay');
});
