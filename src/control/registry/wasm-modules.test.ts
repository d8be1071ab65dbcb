import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import test from 'node:test';
import type { WasmPlugin } from '../../api/wasm-plugin.ts';
import { silentLog } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { eventually } from '../../testkit/eventually.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createModuleStore, moduleSource } from './wasm-modules.ts';

const MODULE = Buffer.from('\0asm\u0001\0\0\0', 'latin1');
const plugin = (url: string, spec: Partial<WasmPlugin['spec']> = {}, resourceVersion = '1'): Stored<WasmPlugin> => ({
  apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin', metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { url, ...spec },
});

function storeOf(answers: Record<string, () => Buffer>) {
  const clock = new FakeClock();
  const seen = { asked: [] as string[], changes: 0 };
  const fetch = async (url: string): Promise<Buffer> => {
    seen.asked.push(url);
    const answer = answers[url];
    if (!answer) throw new Error(`${url} answers 404`);
    return answer();
  };
  return { clock, seen, store: createModuleStore({ clock, log: silentLog, changed: () => void seen.changes++, fetch }) };
}

test('a module is looked at once, and known by its digest', async () => {
  const { store, seen } = storeOf({ 'http://a/m': () => MODULE });
  const objects = [plugin('http://a/m'), plugin('http://a/m', { priority: 1 }), plugin('file:///x'), plugin('oci://x/y')];
  assert.equal(store.of(objects).size, 0);
  await store.settled(objects);
  assert.deepEqual([...store.of(objects)], [['http://a/m', { sha256: hash('sha256', MODULE) }]]);
  assert.equal(store.of(objects), store.of(objects));
  assert.deepEqual([seen.asked, seen.changes], [['http://a/m'], 1]);
  assert.equal(store.of([]).size, 0);
});

test('what cannot be fetched, or is none, is said, and fetched again after a while', async () => {
  let body = Buffer.from('<html>');
  const { store, clock } = storeOf({ 'http://a/m': () => body });
  const objects = [plugin('http://a/m'), plugin('http://a/none')];
  await store.settled(objects);
  assert.deepEqual([...store.of(objects).values()], [{ problem: 'it is no WebAssembly module: it does not begin with \\0asm' }, { problem: 'http://a/none answers 404' }]);
  body = MODULE;
  await eventually(() => {
    clock.advance(5000);
    assert.deepEqual(store.of(objects).get('http://a/m'), { sha256: hash('sha256', MODULE) });
  });
  store.close();
});

test('objects that are not valid are passed over', async () => {
  const { store, seen } = storeOf({});
  const bad = [{ ...plugin('x'), spec: undefined }, { ...plugin('x'), spec: {} }, { ...plugin('x'), spec: { url: 5 } }] as unknown as Stored<WasmPlugin>[];
  await store.settled(bad);
  assert.deepEqual([store.of(bad).size, seen.asked], [0, []]);
});

test('with Always each change of the object fetches anew', async () => {
  const { store, seen } = storeOf({ 'http://a/m': () => MODULE });
  for (const version of ['1', '2']) await store.settled([plugin('http://a/m', { imagePullPolicy: 'Always' }, version)]);
  for (const version of ['1', '2']) await store.settled([plugin('http://a/m', { imagePullPolicy: 'IfNotPresent' }, version)]);
  assert.equal(seen.asked.length, 3);
});

for (const [url, kind] of [['file:///x.wasm', 'file'], ['http://a/b', 'http'], ['https://a/b', 'http'], ['oci://a/b', 'none'], ['a/b:v1', 'none'], ['http://', 'none']] as const) {
  test(`a module comes from ${url}: ${kind}`, () => assert.equal(moduleSource(url).kind, kind));
}
