import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeClient, WatchEvent } from '../../../kube/client.ts';
import { createInformer } from '../../../kube/informer.ts';
import { ConfigMaps } from '../../../kube/resource.ts';
import { eventually } from '../../../testkit/eventually.ts';
import { startApi } from '../test-server.ts';

const put = (client: KubeClient, name: string, labels: Record<string, string> = {}) => client.create(ConfigMaps, { metadata: { name, namespace: 'default', labels } });
const label = (client: KubeClient, name: string, labels: Record<string, string | null>) => client.patch(ConfigMaps, { namespace: 'default', name }, { type: 'application/merge-patch+json', body: { metadata: { labels } } });

async function take(events: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of events) {
    seen.push(event.type === 'ERROR' ? `ERROR ${event.object.code}` : `${event.type} ${(event.object.metadata as { name?: string }).name ?? ''}`.trim());
    if (seen.length === count) break;
  }
  return seen;
}

test('a watch goes on from where a list ended', async (t) => {
  const { client } = await startApi(t);
  await put(client, 'a');
  const { metadata } = await client.list(ConfigMaps);
  await put(client, 'b');
  const events = client.watch(ConfigMaps, { resourceVersion: metadata.resourceVersion });
  await label(client, 'b', { x: 'y' });
  await client.delete(ConfigMaps, { namespace: 'default', name: 'a' });
  assert.deepEqual(await take(events, 3), ['ADDED b', 'MODIFIED b', 'DELETED a']);
});

test('a watch without a version begins with what there is', async (t) => {
  const { client } = await startApi(t);
  await put(client, 'a');
  assert.deepEqual(await take(client.watch(ConfigMaps, {}), 1), ['ADDED a']);
});

test('for a selector an object comes and goes as its labels do', async (t) => {
  const { client } = await startApi(t);
  await put(client, 'a', { on: 'no' });
  const { metadata } = await client.list(ConfigMaps);
  await label(client, 'a', { on: 'yes' });
  await label(client, 'a', { other: 'x' });
  await label(client, 'a', { on: null });
  const events = client.watch(ConfigMaps, { labelSelector: 'on=yes', resourceVersion: metadata.resourceVersion });
  assert.deepEqual(await take(events, 3), ['ADDED a', 'MODIFIED a', 'DELETED a']);
});

test('a version that is too old is answered 410', async (t) => {
  const { client } = await startApi(t);
  for (let i = 0; i < 450; i++) await Promise.all([put(client, `a${i}`), put(client, `b${i}`)]);
  assert.deepEqual(await take(client.watch(ConfigMaps, { resourceVersion: '3' }), 1), ['ERROR 410']);
});

test('an informer follows, lists again after a gap, and reports what it missed as deleted', async (t) => {
  const { client } = await startApi(t);
  await put(client, 'old');
  await put(client, 'stays');
  let cut = new AbortController();
  // The same server behind a connection that breaks, with a history that is gone when it comes back.
  let isGone = false;
  const broken: KubeClient = { ...client, async *watch(resource, options = {}) {
    if (isGone) {
      isGone = false;
      yield { type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 410, reason: 'Expired' } };
      return;
    }
    yield* client.watch(resource, { ...options, signal: AbortSignal.any([cut.signal, ...(options.signal ? [options.signal] : [])]) });
  } };
  const informer = createInformer(ConfigMaps, { client: broken });
  t.after(() => informer.close());
  const seen: string[] = [];
  informer.subscribe((event) => seen.push(`${event.type} ${event.object.metadata.name}`));
  await informer.start();
  assert.deepEqual(seen, ['added old', 'added stays']);
  isGone = true;
  const before = cut;
  cut = new AbortController();
  before.abort();
  await client.delete(ConfigMaps, { namespace: 'default', name: 'old' });
  await put(client, 'new');
  await eventually(() => assert.deepEqual(seen.slice(2).sort(), ['added new', 'deleted old']));
  assert.deepEqual(informer.list().map((o) => o.metadata.name).sort(), ['new', 'stays']);
});
