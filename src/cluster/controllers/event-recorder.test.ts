import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { ConfigMaps, Events, Namespaces } from '../../kube/resource.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createApiServer } from '../apiserver/server.ts';
import { createEventRecorder } from './event-recorder.ts';

async function setUp() {
  const clock = new FakeClock();
  const { client } = createApiServer({ clock });
  await client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const object = await client.create(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } }, { namespace: 'default' });
  const recorder = createEventRecorder({ client, clock, log: silentLog, component: 'tester', host: 'lateen' });
  return { clock, client, object, recorder, written: async () => (await client.list(Events, { namespace: 'default' })).items };
}

test('the same event again raises its count and its last time', async () => {
  const { clock, object, recorder, written } = await setUp();
  recorder.event(object, 'Warning', 'BackOff', 'no luck');
  await clock.advance(60_000);
  recorder.event(object, 'Warning', 'BackOff', 'no luck');
  await recorder.close();
  const [event, ...rest] = await written();
  assert.deepEqual(rest, []);
  assert.deepEqual([event?.count, event?.reason, event?.message, event?.source], [2, 'BackOff', 'no luck', { component: 'tester', host: 'lateen' }]);
  assert.equal(Date.parse(String(event?.lastTimestamp)) - Date.parse(String(event?.firstTimestamp)), 60_000);
  assert.equal(event?.involvedObject.uid, object.metadata.uid);
});

test('many that differ in their message alone become one', async () => {
  const { object, recorder, written } = await setUp();
  for (let i = 0; i < 30; i++) recorder.event(object, 'Warning', 'FailedCreate', `Error creating: pod-${i}`);
  await recorder.close();
  const events = await written();
  assert.equal(events.length, 10);
  const combined = events.find((event) => event.message?.startsWith('(combined from similar events): '));
  assert.deepEqual([combined?.count, combined?.message], [21, '(combined from similar events): Error creating: pod-29']);
});

test('an event that cannot be written is dropped without a sound to the caller', async () => {
  const { client, object, recorder, written } = await setUp();
  recorder.event({ ...object, metadata: { ...object.metadata, name: 'Not A Name' } }, 'Normal', 'Odd', 'x');
  recorder.event(object, 'Normal', 'Fine', 'y');
  await recorder.close();
  assert.deepEqual((await written()).map((event) => event.reason), ['Fine']);
  assert.ok(client);
});
