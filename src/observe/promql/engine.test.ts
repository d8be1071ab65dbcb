import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { Labels } from '../metrics/labels.ts';
import { MetricStore } from '../metrics/store.ts';
import { QueryEngine } from './engine.ts';
import { QueryError } from './errors.ts';

const store = new MetricStore();
for (let i = 0; i < 100; i++) for (const pod of ['a', 'b']) store.append(Labels.of({ __name__: 'requests_total', pod }), i * 1000, i);

const failing = (type: string, message: RegExp) => (error: unknown) => error instanceof QueryError && error.errorType === type && message.test(error.message);

test('a query that would load too much is refused before it does', () => {
  const engine = new QueryEngine({ store, clock: new FakeClock() }, { maxSamples: 100 });
  assert.throws(() => engine.instant('requests_total', 99_000), failing('execution', /too many samples/));
});

test('a query that takes too long is stopped, also inside a subquery', () => {
  let now = 0;
  const clock = Object.assign(new FakeClock(), { monotonic: () => (now += 1000) });
  const engine = new QueryEngine({ store, clock }, { timeoutMs: 5000 });
  assert.throws(() => engine.instant('max_over_time(requests_total[90s:1s])', 99_000), failing('timeout', /timed out/));
});

test('a range query with too many points is refused', async () => {
  const engine = new QueryEngine({ store, clock: new FakeClock() });
  await assert.rejects(engine.range({ query: 'up', startMs: 0, endMs: 12_000_000, stepMs: 1000 }), failing('bad_data', /11,000 points/));
});

test('a series that became stale is gone at once, and a sample older than the lookback too', () => {
  const engine = new QueryEngine({ store, clock: new FakeClock() });
  const count = (at: number) => {
    const { value } = engine.instant('count(requests_total)', at);
    return value.t === 'vector' ? (value.samples[0]?.value ?? 0) : -1;
  };
  assert.deepEqual([count(99_000), count(99_000 + 299_999), count(99_000 + 300_000)], [2, 2, 0]);
});

test('a rate over something that is not named like a counter says so', () => {
  const gauges = new MetricStore();
  for (let i = 0; i < 5; i++) gauges.append(Labels.of({ __name__: 'temperature' }), i * 1000, i);
  const { infos } = new QueryEngine({ store: gauges, clock: new FakeClock() }).instant('rate(temperature[10s])', 4000);
  assert.match([...infos].join(), /might not be a counter/);
});
