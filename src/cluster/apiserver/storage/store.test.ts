import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigMaps } from '../../../kube/resource.ts';
import { createApiServer } from '../server.ts';
import { EventLog, type StoreEvent } from './event-log.ts';
import { memoryJournal, type Journal } from './journal.ts';
import { Store } from './store.ts';

test('what was acknowledged is there after a restart, with its version', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const dataFile = join(folder, 'state.sqlite');
  const first = createApiServer({ dataFile });
  const made = await first.client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' }, data: { a: 'b' } });
  await first.client.create(ConfigMaps, { metadata: { name: 'gone', namespace: 'default' } });
  await first.client.delete(ConfigMaps, { namespace: 'default', name: 'gone' });
  // Not closed: a crash must not lose what was acknowledged.
  const second = createApiServer({ dataFile });
  t.after(async () => {
    await second.close();
    await first.close();
  });
  const { items, metadata } = await second.client.list(ConfigMaps);
  assert.deepEqual(items, [made]);
  assert.ok(Number(metadata.resourceVersion) >= 3, 'versions go on from where they were');
});

test('nobody hears of a change before it is durable, and the changes of one turn share a commit', async () => {
  const steps: string[] = [];
  const journal: Journal = { ...memoryJournal, write: (rows) => void steps.push(`write ${rows.length}`) };
  const store = new Store(journal);
  store.listen('/x', (event) => steps.push(`event ${event.entry.object.metadata.name}`));
  const a = store.apply({ collection: '/x', key: 'a', object: { metadata: { name: 'a' } } });
  const b = store.apply({ collection: '/x', key: 'b', object: { metadata: { name: 'b' } } });
  assert.deepEqual(steps, []);
  await Promise.all([a.durable, b.durable]);
  assert.deepEqual(steps, ['write 2', 'event a', 'event b']);
});

test('after a failed commit no write is acknowledged any more', async () => {
  const store = new Store({ ...memoryJournal, write() {
    throw new Error('disk full');
  } });
  await assert.rejects(store.apply({ collection: '/x', key: 'a', object: { metadata: { name: 'a' } } }).durable, /disk full/);
  assert.throws(() => store.apply({ collection: '/x', key: 'b', object: { metadata: { name: 'b' } } }), /disk full/);
});

test('stored objects cannot be changed from outside', async () => {
  const store = new Store(memoryJournal);
  const { entry, durable } = store.apply({ collection: '/x', key: 'a', object: { metadata: { name: 'a', labels: { x: 'y' } } } });
  await durable;
  assert.throws(() => Object.assign(entry.object.metadata.labels ?? {}, { x: 'z' }), TypeError);
});

test('the event log knows how far back it reaches', () => {
  const log = new EventLog();
  for (let revision = 1; revision <= 1000; revision++) log.append({ type: 'ADDED', revision } as StoreEvent);
  assert.equal(log.since(100), undefined);
  assert.deepEqual(log.since(998)?.map((event) => event.revision), [999, 1000]);
  assert.deepEqual(log.since(1000), []);
});
