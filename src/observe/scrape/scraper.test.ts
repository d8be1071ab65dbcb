import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../testkit/eventually.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { MetricStore } from '../metrics/store.ts';
import { QueryEngine } from '../promql/engine.ts';
import { Scraper } from './scraper.ts';
import { createTarget } from './target.ts';

interface Exposed {
  status: number;
  body: string;
}

async function exposing(t: TestContext, exposed: Exposed) {
  let scrapes = 0;
  const server = createServer((_request, response) => {
    scrapes++;
    response.writeHead(exposed.status).end(exposed.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clock = new FakeClock();
  const store = new MetricStore();
  const scraper = new Scraper({ store, clock });
  t.after(async () => {
    await scraper.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  scraper.add(createTarget(url, { job: 'test', instance: 'it' }));
  const engine = new QueryEngine({ store, clock });
  const query = (text: string) => {
    const { value } = engine.instant(text, clock.now());
    return value.t === 'vector' ? value.samples.map((s) => [s.labels.toString(), s.value]) : value;
  };
  /** Lets the scrape that is due happen and waits until it is in the store. */
  const beat = async (count: number) => {
    if (count > 1) await clock.advance(2000);
    await eventually(() => assert.equal(scrapes, count));
    await eventually(() => assert.equal(scraper.statuses()[0]?.lastScrapeMs, clock.now()));
  };
  return { clock, scraper, query, beat, exposed };
}

test('samples carry the labels of the target, and the scrape reports about itself', async (t) => {
  const { query, beat } = await exposing(t, { status: 200, body: 'requests_total{code="200",job="own"} 5\n' });
  await beat(1);
  assert.deepEqual(query('requests_total'), [['requests_total{code="200", instance="it", job="own"}', 5]], 'labels of the target itself win');
  assert.deepEqual(query('up'), [['up{instance="it", job="test"}', 1]]);
  assert.deepEqual(query('scrape_samples_scraped'), [['scrape_samples_scraped{instance="it", job="test"}', 1]]);
});

test('a series that is no longer exposed ends at once', async (t) => {
  const { query, beat, exposed } = await exposing(t, { status: 200, body: 'a 1\nb 2\n' });
  await beat(1);
  exposed.body = 'a 1\n';
  await beat(2);
  assert.deepEqual(query('count({__name__=~"a|b"})'), [['{}', 1]]);
});

for (const [name, broken, error] of [
  ['answers with an error', { status: 503, body: '' }, /HTTP status 503/],
  ['exposes nonsense', { status: 200, body: 'a 1\nnot a metric at all {\n' }, /line 2/],
] as const) {
  test(`a target that ${name} is down, with its reason, and its series end`, async (t) => {
    const { scraper, query, beat, exposed } = await exposing(t, { status: 200, body: 'a 1\n' });
    await beat(1);
    Object.assign(exposed, broken);
    await beat(2);
    assert.deepEqual(query('up'), [['up{instance="it", job="test"}', 0]]);
    assert.deepEqual(query('a'), []);
    assert.match(scraper.statuses()[0]?.lastError ?? '', error);
  });
}

test('a target that is removed leaves nothing current behind', async (t) => {
  const { clock, scraper, query, beat } = await exposing(t, { status: 200, body: 'a 1\n' });
  await beat(1);
  await clock.advance(100);
  await scraper.remove(scraper.statuses()[0]?.target.id ?? '');
  assert.deepEqual(query('{__name__=~"a|up"}'), []);
});
