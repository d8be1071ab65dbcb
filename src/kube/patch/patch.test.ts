import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinSchemas, refTo } from '../schema/builtin.ts';
import { PatchError } from './errors.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

for (const [name, document, operations, want] of [
  ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
  ['inserts into a list', { l: [1, 3] }, [{ op: 'add', path: '/l/1', value: 2 }], { l: [1, 2, 3] }],
  ['appends with a dash', { l: [1] }, [{ op: 'add', path: '/l/-', value: 2 }], { l: [1, 2] }],
  ['removes', { a: { b: 1, c: 2 } }, [{ op: 'remove', path: '/a/b' }], { a: { c: 2 } }],
  ['replaces the root', { a: 1 }, [{ op: 'replace', path: '', value: [1] }], [1]],
  ['moves', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
  ['copies', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
  ['reads escapes', { 'a/b': 1, 'm~n': 2 }, [{ op: 'remove', path: '/a~1b' }, { op: 'test', path: '/m~0n', value: 2 }], { 'm~n': 2 }],
  ['tests deeply', { a: { b: [1] } }, [{ op: 'test', path: '/a', value: { b: [1] } }], { a: { b: [1] } }],
] as const) {
  test(`a JSON patch ${name}`, () => assert.deepEqual(applyJsonPatch<unknown>(document, operations), want));
}

for (const [name, operations] of [
  ['a member that does not exist', [{ op: 'remove', path: '/x' }]], ['an index out of range', [{ op: 'add', path: '/l/9', value: 1 }]],
  ['a failed test', [{ op: 'test', path: '/a', value: 2 }]], ['an unknown operation', [{ op: 'frob', path: '/a' }]], ['a path without slash', [{ op: 'remove', path: 'a' }]],
  ['a move into itself', [{ op: 'move', from: '/o', path: '/o/x' }]], ['no list', {}],
] as const) {
  test(`a JSON patch is refused for ${name}, and the document stays as it was`, () => {
    const document = { a: 1, l: [1], o: {} };
    assert.throws(() => applyJsonPatch<unknown>(document, operations), PatchError);
    assert.deepEqual(document, { a: 1, l: [1], o: {} });
  });
}

test('a JSON patch cannot reach the prototype', () => {
  const patched = applyJsonPatch<Record<string, unknown>>({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.ok(Object.hasOwn(patched, '__proto__'));
});

for (const [name, document, patch, want] of [
  ['merges objects', { a: { b: 1 } }, { a: { c: 2 } }, { a: { b: 1, c: 2 } }],
  ['deletes with null', { a: 1, b: 2 }, { a: null }, { b: 2 }],
  ['replaces lists', { l: [1, 2] }, { l: [3] }, { l: [3] }],
  ['drops nulls from what is new', {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ['replaces a scalar by an object', { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
] as const) {
  test(`a merge patch ${name}`, () => assert.deepEqual(applyMergePatch(document, patch), want));
}

const POD = refTo('io.k8s.api.core.v1.Pod');
const containers = (...list: object[]) => ({ spec: { containers: list } });
for (const [name, document, patch, want] of [
  ['merges list items by their key', containers({ name: 'a', image: '1' }, { name: 'b' }), containers({ name: 'a', image: '2' }), containers({ name: 'a', image: '2' }, { name: 'b' })],
  ['appends items with a new key', containers({ name: 'a' }), containers({ name: 'b' }), containers({ name: 'a' }, { name: 'b' })],
  ['deletes an item by directive', containers({ name: 'a' }, { name: 'b' }), containers({ $patch: 'delete', name: 'a' }), containers({ name: 'b' })],
  ['replaces a list by directive', containers({ name: 'a' }), containers({ $patch: 'replace' }, { name: 'c' }), containers({ name: 'c' })],
  ['orders by $setElementOrder', containers({ name: 'a' }, { name: 'b' }), { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } }, containers({ name: 'b' }, { name: 'a' })],
  ['keeps what the client does not know in its place', containers({ name: 'x' }, { name: 'a' }), { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'b' }] } }, containers({ name: 'b' }, { name: 'x' }, { name: 'a' })],
  ['replaces lists without a key', containers({ name: 'a', args: ['1'] }), containers({ name: 'a', args: ['2'] }), containers({ name: 'a', args: ['2'] })],
  ['deletes values from a primitive list', { metadata: { finalizers: ['a', 'b'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, { metadata: { finalizers: ['b'] } }],
  ['unites primitive lists that merge', { metadata: { finalizers: ['a'] } }, { metadata: { finalizers: ['b', 'a'] } }, { metadata: { finalizers: ['a', 'b'] } }],
  ['retains only the listed keys', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } }, { spec: { volumes: [{ $retainKeys: ['name', 'secret'], name: 'v', secret: {} }] } }, { spec: { volumes: [{ name: 'v', secret: {} }] } }],
  ['replaces an object by directive', { spec: { securityContext: { a: 1 } } }, { spec: { securityContext: { $patch: 'replace', b: 2 } } }, { spec: { securityContext: { b: 2 } } }],
  ['deletes with null', { spec: { nodeName: 'x', hostname: 'h' } }, { spec: { nodeName: null } }, { spec: { hostname: 'h' } }],
  ['merges a nested list', containers({ name: 'a', env: [{ name: 'X', value: '1' }, { name: 'Y', value: '2' }] }), containers({ name: 'a', env: [{ name: 'X', value: '3' }] }), containers({ name: 'a', env: [{ name: 'X', value: '3' }, { name: 'Y', value: '2' }] })],
] as const) {
  test(`a strategic merge patch ${name}`, () => assert.deepEqual(applyStrategicMerge(document, patch, POD, builtinSchemas), want));
}

test('a strategic merge patch without the merge key is refused', () => {
  assert.throws(() => applyStrategicMerge(containers({ name: 'a' }), containers({ image: 'x' }), POD, builtinSchemas), /does not contain declared merge key: name/);
});

const HOSTILE = JSON.parse('{"__proto__":{"a":1},"constructor":{"b":2}}') as Record<string, unknown>;
for (const [name, apply] of [
  ['a merge patch', () => applyMergePatch({ kept: true }, HOSTILE)],
  ['a strategic merge patch', () => applyStrategicMerge({ kept: true }, HOSTILE, POD, builtinSchemas)],
] as const) {
  test(`${name} takes __proto__ and constructor for keys like any other`, () => {
    const result = apply() as object;
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(JSON.stringify(result), '{"kept":true,"__proto__":{"a":1},"constructor":{"b":2}}');
  });
}
