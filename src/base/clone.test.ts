import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloneJson } from './clone.ts';

test('a copy is equal and shares nothing', () => {
  const value = { a: [1, { b: 'x' }, null], c: { d: undefined, e: true } };
  const copy = cloneJson(value);
  assert.deepEqual(copy, value);
  assert.notEqual(copy.a, value.a);
  assert.notEqual(copy.a[1], value.a[1]);
  assert.notEqual(copy.c, value.c);
});

test('the copy of a frozen value can be changed', () => {
  const copy = cloneJson(Object.freeze({ list: Object.freeze([1]) as number[] }));
  copy.list.push(2);
  assert.deepEqual(copy, { list: [1, 2] });
});

test('leaves come back as they are', () => {
  for (const leaf of ['', 0, false, null, undefined]) assert.equal(cloneJson(leaf), leaf);
});

test('a key that is called __proto__ is a key', () => {
  const copy = cloneJson(JSON.parse('{"__proto__": {"polluted": true}}') as object);
  assert.deepEqual(Object.keys(copy), ['__proto__']);
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
});
