import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestAuthentication } from '../../api/request-authentication.ts';
import { silentLog } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { eventually } from '../../testkit/eventually.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createJwksStore } from './jwks-store.ts';

const URI = 'http://issuer/keys';
const objects = [{
  apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication', metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { jwtRules: [{ issuer: 'one', jwksUri: URI }, { issuer: 'two', jwks: '{"keys":[]}' }] },
}] satisfies readonly Stored<RequestAuthentication>[];

function storeOf(answer: () => string) {
  const clock = new FakeClock();
  const seen = { asked: 0, changes: 0 };
  const fetch = async (): Promise<string> => {
    seen.asked++;
    return answer();
  };
  return { clock, seen, store: createJwksStore({ clock, log: silentLog, changed: () => void seen.changes++, fetch }) };
}

test('keys are fetched for the URIs that are named, and there when they are waited for', async () => {
  const { store, seen } = storeOf(() => '{"keys":[1]}');
  await store.settled(objects);
  assert.deepEqual([[...store.of(objects)], seen.asked], [[[URI, '{"keys":[1]}']], 1]);
});

test('keys that cannot be fetched any more stay; new ones replace them', async () => {
  let answer = (): string => '{"keys":[1]}';
  const { store, clock, seen } = storeOf(() => answer());
  await store.settled(objects);
  answer = () => '<html>';
  clock.advance(20 * 60_000);
  await eventually(() => assert.equal(seen.asked, 2));
  assert.equal(store.of(objects).get(URI), '{"keys":[1]}');
  answer = () => '{"keys":[2]}';
  await eventually(() => {
    clock.advance(5000);
    assert.equal(store.of(objects).get(URI), '{"keys":[2]}');
  });
  assert.equal(seen.changes, 2);
  store.close();
});

test('what is no key set is not taken', async () => {
  const { store } = storeOf(() => '{"key":[]}');
  await store.settled(objects);
  assert.equal(store.of(objects).size, 0);
  store.close();
});

test('keys that are named again while they are on their way are fetched anew, and kept up once', async () => {
  const answers: ((keys: string) => void)[] = [];
  const clock = new FakeClock();
  const fetch = () => new Promise<string>((resolve) => answers.push(resolve));
  const store = createJwksStore({ clock, log: silentLog, changed() {}, fetch });
  store.of(objects);
  store.of([]);
  const settled = store.settled([...objects]);
  answers[0]?.('{"keys":["old"]}');
  answers[1]?.('{"keys":["new"]}');
  await settled;
  assert.equal(store.of([...objects]).get(URI), '{"keys":["new"]}');
  await clock.advance(20 * 60_000);
  assert.equal(answers.length, 3);
  store.close();
});

test('nobody waits for ever for an issuer that does not answer', async () => {
  const clock = new FakeClock();
  const store = createJwksStore({ clock, log: silentLog, changed() {}, fetch: () => new Promise(() => {}) });
  const settled = store.settled(objects);
  clock.advance(10_000);
  await settled;
  assert.equal(store.of(objects).size, 0);
});
